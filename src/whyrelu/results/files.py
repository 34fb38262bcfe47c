"""Tables of results/<study>/: the same content always gives the same bytes, and a file is either whole or not there."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from whyrelu.errors import UserError, one_line
from whyrelu.files import replacing, write_bytes

# Rows of a row group: what `pandas.DataFrame.to_parquet` takes.
_GROUP_ROWS = 1 << 20


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as parquet; missing numbers are nulls."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, engine="pyarrow", index=False)
    write_bytes(buffer.getvalue(), path)


def write_batches(batches: Iterable[pd.DataFrame], path: Path) -> None:
    """Write a table that need not fit into memory; the bytes are those that `write_table` gives for the whole.

    Args:
        batches: rows, in their order, all with the same columns; at least one.
        path: of the file, which is there when all batches were written, or not at all.
    """
    with replacing(path) as partial:
        writer: pq.ParquetWriter | None = None
        # a group is compressed while the next is made
        with open(partial, "wb") as file, ThreadPoolExecutor(1) as pool:
            writing: Future[None] | None = None
            for group in _row_groups(batches):
                if writing is not None:
                    writing.result()
                writer = writer or pq.ParquetWriter(file, group.schema)
                writing = pool.submit(writer.write_table, group, _GROUP_ROWS)
                del group
            assert writer is not None and writing is not None
            writing.result()
            writer.close()


def _row_groups(batches: Iterable[pd.DataFrame]) -> Iterator[pa.Table]:
    """Rows in portions of `_GROUP_ROWS`, the last of what is left; a single one without rows if there are none."""
    waiting: list[pa.Table] = []
    rows, is_empty = 0, True
    for batch in batches:
        waiting.append(pa.Table.from_pandas(batch, preserve_index=False))
        rows += len(batch)
        while rows >= _GROUP_ROWS:
            joined = pa.concat_tables(waiting)
            rows, is_empty = rows - _GROUP_ROWS, False
            # not a view, which would keep what is written in memory
            waiting = [joined.slice(_GROUP_ROWS).combine_chunks()]
            yield joined.slice(0, _GROUP_ROWS).combine_chunks()
    if rows or is_empty:
        yield pa.concat_tables(waiting).combine_chunks()


def read_table(path: Path, columns: Iterable[str], writer: str = "python src/aggregate.py") -> pd.DataFrame:
    """Read what `write_table` wrote, with the same dtypes.

    Args:
        path: the parquet file.
        columns: those it must have; others are kept.
        writer: the command that writes it, for messages.

    Raises:
        UserError: the file is missing, damaged or lacks a column.
    """
    with _explained(path, writer):
        table = pd.read_parquet(io.BytesIO(path.read_bytes()), engine="pyarrow")
        _check_columns(path, columns, table.columns, writer)
        return table


def read_part(
    path: Path, columns: Sequence[str], rows: pc.Expression | None = None, writer: str = "python src/aggregate.py"
) -> pd.DataFrame:
    """Read some columns and rows of what may be too large to be read whole; otherwise as `read_table`.

    Args:
        path: the parquet file.
        columns: the columns, in their order.
        rows: which rows; all without it.
        writer: the command that writes the file, for messages.

    Raises:
        UserError: the file is missing, damaged or lacks a column.
    """
    with _explained(path, writer):
        _check_columns(path, columns, pq.read_schema(path).names, writer)
        # the folder of a study may be called like the partition of a table
        table = pq.read_table(path, columns=list(columns), filters=rows, partitioning=None)
        return pd.DataFrame(table.to_pandas())


@contextmanager
def _explained(path: Path, writer: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {writer} writes it") from None
    except Exception as error:  # whatever a damaged file makes its readers raise
        raise UserError(f"{path} is damaged ({one_line(error)}): {writer} writes it again") from None


def _check_columns(path: Path, wanted: Iterable[str], found: Iterable[str], writer: str) -> None:
    known = set(found)
    if lacking := [name for name in wanted if name not in known]:
        raise UserError(f"{path} has no column {', '.join(lacking)}: {writer} writes it again")


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, numbers with six significant digits."""
    write_bytes(table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode(), path)
