"""Files are whole or not there, whatever the disk does, and what cannot be read is refused in one line."""

import builtins
import errno
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from whyrelu.errors import UserError
from whyrelu.files import read_json, write_bytes, write_json
from whyrelu.results.files import read_table, write_table
from whyrelu.tuning.rates import chosen_rates

# What writing asks of the system.
CALLS = [
    (io, "open"),
    (builtins, "open"),
    (os, "fsync"),
    (os, "replace"),
]


@contextmanager
def failing(n: int, number: int) -> Iterator[list[str]]:
    """Let the n-th call fail, counted from 0; gives the names of the calls made."""
    made: list[str] = []

    def counted(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            made.append(name)
            if len(made) == n + 1:
                raise OSError(number, os.strerror(number))
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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("write", [json_file, table])
def test_whatever_call_fails_the_old_file_stays_and_nothing_is_left(
    tmp_path: Path, write: Callable[[Path], None], is_there: bool, number: int
) -> None:
    path = tmp_path / "results" / "file"
    if is_there:
        write_bytes(b"old", path)
    before = {found: found.read_bytes() for found in tmp_path.rglob("*") if found.is_file()}
    for n in range(20):
        with failing(n, number) as made:
            try:
                write(path)
                break
            except UserError as error:
                message = str(error)
        assert message == f"cannot write {path}: {os.strerror(number)}; nothing finished is lost"
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


def test_a_disk_that_is_full_in_the_middle_of_a_file_keeps_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, content: bytes) -> None:
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(UserError, match="No space left on device"):
        write_bytes(b"new content", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_stopped_in_between_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_bytes(b"old", path)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(b"new", path)
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("file", b"old")]


def test_numbers_that_json_does_not_know_are_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json({"a": float("nan")}, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


# reading


@pytest.mark.parametrize(
    ("name", "write", "read"),
    [
        ("a.json", json_file, read_json),
        ("a.parquet", table, lambda path: read_table(path, ["a"])),
    ],
)
@pytest.mark.parametrize(
    "damage", [lambda content: b"", lambda content: bytes(len(content)), lambda content: content[:9]]
)
def test_what_is_damaged_is_refused_in_one_line(
    tmp_path: Path,
    name: str,
    write: Callable[[Path], None],
    read: Callable[[Path], Any],
    damage: Callable[[bytes], bytes],
) -> None:
    path = tmp_path / name
    with pytest.raises(UserError, match=name):
        read(path)
    write(path)
    assert len(read(path)) >= 1
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=name) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_damaged_learning_rates_are_never_used(tmp_path: Path) -> None:
    path = tmp_path / "lr.csv"
    assert chosen_rates(path) == {}
    path.write_text("cell,lr,n\n0123456789abcdef,0.1,2\nfedcba9876543210,0.0316,2\n")
    whole = chosen_rates(path)
    assert whole == {"0123456789abcdef": 0.1, "fedcba9876543210": 0.0316}
    for content in ("cell,lr,n\n0123456789abcdef,-0.1,2\n", "cell,lr\n0123,inf\n", "cell,lr,n\n0123\n", "a,b\n1,2\n"):
        path.write_text(content)
        with pytest.raises(UserError, match=r"lr\.csv is damaged \(.*\): python src/tune\.py writes it again"):
            chosen_rates(path)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    json_file(tmp_path / "a.json")
    assert read_json(tmp_path / "a.json") == {"value": [1, 2]}
    assert json.loads((tmp_path / "a.json").read_text()) == {"value": [1, 2]}
    with pytest.raises(UserError, match=r"a\.csv is missing: python src/tune\.py writes it"):
        read_json(tmp_path / "a.csv", "python src/tune.py")
