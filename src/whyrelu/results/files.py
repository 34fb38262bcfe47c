"""Tables as files: the same content always gives the same bytes, and a file is either whole or not there."""

import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from whyrelu.errors import UserError, one_line
from whyrelu.files import write_bytes


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as parquet; missing numbers are nulls."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, engine="pyarrow", index=False)
    write_bytes(buffer.getvalue(), path)


def read_table(path: Path, columns: Mapping[str, str], writer: str) -> pd.DataFrame:
    """Read what `write_table` or `write_csv` wrote; `columns` are those it must have, with their dtypes.

    A file that is missing, damaged or lacks a column is a UserError that names the command which writes it.
    """
    try:
        content = io.BytesIO(path.read_bytes())
        table = pd.read_parquet(content, engine="pyarrow") if path.suffix == ".parquet" else _parsed(content, columns)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {writer} writes it") from None
    except Exception as error:  # whatever a damaged file makes its readers raise
        raise UserError(f"{path} is damaged ({one_line(error)}): {writer} writes it again") from None
    if lacking := [name for name in columns if name not in table.columns]:
        raise UserError(f"{path} has no column {', '.join(lacking)}: {writer} writes it again")
    return table


def _parsed(content: io.BytesIO, columns: Mapping[str, str]) -> pd.DataFrame:
    """A CSV, in which an empty text is a text, and an empty number missing."""
    texts = {name: "str" for name, kind in columns.items() if kind == "str"}
    table = pd.read_csv(content, dtype=texts, keep_default_na=False, na_values=[""])
    return table.fillna(dict.fromkeys(texts, "")).astype(columns)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, numbers with six significant digits."""
    write_bytes(table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode(), path)
