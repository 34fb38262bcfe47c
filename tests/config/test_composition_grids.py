import itertools
import shutil
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from composing import plain
from whyrelu.config import composition
from whyrelu.config.composition import CONFIG_DIRECTORY, compose, compose_grid
from whyrelu.config.schema import register
from whyrelu.errors import UnknownNameError, UserError


def in_hydras_order(overrides: list[str]) -> list[list[str]]:
    """What Hydra's own sweeper makes of the same command line."""
    register()
    with hydra.initialize_config_dir(str(CONFIG_DIRECTORY), version_base="1.3"):
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        return BasicSweeper.split_arguments(parser.parse_overrides(overrides), None)[0]


GRIDS = [
    [],
    ["depth=choice(8,2)", "optimizer=adam,sgd", "seed=range(0,5,2)"],
    ["activation=glob(*sigmoid,exclude=[hard*,re*])", "seed=4"],
    ["trainer=cpu,gpu", "precision=32-true,64-true", "experiment=digits", "lr=0.1"],
    ["depth=2,4", "width=8", "seed=2,3", "depth=8,16,32", "width=1,2", "seed=1"],
    ["+activation.inplace=true,false", "depth=2,4"],
    ["activation._target_=mine.wave,torch.tanh", "lr=0.1,1e-2"],
    ["study='a,b',\"c d\",run_${seed}", "seed=1,2"],
    ["data.train_size=null,100", "depth=sort(8,2,4,reverse=true)", "hydra/launcher=basic"],
]


@pytest.mark.parametrize("overrides", GRIDS, ids=" ".join)
def test_a_grid_is_what_hydra_would_run_in_its_order(overrides: list[str]) -> None:
    jobs = compose_grid(overrides)
    assert [job.overrides for job in jobs] == in_hydras_order(overrides)
    # the first and the last: each takes Hydra a tenth of a second
    for job in (jobs[0], jobs[-1]):
        assert job.config == plain(job.overrides)


def test_a_setting_can_be_removed_in_a_grid() -> None:
    jobs = compose_grid(["~optimizer.momentum", "seed=0,1"])
    assert ["momentum" in job.config["optimizer"] for job in jobs] == [False, False]
    assert [job.config["seed"] for job in jobs] == [0, 1]


def test_axes_vary_from_the_last_to_the_first() -> None:
    jobs = compose_grid(["depth=4,2", "optimizer=sgd,adam", "init=he", "seed=range(0,3)"])
    found = [(job.config["depth"], job.config["optimizer"]["name"], job.config["seed"]) for job in jobs]
    assert found == list(itertools.product([4, 2], ["sgd", "adam"], [0, 1, 2]))


def test_the_last_of_two_settings_counts() -> None:
    jobs = compose_grid(["depth=2,4", "seed=1", "width=3", "depth=8", "seed=5,6"])
    assert [(job.config["depth"], job.config["seed"], job.config["width"]) for job in jobs] == [(8, 5, 3), (8, 6, 3)]


def test_the_runs_of_a_grid_share_nothing_that_can_be_changed() -> None:
    first, second = compose_grid(["seed=0,1"])
    first.config["trainer"]["max_epochs"] = 99
    first.config["activation"]["name"] = "changed"
    assert second.config["trainer"]["max_epochs"] == plain([])["trainer"]["max_epochs"]
    assert second.config["activation"]["name"] == "relu"


def test_a_label_is_what_tells_a_run_from_the_others() -> None:
    jobs = compose_grid(["experiment=digits", "lr=0.1", "depth=2,4", "seed=0,1", "width=8"])
    assert [job.label for job in jobs][:2] == ["depth=2 seed=0", "depth=2 seed=1"]
    assert compose_grid(["width=8", "depth=3"])[0].label == "width=8 depth=3"
    assert compose_grid([])[0].label == "defaults"


def test_an_argument_must_suit_every_choice_of_the_grid() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown setting 'activation.negative_slope'"):
        compose_grid(["activation=leaky_relu,relu", "activation.negative_slope=0.1,0.2"])


def test_large_grids_are_composed_once_per_choice_of_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[list[str]] = []
    original = hydra.compose

    def counting(name: str, overrides: list[str]) -> Any:
        composed.append(overrides)
        return original(name, overrides)

    monkeypatch.setattr(hydra, "compose", counting)
    assert len(compose_grid(["activation=relu,tanh", "depth=2,4", "seed=range(0,25)"])) == 100
    assert composed == [["activation=relu"], ["activation=tanh"]]


def test_composing_works_within_a_running_hydra_and_leaves_it_alone() -> None:
    register()
    with hydra.initialize_config_dir(str(CONFIG_DIRECTORY), version_base="1.3"):
        assert compose(["depth=3"]).depth == 3
        assert [job.config["depth"] for job in compose_grid(["depth=3,4"])] == [3, 4]
        assert GlobalHydra.instance().is_initialized()
    assert not GlobalHydra.instance().is_initialized()


def test_a_failure_leaves_no_hydra_behind() -> None:
    with pytest.raises(UserError):
        compose(["activation=relo"])
    assert not GlobalHydra.instance().is_initialized()


def test_a_file_beside_the_others_is_an_activation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "conf"
    shutil.copytree(CONFIG_DIRECTORY, directory)
    (directory / "activation" / "wave.yaml").write_text("name: wave\n_target_: torch.sin\n")
    (directory / "activation" / "nameless.yaml").write_text("_target_: torch.sin\n")
    monkeypatch.setattr(composition, "CONFIG_DIRECTORY", directory)
    # what is kept of these files would be taken for the project's own by tests that follow
    monkeypatch.setattr(composition, "_declared_target", composition._declared_target.__wrapped__)
    assert plain(["activation=wave"])["activation"] == {"name": "wave", "_target_": "torch.sin"}
    with pytest.raises(UserError, match=r"^setting activation.name must be a name, not None$"):
        compose(["activation=nameless"])


def test_arms_are_further_grids_with_some_overrides_replaced() -> None:
    grid = ["activation=relu,sigmoid", "depth=4", "seed=0,1", "width=8"]
    arms = ["arms=['optimizer=adam depth=2,8','activation=tanh seed=5']"]
    jobs = compose_grid([*grid, *arms])
    named = [
        (j.config["activation"]["name"], j.config["depth"], j.config["seed"], j.config["optimizer"]["name"])
        for j in jobs
    ]
    assert named[:4] == [(a, 4, s, "sgd") for a in ("relu", "sigmoid") for s in (0, 1)]
    assert named[4:12] == [(a, d, s, "adam") for a in ("relu", "sigmoid") for d in (2, 8) for s in (0, 1)]
    assert named[12:] == [("tanh", 4, 5, "sgd")]
    assert {job.config["width"] for job in jobs} == {8}
    assert jobs[-1].label == "activation=tanh seed=5"
    # what an arm says tells its points from the others
    assert jobs[4].label == "activation=relu depth=2 seed=0 optimizer=adam"


def test_what_comes_last_holds_in_arms_too() -> None:
    jobs = compose_grid(["arms=['seed=5 depth=2']", "seed=0,1"], last=["seed=9"])
    assert [job.config["seed"] for job in jobs] == [9, 9]


def test_a_misspelt_arm_is_told() -> None:
    with pytest.raises(UnknownNameError, match="depth"):
        compose_grid(["arms=['depht=2']"])
