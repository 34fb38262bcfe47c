import shutil
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from whyrelu.config import grid
from whyrelu.config.grid import (
    CONFIG_DIRECTORY,
    compose,
    compose_grid,
    one_per_cell,
    resolve,
    with_declared_grid,
)
from whyrelu.errors import UserError


def of_hydras_sweeper(overrides: list[str]) -> list[list[str]]:
    """What Hydra's own sweeper makes of a command line, without learning rates."""
    with hydra.initialize_config_dir(str(CONFIG_DIRECTORY), version_base="1.3"):
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        points = BasicSweeper.split_arguments(parser.parse_overrides(overrides), None)[0]
    return [[text for text in point if not text.startswith("lr=")] for point in points]


def is_hydras(overrides: list[str]) -> None:
    runs = compose_grid(overrides)
    assert [[text for text in run.overrides if not text.startswith("lr=")] for run in runs] == of_hydras_sweeper(
        overrides
    )
    # what a worker composes of a run's overrides is what the grid holds; the last one differs in every swept key
    assert compose(runs[-1].overrides) == runs[-1].config


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["activation=glob(*sigmoid,exclude=[hard*,re*])", "seed=4"],
        ["trainer=cpu,gpu", "precision=32-true,64-true", "lr=0.1"],
        ["depth=2,4", "width=8", "seed=2,3", "depth=8,16,32", "width=1,2", "seed=1"],
        ["+activation.inplace=true,false", "depth=2,4"],
        ["question='a,b','c d',run_${seed}", "seed=1,2"],
        ["data.train_size=null,100", "depth=sort(8,2,4,reverse=true)", "hydra/launcher=basic"],
        ["optimizer=adam,sgd", "lr=tuned,1e-2,0.1"],
    ],
    ids=" ".join,
)
def test_a_grid_is_what_hydra_would_run_in_its_order(overrides: list[str]) -> None:
    is_hydras(overrides)


AXES = st.sampled_from(
    [
        *("depth=2,4", "depth=8", "depth=choice(8,2)", "depth=sort(16,8)", "width=3,1", "width=5", "batch_size=32,64"),
        *("seed=range(0,5,2)", "seed=3,-1", "seed=7", "activation=tanh,relu", "norm=batch", "trainer.max_epochs=1,2"),
    ]
)


@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(st.lists(AXES, max_size=5))
def test_any_grid_is_hydras(overrides: list[str]) -> None:
    is_hydras(overrides)


def swept(runs: list[grid.Run], *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(OmegaConf.select(OmegaConf.create(run.config), key) for key in keys) for run in runs]


# what experiments declare


def test_the_grid_of_an_experiment_is_swept_and_what_is_typed_wins() -> None:
    declared = OmegaConf.load(CONFIG_DIRECTORY / "experiment/digits.yaml").hydra.sweeper.params
    assert declared.depth == "2,4,8,16" and declared.seed == "range(0,10)"
    keys = ("activation.name", "depth", "seed")
    runs = compose_grid(["experiment=digits"])
    assert len(runs) == len(set(swept(runs, *keys))) == 4 * 4 * 10
    assert {run.given_lr for run in runs} == {("tuned",)}
    runs = compose_grid(["experiment=digits", "activation=gelu", "depth=24,3"])
    assert swept(runs, *keys) == [("gelu", depth, seed) for depth in (24, 3) for seed in range(10)]
    assert runs[0].label == "depth=24 seed=0"


def test_what_an_experiment_declares_is_said_beside_what_is_typed() -> None:
    found = with_declared_grid(["experiment=precision", "depth=3"])
    assert found[:2] == ["experiment=precision", "depth=3"]
    assert set(found[2:]) == {
        *("activation=relu,tanh,sigmoid", "seed=range(0,10)", "init=variance", "precision=32-true,bf16-mixed")
    }


@pytest.mark.parametrize("path", sorted((CONFIG_DIRECTORY / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_composes_with_its_arms(path: Path) -> None:
    runs = compose_grid([f"experiment={path.stem}", "activation=relu", "seed=0,1"])
    assert {run.config["study"] for run in runs} == {path.stem}
    assert 2 * len(one_per_cell(runs)) == len(runs)


def test_arms_are_further_grids_with_some_overrides_replaced() -> None:
    typed = ["activation=relu,sigmoid", "depth=4", "seed=0,1", "width=8"]
    runs = compose_grid([*typed, "arms=['optimizer=adam depth=2,8','activation=tanh seed=5']"])
    named = swept(runs, "activation.name", "depth", "seed", "optimizer.name")
    assert named[:4] == [(a, 4, s, "sgd") for a in ("relu", "sigmoid") for s in (0, 1)]
    assert named[4:12] == [(a, d, s, "adam") for a in ("relu", "sigmoid") for d in (2, 8) for s in (0, 1)]
    assert named[12:] == [("tanh", 4, 5, "sgd")]
    assert {run.config["width"] for run in runs} == {8}
    # what an arm says tells its runs from the others
    assert runs[4].label == "activation=relu depth=2 seed=0 optimizer=adam"
    assert runs[-1].label == "activation=tanh seed=5"


def test_what_comes_last_holds_in_arms_too() -> None:
    runs = compose_grid(["arms=['seed=5 depth=2']", "seed=0,1"], last=["seed=9"])
    assert swept(runs, "seed", "depth") == [(9, 4), (9, 2)]


# runs


def test_a_run_says_how_it_is_started_and_how_its_rate_was_given() -> None:
    looked_up = compose_grid(["lr=tuned,0.1", "seed=1,2"], lambda config: 0.02)
    assert [run.given_lr for run in looked_up] == [("tuned",)] * 2 + [("0.1",)] * 2
    assert [run.config["lr"] for run in looked_up] == [0.02, 0.02, 0.1, 0.1]
    assert looked_up[0].overrides == ("seed=1", "lr=0.02")
    assert len(one_per_cell(looked_up)) == 2


def test_a_label_is_what_tells_a_run_from_the_others() -> None:
    runs = compose_grid(["experiment=digits", "activation=relu", "depth=2,4", "seed=0,1", "width=8"])
    assert [run.label for run in runs][:2] == ["depth=2 seed=0", "depth=2 seed=1"]
    assert compose_grid(["width=8", "depth=3"])[0].label == "width=8 depth=3"
    assert compose_grid([])[0].label == "defaults"


def test_the_runs_of_a_grid_share_nothing_that_can_be_changed() -> None:
    first, second = compose_grid(["seed=0,1"])
    first.config["trainer"]["max_epochs"] = 99
    assert second.config["trainer"]["max_epochs"] == 15


def test_hydra_composes_once_per_choice_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[list[str]] = []
    original = hydra.compose

    def counting(name: str, overrides: list[str], **options: Any) -> Any:
        composed.append(overrides)
        return original(name, overrides, **options)

    monkeypatch.setattr(hydra, "compose", counting)
    assert len(compose_grid(["activation=relu,tanh", "depth=2,4", "seed=range(0,25)"])) == 100
    # the first for what the experiment declares
    assert composed[1:] == [["activation=relu"], ["activation=tanh"]]


def test_a_running_hydra_is_used_and_a_failure_leaves_none_behind() -> None:
    with hydra.initialize_config_dir(str(CONFIG_DIRECTORY), version_base="1.3"):
        assert swept(compose_grid(["depth=3,4"]), "depth") == [(3,), (4,)]
        assert GlobalHydra.instance().is_initialized()
    with pytest.raises(UserError):
        compose(["activation=relo"])
    assert not GlobalHydra.instance().is_initialized()


# one configuration


def test_the_defaults_compose_to_a_whole_run() -> None:
    config = compose([])
    assert config["study"] == config["data"]["name"] == "digits"
    assert config["lr"] == config["optimizer"]["default_lr"]
    assert not {"hydra", "experiment"} & set(config)


def test_what_is_typed_wins_over_an_experiment_and_presets() -> None:
    config = compose(["width=7", "data=digits", "trainer.max_epochs=3", "lr=0.1", "experiment=cifar10"])
    assert (config["width"], config["data"]["name"], config["trainer"]["max_epochs"]) == (7, "digits", 3)
    assert (config["batch_size"], config["study"]) == (128, "cifar10")
    assert compose(["trainer=gpu"])["precision"] == "bf16-mixed"
    assert compose(["trainer=gpu", "precision=32-true"])["precision"] == "32-true"
    assert compose(["optimizer=adam"])["lr"] == 0.001


def test_a_run_is_on_the_device_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert compose(["trainer=gpu"])["trainer"]["accelerator"] == "cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert compose(["trainer=gpu"])["trainer"]["accelerator"] == "cpu"
    with pytest.raises(UserError, match="trainer=cpu trains without one"):
        compose(["trainer.accelerator=gpu"])


def test_another_target_gives_another_name_but_not_that_of_another_file() -> None:
    targets = "activation._target_=torch.nn.Hardshrink,mine.wave"
    assert swept(compose_grid([targets]), "activation.name") == [("Hardshrink",), ("mine.wave",)]
    named = compose_grid([targets, "activation.name=wave,tanh"])
    assert swept(named, "activation.name") == [("wave",), ("Hardshrink",), ("wave",), ("mine.wave",)]


def test_a_file_beside_the_others_is_an_activation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "conf"
    shutil.copytree(CONFIG_DIRECTORY, directory)
    (directory / "activation" / "wave.yaml").write_text("name: wave\n_target_: torch.sin\n")
    monkeypatch.setattr(grid, "CONFIG_DIRECTORY", directory)
    # what is kept of these files would be taken for the project's own by tests that follow
    monkeypatch.setattr(grid, "_declared_target", grid._declared_target.__wrapped__)
    assert compose(["activation=wave"])["activation"] == {"name": "wave", "_target_": "torch.sin"}


def test_a_configuration_with_a_hole_is_refused() -> None:
    with pytest.raises(UserError, match=r"^setting study was removed"):
        resolve(OmegaConf.create({"lr": 0.1}))
