"""Checkpoints: what is damaged is never continued from."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from whyrelu.training.checkpoint import usable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a-run" / "checkpoint.ckpt"
    path.parent.mkdir()
    torch.save({"epoch": 3, "state_dict": {"weight": torch.ones(64, 64)}, "history": [0.5, 0.25]}, path)
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
