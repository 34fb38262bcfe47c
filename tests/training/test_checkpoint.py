"""Checkpoints: what is damaged is never continued from."""

import errno
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from whyrelu.errors import UserError
from whyrelu.training.checkpoint import AtomicCheckpointIO, usable


def content(seed: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    return {"epoch": 3, "state_dict": {"weight": torch.randn(64, 64, generator=generator)}, "history": [0.5, 0.25]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a-run" / "checkpoint.ckpt"
    path.parent.mkdir()
    torch.save(content(), path)
    return path


def test_what_is_saved_can_be_used(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert usable(path)
    assert not usable(path.with_name("none.ckpt"))
    assert not capsys.readouterr().err


def test_what_is_no_checkpoint_is_named_and_removed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], bytes(len(whole)), b"{}"):
        path.write_bytes(damaged)
        assert not usable(path)
        assert not path.exists()
        assert capsys.readouterr().err.startswith(f"{path} is damaged")


class Evil:
    """A pickle that makes a file when it is read."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> Any:
        return self._marker.touch, ()


def test_code_in_a_checkpoint_is_never_executed(path: Path, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    # it works where pickles are trusted
    pickle.loads(pickle.dumps(Evil(marker)))
    marker.unlink()
    for content in ({"state_dict": Evil(marker)}, Evil(marker)):
        torch.save(content, path)
        assert not usable(path)
        assert not path.exists() and not marker.exists()


def test_a_full_disk_is_one_clear_line_and_leaves_the_old_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(checkpoint: dict[str, Any], target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match=r"cannot write .*: No space left on device"):
        AtomicCheckpointIO().save_checkpoint(content(1), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
