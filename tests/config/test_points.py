"""Grids whose points are made of one that was resolved: the same as resolving each, at a cost that does not grow."""

from typing import Any

import pytest

from composing import plain
from whyrelu.config import composition
from whyrelu.config.composition import compose_grid
from whyrelu.errors import UserError

# What varies together, what refers to what varies, and what is not as simple as it looks.
GRIDS = [
    ["seed=0,1,-3", "depth=2,4", "lr=0.1,1e-2,1"],
    ["study='${data.name}-${seed}'", "seed=1,2", "depth=3"],
    ["seed=1,2", "width='${depth}',5", "depth=3,4"],
    ["data.augmentation={padding:1},{flip:true}", "seed=0,1"],
    ["optimizer.default_lr=0.5,0.25", "seed=0,1"],
    ["tuning.seeds=2,'3'", "trainer.checkpoint_seconds=1,2.5", "data.train_size=null,50"],
    ["activation=relu,leaky_relu", "activation.name=a,b"],
    ["+activation.inplace=true,false", "model._target_=whyrelu.network.model.PlainCNN,mine.net", "seed=0,1"],
    ["arms=[],['depth=3 seed=9']", "seed=4,5"],
    ["mlflow.tracking_uri=null,'a=b'", "seed=0,1"],
]


@pytest.mark.parametrize("overrides", GRIDS, ids=" ".join)
def test_every_point_is_what_hydra_composes(overrides: list[str]) -> None:
    for job in compose_grid(overrides):
        assert job.config == plain(job.overrides)


def resolved(overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """How often a configuration was resolved to compose a grid."""
    calls: list[Any] = []
    original = composition.resolve
    monkeypatch.setattr(
        composition, "resolve", lambda config, look_up=True: (calls.append(config), original(config, look_up))[1]
    )
    compose_grid(overrides)
    monkeypatch.undo()
    return len(calls)


def test_the_cost_grows_with_the_choices_of_groups_and_not_with_the_points(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = ["activation=relu,tanh", "norm=none,batch"]
    assert resolved([*groups, "depth=2", "seed=0"], monkeypatch) == 4
    assert resolved([*groups, "depth=2,4,8", "seed=range(0,200)", "lr=0.1,0.2"], monkeypatch) == 4


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        (["seed=0,1", "depth=2,0"], "setting depth must be at least 1, not 0"),
        (["lr=0.1,-1", "seed=0,1"], "setting lr must be a finite number above 0, not -1"),
        (["seed=0,x", "depth=2,4"], "setting seed must be a whole number, not 'x'"),
    ],
)
def test_every_value_is_checked(typed: list[str], what: str) -> None:
    with pytest.raises(UserError, match=f"^{what}"):
        compose_grid(typed)


def test_tuned_rates_are_looked_up_once_per_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def rate(config: dict[str, Any]) -> float:
        asked.append((config["activation"]["name"], config["depth"]))
        return 0.01 * config["depth"]

    monkeypatch.setattr(composition, "tuned_rate", rate)
    jobs = compose_grid(["activation=relu,tanh", "depth=2,4", "seed=range(0,50)", "lr=tuned"])
    assert asked == [("relu", 2), ("relu", 4), ("tanh", 2), ("tanh", 4)]
    assert all(job.config["lr"] == 0.01 * job.config["depth"] for job in jobs)
    assert jobs[-1].overrides == ["activation=tanh", "depth=4", "seed=49", "lr=0.04"]
