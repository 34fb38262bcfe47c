"""Files of results/<study>/: the same content always gives the same bytes, and a file is either whole or not there."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.errors import UserError


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as parquet; missing numbers are nulls."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, engine="pyarrow", index=False)
    write_bytes(buffer.getvalue(), path)


def read_table(path: Path, columns: Iterable[str], writer: str = "python src/aggregate.py") -> pd.DataFrame:
    """Read what `write_table` wrote, with the same dtypes.

    Args:
        path: the parquet file.
        columns: those it must have; others are kept.
        writer: the command that writes it, for messages.

    Raises:
        UserError: the file is missing, damaged or lacks a column.
    """
    try:
        table = pd.read_parquet(io.BytesIO(path.read_bytes()), engine="pyarrow")
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {writer} writes it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({_one_line(error)}): {writer} writes it again") from None
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise UserError(f"{path} has no column {', '.join(lacking)}: {writer} writes it again")
    return table


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, numbers with six significant digits."""
    write_bytes(table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode(), path)


def write_json(value: Any, path: Path) -> None:
    """Write plain values as JSON in the order they have.

    Raises:
        ValueError: a number that is not finite.
    """
    write_bytes((json.dumps(value, indent=2, allow_nan=False) + "\n").encode(), path)


def read_json(path: Path, writer: str = "python src/aggregate.py") -> Any:
    """Read what `write_json` wrote.

    Args:
        path: the file.
        writer: the command that writes it, for messages.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {writer} writes it") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({_one_line(error)}): {writer} writes it again") from None


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file through a temporary one beside it, so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
