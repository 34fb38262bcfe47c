"""The whole measurement, as typed; nothing here depends on what anything takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from typed import python
from whyrelu.timing.plan import shipped_activations
from whyrelu.timing.steps import BASELINE

GRID = ["experiment=digits", "activation=relu,sigmoid", "depth=1,2", "seed=0,1"]
TINY = [
    "width=2",
    "batch_size=16",
    "timing=quick",
    "timing.seconds=0",
    "timing.blocks=2",
    "timing.sample=0",
    "timing.sizes=[16,64]",
    "timing.widths=[2,4]",
    "timing.vanishing_depths=[3]",
    "timing.wait=0",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a tiny study was timed; neither its learning rates nor its runs have to be there."""
    folder = tmp_path_factory.mktemp("checkout")
    done = python(folder, "timing.py", *GRID, *TINY)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def timing(folder: Path) -> dict:
    return json.loads((folder / "results/digits/timing.json").read_text())


def test_everything_that_was_asked_for_is_there(timing: dict) -> None:
    operations = {(e["activation"], e["size"], e["pass"]) for e in timing["op"]}
    assert operations == {
        (name, size, way) for name in ("relu", "sigmoid") for size in (16, 64) for way in ("forward", "backward")
    }
    steps = {(e["activation"], e["depth"], e["width"], e["kind"]) for e in timing["step"]}
    names = ("relu", "sigmoid", "identity")
    # without a second left, further widths are left out, and said to be
    assert steps == {(name, depth, 2, kind) for name in names for depth in (1, 2) for kind in ("train", "inference")}
    assert timing["left_out"] == ["width 4 at depth 1"]
    assert {e["threads"] for e in [*timing["op"], *timing["step"]]} == {1}
    for entry in [*timing["op"], *timing["step"], *timing["subnormal"]]:
        assert len(entry["seconds"]) == 2
        assert all(seconds > 0 for seconds in entry["seconds"])


def test_the_machine_is_described(timing: dict) -> None:
    assert timing["machine"]["device"] == "cpu"
    assert timing["machine"]["threads"] == 1
    assert set(timing["load"]) == {
        "average_before",
        "average_after",
        "others_before",
        "others_meanwhile",
        "is_busy",
    }
    assert timing["settings"]["shape"] == [8, 8, 1]
    assert timing["settings"]["timing"]["blocks"] == 2
    assert timing["seconds"] > 0
    assert timing["flushed_share"].get("1", 1.0) == 1.0


def test_a_note_that_is_not_committed_stands_beside_the_data(folder: Path, timing: dict) -> None:
    assert json.loads((folder / "data/digits-timing.json").read_text()) == timing["machine"]


def test_claims_are_decided_from_it(folder: Path, timing: dict) -> None:
    from claims.studies import entry, study

    tables = study(depths=(1, 2), level="off", axes=[{"width": 2}])
    for claim in ("C3", "C5", "C6"):
        assert entry(claim, tables | {"timing": timing})["verdict"] != "not tested"
    assert "two widths or more" in entry("C4", tables | {"timing": timing})["evidence"]


def test_all_activations_of_conf_can_be_timed(configs) -> None:
    from whyrelu.timing.stage import time_study

    found = time_study(configs(*TINY, "activation=relu", "depth=1", "timing.every_activation=true"), lambda line: None)
    assert {entry["activation"] for entry in found["op"]} == set(shipped_activations()) - {BASELINE}


def test_a_study_in_double_precision_is_timed_with_its_subnormal_numbers(configs) -> None:
    from whyrelu.timing.stage import time_study
    from whyrelu.timing.subnormal import can_flush

    found = time_study(configs(*TINY, "activation=relu", "depth=1", "precision=64-true"), lambda line: None)
    assert found["settings"]["precision"] == "64-true"
    assert {entry["activation"] for entry in found["step"]} == {"relu", BASELINE}
    # which are those of float32 whatever the study has
    assert {entry["depth"] for entry in found["subnormal"]} == ({3} if can_flush() else set())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["timing.blocks=1"], "timing.blocks must be at least 2"),
        (["timing=long"], "unknown timing 'long'"),
        (["activation=relo"], "did you mean 'relu'"),
        (["trainer.accelerator=cuda"], "trainer.accelerator=cuda cannot be used on this machine"),
    ],
)
def test_what_cannot_be_timed_is_told_in_one_line(folder: Path, arguments: list[str], message: str) -> None:
    import torch

    if "cuda" in message and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    done = python(folder, "timing.py", *GRID, *arguments)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert message in lines[0]
