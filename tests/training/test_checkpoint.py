"""Checkpoints: what is damaged, or of another run, is never continued from."""

import errno
import random
from pathlib import Path

import pytest
import torch

from whyrelu.errors import UserError
from whyrelu.training.checkpoint import AtomicCheckpointIO, usable


def content(seed: int = 0) -> dict:
    generator = torch.Generator().manual_seed(seed)
    return {"epoch": 3, "state_dict": {"weight": torch.randn(64, 64, generator=generator)}, "history": [0.5, 0.25]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a-run" / "checkpoint.ckpt"
    path.parent.mkdir()
    AtomicCheckpointIO().save_checkpoint(content(), path)
    return path


def test_what_is_saved_can_be_used(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert usable(path)
    loaded = AtomicCheckpointIO().load_checkpoint(path)
    assert torch.equal(loaded["state_dict"]["weight"], content()["state_dict"]["weight"])
    assert loaded["history"] == [0.5, 0.25]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert not usable(path.with_name("none.ckpt"))
    assert not capsys.readouterr().err


def test_any_changed_bit_that_matters_is_found(path: Path) -> None:
    whole, draw, found = path.read_bytes(), random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        if usable(path):
            # the padding and the dates of the archive, which nobody reads
            loaded = torch.load(path, weights_only=True)
            assert torch.equal(loaded["state_dict"]["weight"], content()["state_dict"]["weight"])
            assert (loaded["epoch"], loaded["history"]) == (3, [0.5, 0.25])
        else:
            assert not path.exists()
            found += 1
    assert found > 200


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: bytes(len(b)), lambda b: b"{}"]
)
def test_what_is_no_checkpoint_is_named_and_removed(path: Path, damage, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_bytes(damage(path.read_bytes()))
    assert not usable(path)
    assert not path.exists()
    assert capsys.readouterr().err == f"{path} is damaged: this run starts anew\n"


def test_the_checkpoint_of_another_run_is_not_used(path: Path) -> None:
    other = path.parents[1] / "another-run" / path.name
    other.parent.mkdir()
    path.rename(other)
    assert not usable(other)


def test_a_full_disk_is_one_clear_line_and_leaves_the_old_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        with open(self, "wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"cannot write .*checkpoint\.ckpt: No space left on device"):
        AtomicCheckpointIO().save_checkpoint(content(1), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
