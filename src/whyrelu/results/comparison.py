"""Whether two folders of results say the same, times aside.

timing.json holds times. What depends on it is marked: entries of claims.json and rows of contrasts.parquet that are
`timed`, and what metrics.json says of those claims. All else is the same byte for byte on the same kind of machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whyrelu.errors import UserError
from whyrelu.files import read_json
from whyrelu.results.columns import CONTRAST_COLUMNS
from whyrelu.results.files import read_table

TIMING = "timing.json"


def differences(first: Path, second: Path) -> list[str]:
    """What differs between results/<study> of two checkouts, in words; nothing if all but times is the same.

    Raises:
        UserError: a folder is missing, or a file that has to be looked into is damaged.
    """
    names = [_names(folder) for folder in (first, second)]
    found = [f"{name} is in {'the first' if name in names[0] else 'the second'} only" for name in names[0] ^ names[1]]
    timed = _timed_claims(first) | _timed_claims(second)
    for name in sorted(names[0] & names[1]):
        paths = first / name, second / name
        if name == "claims.json":
            left, right = ({entry["id"]: entry for entry in read_json(path)} for path in paths)
            is_same = _same(left, right, timed)
        elif name == "metrics.json":
            left, right = (read_json(path) for path in paths)
            is_same = _same(left.pop("claims", {}), right.pop("claims", {}), timed) and left == right
        elif name == "contrasts.parquet":
            tables = [read_table(path, CONTRAST_COLUMNS) for path in paths]
            kept = [table[~table["timed"]].reset_index(drop=True) for table in tables]
            is_same = kept[0].equals(kept[1])
        else:
            is_same = paths[0].read_bytes() == paths[1].read_bytes()
        found += [] if is_same else [f"{name} differs"]
    return sorted(found)


def _names(folder: Path) -> set[str]:
    if not folder.is_dir():
        raise UserError(f"there is no {folder}; python src/aggregate.py makes it")
    return {path.name for path in folder.iterdir() if path.is_file() and path.name != TIMING}


def _timed_claims(folder: Path) -> set[str]:
    """The ids of claims that depend on times."""
    path = folder / "claims.json"
    return {entry["id"] for entry in read_json(path) if entry.get("timed")} if path.is_file() else set()


def _same(first: Mapping[str, Any], second: Mapping[str, Any], leave_out: set[str]) -> bool:
    left, right = ({key: value for key, value in own.items() if key not in leave_out} for own in (first, second))
    return left == right
