from typing import Any
from unittest.mock import Mock, call

import hydra
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from whyrelu.config import grid
from whyrelu.config.grid import CONFIG_DIRECTORY, compose, compose_grid, one_per_cell, with_declared_grid
from whyrelu.errors import UserError
from whyrelu.runs.identity import run_id


def of_hydras_sweeper(overrides: list[str]) -> list[list[str]]:
    """What Hydra's own sweeper makes of a command line, without learning rates."""
    with hydra.initialize_config_dir(str(CONFIG_DIRECTORY), version_base="1.3"):
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        points = BasicSweeper.split_arguments(parser.parse_overrides(overrides), None)[0]
    return [[text for text in point if not text.startswith("lr=")] for point in points]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["activation=glob(*sigmoid,exclude=[hard*,re*])", "seed=4"],
        ["norm=none,batch", "precision=32-true,64-true", "lr=0.1"],
        ["depth=2,4", "width=8", "seed=range(0,5,2)", "depth=choice(8,16)", "seed=3,-1"],
        ["+activation.inplace=true,false", "depth=2,4"],
        ["question='a,b','c d',run_${seed}", "seed=1,2"],
        ["data.train_size=null,100", "depth=sort(8,2,4,reverse=true)", "hydra/launcher=basic"],
        ["optimizer=adam,sgd", "lr=tuned,1e-2,0.1"],
    ],
    ids=" ".join,
)
def test_a_grid_is_what_hydra_would_run_in_its_order(overrides):
    runs = compose_grid(overrides)
    found = [[text for text in run.overrides if not text.startswith("lr=")] for run in runs]
    assert found == of_hydras_sweeper(overrides)
    # what a worker composes of a run's overrides is what the grid holds; the last one differs in every swept key
    assert compose(runs[-1].overrides) == runs[-1].config


def swept(runs: list[grid.Run], *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(OmegaConf.select(OmegaConf.create(run.config), key) for key in keys) for run in runs]


# what experiments declare


def test_the_grid_of_an_experiment_is_swept_and_what_is_typed_wins():
    runs = compose_grid(["experiment=digits", "activation=gelu", "init=he", "depth=24,3"])
    found = swept(runs, "activation.name", "init.name", "depth", "seed")
    assert found == [("gelu", "he", depth, seed) for depth in (24, 3) for seed in range(6)]
    assert {run.given_lr for run in runs} == {("tuned",)}
    assert runs[0].label == "depth=24 seed=0"


def test_what_an_experiment_declares_is_said_beside_what_is_typed():
    found = with_declared_grid(["experiment=remedies", "depth=3"])
    assert found[:2] == ["experiment=remedies", "depth=3"]
    assert set(found[2:]) == {"activation=sigmoid,relu", "seed=range(0,8)", "init=xavier"}


def test_arms_are_further_grids_with_some_overrides_replaced():
    runs = compose_grid(["activation=relu", "seed=0,1", "arms=['optimizer=adam depth=2,8','activation=tanh seed=5']"])
    assert swept(runs, "activation.name", "depth", "seed", "optimizer.name") == [
        *(("relu", 4, seed, "sgd") for seed in (0, 1)),
        *(("relu", depth, seed, "adam") for seed in (0, 1) for depth in (2, 8)),
        ("tanh", 4, 5, "sgd"),
    ]
    # what an arm says tells its runs from the others
    assert [runs[2].label, runs[-1].label] == ["seed=0 optimizer=adam depth=2", "activation=tanh seed=5"]


def test_what_comes_last_holds_in_arms_too():
    runs = compose_grid(["arms=['seed=5 depth=2']", "seed=0,1"], last=["seed=9"])
    assert swept(runs, "seed", "depth") == [(9, 4), (9, 2)]


# runs


def test_a_run_says_how_it_is_started_and_how_its_rate_was_given():
    looked_up = compose_grid(["lr=tuned,0.1", "seed=1,2"], lambda config: 0.02)
    assert [run.given_lr for run in looked_up] == [("tuned",)] * 2 + [("0.1",)] * 2
    assert [run.config["lr"] for run in looked_up] == [0.02, 0.02, 0.1, 0.1]
    assert looked_up[0].overrides == ("seed=1", "lr=0.02")
    assert len(one_per_cell(looked_up)) == 2
    assert [compose_grid(typed)[0].label for typed in (["width=8", "depth=3"], [])] == ["width=8 depth=3", "defaults"]


def test_hydra_composes_once_per_choice_of_files(monkeypatch):
    # a tenth of a second each
    monkeypatch.setattr(hydra, "compose", Mock(wraps=hydra.compose))
    assert len(compose_grid(["activation=relu,tanh", "depth=2,4", "seed=range(0,25)"])) == 100
    # the first for what the experiment declares
    assert hydra.compose.call_args_list[1:] == [call("train", [f"activation={name}"]) for name in ("relu", "tanh")]


def test_a_running_hydra_is_used_and_a_failure_leaves_none_behind():
    with hydra.initialize_config_dir(str(CONFIG_DIRECTORY), version_base="1.3"):
        assert swept(compose_grid(["depth=3,4"]), "depth") == [(3,), (4,)]
        assert GlobalHydra.instance().is_initialized()
    with pytest.raises(UserError, match=r"^init=critical .* use init=variance, or init=edge$"):
        # the name that init=variance had in protocol 1
        compose(["init=critical"])
    assert not GlobalHydra.instance().is_initialized()


# one configuration


def test_what_is_typed_wins_over_an_experiment_and_presets():
    config = compose(["width=7", "data=digits", "trainer.max_epochs=3", "lr=0.1", "experiment=cifar10"])
    assert (config["width"], config["data"]["name"], config["trainer"]["max_epochs"]) == (7, "digits", 3)
    assert (config["batch_size"], config["study"]) == (64, "cifar10")
    assert compose(["precision=64-true", "experiment=cifar10"])["precision"] == "64-true"
    assert compose(["optimizer=adam"])["lr"] == 0.001


def test_a_run_is_on_the_device_that_is_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for name in ("auto", "gpu", "cuda"):
        assert compose([f"trainer.accelerator={name}"])["trainer"]["accelerator"] == "cuda"
    assert compose(["trainer=gpu", "precision=tf32"])["precision"] == "tf32"
    assert run_id(compose(["trainer=auto"]), "data") != run_id(compose([]), "data")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    # what trainer=cpu does, and so the same run
    assert compose(["trainer=auto"]) == compose([])
    # another machine's
    assert compose(["trainer=gpu", "trainer.accelerator=cuda"])["trainer"]["accelerator"] == "cuda"


def test_what_needs_another_device_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    refused = {
        "trainer=gpu": "trainer=cpu and trainer=auto train without one",
        "trainer.accelerator=mps": "Valid: auto, cpu, cuda, gpu",
        "precision=tf32": "precision=tf32 needs a CUDA GPU",
        # for which Lightning would take bf16
        "precision=16-mixed": "precision=16-mixed needs a CUDA GPU",
    }
    for setting, told in refused.items():
        with pytest.raises(UserError, match=told):
            compose([setting])


def test_another_target_gives_another_name_but_not_that_of_another_file():
    targets = "activation._target_=torch.nn.Hardshrink,mine.wave"
    assert swept(compose_grid([targets]), "activation.name") == [("Hardshrink",), ("mine.wave",)]
    named = compose_grid([targets, "activation.name=wave,tanh"])
    assert swept(named, "activation.name") == [("wave",), ("Hardshrink",), ("wave",), ("mine.wave",)]
