"""Files are whole or not there, whatever the disk does; tests/results/test_study.py reads them back."""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from whyrelu.errors import UserError
from whyrelu.files import write_bytes, write_json
from whyrelu.results.files import write_table

# What writing asks of the system.
CALLS = [(io, "open"), (builtins, "open"), (os, "fsync"), (os, "replace")]


@contextmanager
def failing(n: int, error: BaseException) -> Iterator[list[str]]:
    """Let the n-th call fail, counted from 0; gives the names of the calls made."""
    made: list[str] = []

    def counted(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            made.append(name)
            if len(made) == n + 1:
                raise error
            return original(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for module, name in CALLS:
            patch.setattr(module, name, counted(name, getattr(module, name)))
        yield made


def json_file(path: Path) -> None:
    write_json({"value": [1, 2]}, path)


def table(path: Path) -> None:
    write_table(pd.DataFrame({"a": [1.0, 2.0]}), path)


FULL = OSError(errno.ENOSPC, "the disk is full")


@pytest.mark.parametrize(
    ("write", "is_there", "error"),
    [(json_file, True, FULL), (json_file, False, FULL), (table, True, FULL), (json_file, True, KeyboardInterrupt())],
)
def test_whatever_call_fails_the_old_file_stays_and_nothing_is_left(
    tmp_path: Path, write: Callable[[Path], None], is_there: bool, error: BaseException
) -> None:
    path = tmp_path / "results" / "file"
    if is_there:
        write_bytes(b"old", path)
    before = {found: found.read_bytes() for found in tmp_path.rglob("*") if found.is_file()}
    for n in range(20):
        with failing(n, error) as made:
            try:
                write(path)
                break
            except UserError as told:
                assert str(told) == f"cannot write {path}: the disk is full; nothing finished is lost"
            except KeyboardInterrupt:
                assert error is not FULL
        assert {found: found.read_bytes() for found in tmp_path.rglob("*") if found.is_file()} == before
    # all of them have failed once
    assert n == len(made) >= 4
    assert {"fsync", "replace"} <= set(made)
    assert [found.name for found in path.parent.iterdir()] == ["file"]
    assert path.read_bytes() != b"old"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*results/digits/a\.json: Not a directory"):
        write_json({}, tmp_path / "results" / "digits" / "a.json")


def test_numbers_that_json_does_not_know_are_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json({"a": float("nan")}, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []
