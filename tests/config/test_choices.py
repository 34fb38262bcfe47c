"""Choices that are known from their files, and those that Hydra has to compose."""

from pathlib import Path
from typing import Any

import hydra
import pytest

from composing import plain
from whyrelu.config.choices import plain_choices
from whyrelu.config.composition import CONFIG_DIRECTORY, compose_grid

RELU, TANH = ({"name": name, "_target_": f"torch.nn.{target}"} for name, target in (("relu", "ReLU"), ("tanh", "Tanh")))
TEXTS = ["activation=relu", "activation=leaky_relu", "activation=tanh"]


def test_files_say_what_they_bring() -> None:
    found = plain_choices(CONFIG_DIRECTORY, "activation", TEXTS, {TEXTS[0]: RELU, TEXTS[-1]: TANH})
    assert found is not None
    assert list(found) == TEXTS
    assert found["activation=leaky_relu"] == plain(["activation=leaky_relu"])["activation"]


@pytest.mark.parametrize(
    ("group", "texts", "composed"),
    [
        # what something else set is not in the file
        ("activation", TEXTS, {TEXTS[0]: RELU | {"inplace": True}, TEXTS[-1]: TANH | {"inplace": True}}),
        # what both have may come from elsewhere
        ("activation", TEXTS[:2], {TEXTS[0]: RELU}),
        ("activation", ["activation=relu", "activation=missing"], {TEXTS[0]: RELU}),
        # a group with a schema is more than its file
        ("trainer", ["trainer=cpu"], {}),
    ],
    ids=["set elsewhere", "in common", "missing", "schema"],
)
def test_what_is_not_sure_is_left_to_hydra(group: str, texts: list[str], composed: dict[str, Any]) -> None:
    assert plain_choices(CONFIG_DIRECTORY, group, texts, composed) is None


@pytest.mark.parametrize("text", ["defaults: [tanh]\nname: mine\n", "# @package _global_\nname: mine\n", "- a\n"])
def test_files_that_reach_further_are_left_to_hydra(tmp_path: Path, text: str) -> None:
    (tmp_path / "activation").mkdir()
    (tmp_path / "activation" / "mine.yaml").write_text(text)
    assert plain_choices(tmp_path, "activation", ["activation=mine"], {}) is None


GRIDS = [
    ["activation=glob(*)", "norm=none,batch"],
    ["activation=relu,gelu,tanh", "+activation.inplace=true"],
    ["optimizer=sgd,adam", "lr=tuned,0.1"],
]


@pytest.mark.parametrize("overrides", GRIDS, ids=" ".join)
def test_every_choice_is_what_hydra_makes_of_it(overrides: list[str]) -> None:
    for job in compose_grid(overrides, look_up=False):
        assert job.config["activation"] == plain(["lr=0.1", *(t for t in job.overrides if t[:2] != "lr")])["activation"]


def test_twenty_activations_are_composed_as_often_as_three(monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[list[str]] = []
    original = hydra.compose

    def counting(name: str, overrides: list[str]) -> Any:
        composed.append(overrides)
        return original(name, overrides)

    monkeypatch.setattr(hydra, "compose", counting)
    jobs = compose_grid(["activation=glob(*)", "norm=none,batch"])
    # the first, the last of each group, and the farthest corner
    assert (len(jobs) >= 40, len(composed)) == (True, 4)
