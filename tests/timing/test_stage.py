"""The whole measurement; nothing here depends on what anything takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from claims.studies import entry, study
from whyrelu.config.grid import compose_grid
from whyrelu.timing.plan import shipped_activations
from whyrelu.timing.stage import time_study
from whyrelu.timing.steps import BASELINE

TINY = [
    *("experiment=digits", "width=2", "batch_size=16", "timing=quick", "timing.seconds=0", "timing.blocks=2"),
    *("timing.sample=0", "timing.sizes=[16,64]", "timing.widths=[2,4]", "timing.vanishing_depths=[3]", "timing.wait=0"),
]


def timed(root: Path, *overrides: str) -> dict:
    runs = compose_grid([f"prepared_root={root}", *TINY, *overrides])
    return time_study([run.config for run in runs], lambda line: None)


@pytest.fixture(scope="module")
def timing(root: Path) -> dict:
    """A tiny study that was timed; neither its learning rates nor its runs have to be there."""
    return timed(root, "activation=relu,sigmoid", "depth=1,2", "seed=0,1")


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
    for own in [*timing["op"], *timing["step"], *timing["subnormal"]]:
        assert len(own["seconds"]) == 2
        assert all(seconds > 0 for seconds in own["seconds"])
    assert (timing["machine"]["device"], timing["machine"]["threads"]) == ("cpu", 1)
    assert timing["settings"]["shape"] == [8, 8, 1]


def test_claims_are_decided_from_it(timing: dict) -> None:
    tables = study(depths=(1, 2), level="off", axes=[{"width": 2}])
    for claim in ("C3", "C5", "C6"):
        assert entry(claim, tables | {"timing": timing})["verdict"] != "not tested"
    assert entry("C4", tables | {"timing": timing})["verdict"] == "not tested"


def test_all_activations_in_double_precision(root: Path) -> None:
    found = timed(root, "activation=relu", "depth=1", "precision=64-true", "timing.every_activation=true")
    assert {own["activation"] for own in found["op"]} == set(shipped_activations()) - {BASELINE}
    assert found["settings"]["precision"] == "64-true"
    assert {own["activation"] for own in found["step"]} == {"relu", BASELINE}
