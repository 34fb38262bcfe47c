"""Checksums inside files, which any reader of their format passes over: of parquet, and of the rows of CSV.

Parquet can have checksums of its pages, but none of its footer, where a changed bit may rename a column, change a type
or hide rows. Between the pages and the footer there may be anything: there is the SHA-256 of all the rest.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

_MARK = b"whyrelu sha256 "
_SIZE = len(_MARK) + hashlib.sha256().digest_size
# The last column of CSV.
_COLUMN = "check"
# What a file ends with: the length of the footer, and letters.
_END = 8
_PORTION = 1 << 20


def sealed(content: bytes) -> bytes:
    """Return a parquet file with its checksum."""
    file = io.BytesIO(content)
    _seal(file)
    return file.getvalue()


def seal(path: Path) -> None:
    """Put its checksum into a parquet file that may be too large to be read whole."""
    with open(path, "r+b") as file:
        _seal(file)


def check(path: Path) -> None:
    """Read a file that may be large from end to end.

    Raises:
        ValueError: it is not what was written. A file that was never sealed is let pass.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        _check(file)


def check_content(content: bytes) -> None:
    """As `check`, of the content of a file."""
    _check(io.BytesIO(content))


def with_checks(text: str) -> str:
    """Return CSV with a last column that holds a checksum of each row."""
    header, *rows = text.splitlines()
    return "".join(f"{line}\n" for line in (f"{header},{_COLUMN}", *(f"{row},{_row(row)}" for row in rows)))


def check_rows(text: str) -> None:
    """Look at the checksums of CSV.

    Raises:
        ValueError: a row is not what was written. CSV without such a column is let pass.
    """
    header, *rows = text.splitlines() or [""]
    if not header.endswith(f",{_COLUMN}"):
        return
    for i, row in enumerate(rows, 2):
        said, _, checksum = row.rpartition(",")
        if checksum != _row(said):
            raise ValueError(f"line {i} is not what was written")


def _row(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()[:8]


def _seal(file: BinaryIO) -> None:
    begin, size = _footer(file)
    footer = _read(file, begin, size - begin)
    checksum = _MARK + _digest(file, begin, footer)
    file.seek(begin)
    file.write(checksum + footer)


def _check(file: BinaryIO) -> None:
    begin, size = _footer(file)
    place = begin - _SIZE
    found = _read(file, place, _SIZE) if 0 < begin < size and place > 0 else b""
    if not found.startswith(_MARK):
        # the mark elsewhere: the length of the footer, which tells the place, has changed
        if _MARK in _read(file, 0, size):
            raise ValueError("its checksum is not where it was")
        return
    if found != _MARK + _digest(file, place, _read(file, begin, size - begin)):
        raise ValueError("its checksum is another")


def _footer(file: BinaryIO) -> tuple[int, int]:
    """Where the footer begins, as the file itself tells, and the size of the file."""
    size = file.seek(0, io.SEEK_END)
    length = int.from_bytes(_read(file, max(size - _END, 0), 4), "little")
    return size - _END - length, size


def _digest(file: BinaryIO, end: int, footer: bytes) -> bytes:
    """Of the bytes up to `end`, and of the footer."""
    digest = hashlib.sha256()
    file.seek(0)
    while end > 0 and (portion := file.read(min(end, _PORTION))):
        digest.update(portion)
        end -= len(portion)
    digest.update(footer)
    return digest.digest()


def _read(file: BinaryIO, begin: int, size: int) -> bytes:
    file.seek(begin)
    return file.read(size)
