"""Training itself: that it repeats itself to the last bit, what reaches it, and what it calls a failure."""

import dataclasses
import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from whyrelu.config.grid import compose
from whyrelu.data.arrays import Arrays, load
from whyrelu.diagnostics.callback import COLUMNS
from whyrelu.errors import UserError
from whyrelu.results.columns import SUMMARY_COLUMNS
from whyrelu.training.fit import Result, fit

SMALL = ["trainer.max_epochs=2", "data.train_size=128", "width=4", "depth=2", "batch_size=32"]
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
# One that has all that a step can have of a state.
STATEFUL = ("norm=batch", "optimizer=adam", "data.augmentation.padding=1", "activation._target_=torch.nn.RReLU")


@pytest.fixture(scope="module")
def digits(root: Path) -> Arrays:
    return load(root / "digits")


def train(arrays: Arrays, checkpoint: Path, *overrides: str, on_epoch: Any = None) -> Result:
    return fit(compose([*SMALL, *overrides]), arrays, checkpoint, on_epoch)


@pytest.fixture(scope="module")
def trained(digits: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Result]:
    """The result of a run, which tests share."""
    return cache(lambda *overrides: train(digits, tmp_path_factory.mktemp("run") / "checkpoint", *overrides))


def comparable(result: Result) -> tuple[Any, ...]:
    times = ("train_seconds", "samples_per_second")
    # as text: nan is not equal to itself
    metrics = {key: repr(value) for key, value in result.metrics.items() if key not in times}
    seen = result.findings
    inside = None if seen is None else (seen.epochs, seen.layers.tobytes(), seen.exact)
    return result.status, result.outcome, metrics, repr(result.history), inside


def column(result: Result, name: str) -> np.ndarray:
    """A quantity of the diagnostics, (epochs, layers)."""
    assert result.findings is not None
    return result.findings.layers[:, :, COLUMNS.index(name)]


def test_relu_learns_and_deep_sigmoid_does_not(trained: Callable[..., Result]) -> None:
    setting = ["depth=8", "width=16", "data.train_size=null", "trainer.max_epochs=6", "diagnostics=off"]
    relu, sigmoid = (trained(f"activation={name}", *setting) for name in ("relu", "sigmoid"))
    assert (relu.status, relu.outcome) == ("completed", "learned")
    assert relu.metrics["test_accuracy"] > 0.5
    assert (sigmoid.status, sigmoid.outcome) == ("completed", "chance")
    assert (relu.train_images, relu.validation_images) == (1200, 237)


def test_history_has_every_epoch_and_metrics_are_its_last(trained: Callable[..., Result]) -> None:
    result = trained()
    assert result.history["epoch"] == [1, 2]
    for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        assert len(result.history[key]) == 2
        assert result.metrics[key] == result.history[key][-1]
    assert (result.metrics["steps"], result.metrics["epochs_run"]) == (2 * 128 // 32, 2)


@pytest.mark.parametrize(
    "setting",
    [
        (),
        STATEFUL,
        ("precision=bf16-mixed", "schedule=constant", "data.augmentation.flip=true"),
        ("precision=64-true", "activation=prelu", "init=pytorch", "batch_size=50", "depth=1"),
    ],
    ids=" ".join,
)
def test_same_configuration_gives_the_same_bits(
    digits: Arrays, tmp_path: Path, trained: Callable[..., Result], setting: tuple[str, ...]
) -> None:
    first = trained(*setting)
    train(digits, tmp_path / "between", "seed=7", "activation=tanh", "diagnostics=off")
    torch.manual_seed(99)
    assert comparable(train(digits, tmp_path / "again", *setting)) == comparable(first)


def test_every_factor_reaches_the_result(trained: Callable[..., Result]) -> None:
    changes = ["seed=1", "study=b", "activation=tanh", "lr=0.1", "norm=batch", "init=pytorch", "schedule=constant"]
    changes += ["clip=0.1", "model=shortcut", "optimizer=adam", "precision=bf16-mixed", "batch_size=64", "width=5"]
    changes += ["data.augmentation.flip=true"]
    results = [comparable(trained("diagnostics=off")), *(comparable(trained("diagnostics=off", c)) for c in changes)]
    assert len({repr(result) for result in results}) == len(changes) + 1


class Killed(Exception):
    pass


@pytest.mark.parametrize("setting", [(), STATEFUL], ids=" ".join)
def test_resuming_gives_the_bits_of_a_run_never_interrupted(
    digits: Arrays, tmp_path: Path, trained: Callable[..., Result], setting: tuple[str, ...]
) -> None:
    setting = (*setting, "trainer.max_epochs=4", "trainer.checkpoint_seconds=0")
    done: list[int] = []

    def kill_at(epoch: int) -> Callable[[dict[str, list[float]]], None]:
        def on_epoch(history: dict[str, list[float]]) -> None:
            done.append(len(history["epoch"]))
            # within on_train_epoch_end, before this epoch's checkpoint is written
            if len(history["epoch"]) == epoch:
                raise Killed

        return on_epoch

    for epoch in (1, 2, 3):
        with pytest.raises(Killed):
            train(digits, tmp_path / "killed", *setting, on_epoch=kill_at(epoch))
    resumed = train(digits, tmp_path / "killed", *setting, on_epoch=kill_at(0))
    assert done == [1, 1, 2, 2, 3, 3, 4]
    assert comparable(resumed) == comparable(trained(*setting))


@pytest.mark.parametrize("setting", [(), STATEFUL], ids=" ".join)
def test_what_is_learned_does_not_depend_on_the_diagnostics(
    trained: Callable[..., Result], setting: tuple[str, ...]
) -> None:
    off, summary, full = (trained(f"diagnostics={level}", *setting) for level in ("off", "summary", "full"))
    assert off.findings is None
    assert off.history == summary.history == full.history
    assert off.metrics["test_loss"] == summary.metrics["test_loss"] == full.metrics["test_loss"]


# what is found inside


def test_findings_are_of_every_epoch_and_layer(trained: Callable[..., Result]) -> None:
    result = trained("trainer.max_epochs=4", "trainer.checkpoint_seconds=0")
    found = result.findings
    assert found is not None
    assert (found.epochs, found.layers.shape) == ([0, 1, 2, 3, 4], (5, 2, len(COLUMNS)))
    assert found.exact
    # of init there is no step, and nothing else is missing
    assert np.isnan(column(result, "update")[0]).all() and np.isfinite(column(result, "update")[1:]).all()
    assert all(np.isfinite(column(result, name)).all() for name in set(COLUMNS) - {"update"})
    # norms per image are not exact where a norm mixes the images of a batch
    mixed = trained(*STATEFUL).findings
    assert mixed is not None and not mixed.exact


def test_a_summary_is_of_the_beginning_and_the_end(trained: Callable[..., Result]) -> None:
    brief, full = trained("diagnostics=summary"), trained("diagnostics=full")
    assert brief.findings is not None and full.findings is not None
    assert brief.findings.epochs == [0, 2]
    for name in COLUMNS:
        assert np.array_equal(column(brief, name), column(full, name)[[0, 2]], equal_nan=True), name
    assert all(brief.metrics[name] == full.metrics[name] for name in SUMMARY_COLUMNS)
    assert full.metrics["update_first"] == column(full, "update")[1, 0]


def test_the_update_is_that_of_the_middle_step(digits: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    step = torch.optim.SGD.step

    def recorded(optimizer: Any, *arguments: Any, **settings: Any) -> Any:
        weight = optimizer.param_groups[0]["params"][0]
        before = weight.detach().clone()
        result = step(optimizer, *arguments, **settings)
        seen.append(((weight.detach() - before).norm() / before.norm()).item())
        return result

    monkeypatch.setattr(torch.optim.SGD, "step", recorded)
    result = train(digits, tmp_path / "checkpoint", "schedule=constant")
    assert len(seen) == 8 and len(set(np.round(seen, 8))) == 8
    assert column(result, "update")[1:, 0] == pytest.approx([seen[2], seen[6]], rel=1e-5)


def test_training_stops_after_two_epochs_running_that_are_good_enough(trained: Callable[..., Result]) -> None:
    setting = ("trainer.max_epochs=9", "schedule=constant")
    accuracy = trained(*setting).history["val_accuracy"]
    bar = sorted(accuracy)[4]
    pairs = pairwise(accuracy)
    expected = next((i for i, pair in enumerate(pairs, 2) if min(pair) >= bar), 9)
    brief, full = (trained(*setting, f"trainer.stop_at={bar}", f"diagnostics={name}") for name in ("summary", "full"))
    assert expected < 9 and brief.history == full.history
    assert (brief.metrics["epochs_run"], brief.metrics["steps"]) == (expected, 4 * expected)
    assert brief.findings is not None and brief.findings.epochs == [0, expected]
    assert all(brief.metrics[name] == full.metrics[name] for name in SUMMARY_COLUMNS)


# failures are results


@pytest.mark.parametrize(
    "setting", [("activation._target_=torch.exp", "init=he", "depth=8"), ("activation=identity", "lr=1e20")]
)
def test_divergence_is_recorded_and_ends_the_run(trained: Callable[..., Result], setting: tuple[str, ...]) -> None:
    result = trained(*setting, "trainer.max_epochs=5")
    assert (result.status, result.outcome) == ("diverged", "diverged")
    assert result.metrics["epochs_run"] < 5
    assert not math.isfinite(result.metrics["train_loss"])
    assert np.isnan(column(result, "gradient")[-1]).all(), "nothing can be said of a layer without numbers"
    assert 0 <= result.metrics["test_accuracy"] <= 0.2


def test_a_loss_of_the_test_set_alone_that_is_no_number_is_divergence_too(
    digits: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "limited.py").write_text("def limited(x):\n    return x.where(x.abs() < 20, float('nan'))\n")
    settings = ["activation._target_=limited.limited", "init=he", "depth=1"]
    assert train(digits, tmp_path / "dark", *settings).status == "completed"
    # the pixels of the digits go up to 16
    bright = dataclasses.replace(digits, test_images=np.full_like(digits.test_images, 255))
    result = train(bright, tmp_path / "bright", *settings)
    assert (result.status, result.metrics["epochs_run"]) == ("diverged", 2)
    assert math.isfinite(result.metrics["val_loss"]) and not math.isfinite(result.metrics["test_loss"])


def test_no_step_asks_for_a_number(digits: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For which a GPU would have to be waited for; the profiler sees that on a CPU, too."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "asking.py").write_text("def asking(x):\n    return x * (1 if x.max() > 0 else 0.5)\n")
    settings = ["trainer.max_epochs=1", "optimizer.fused=false", "clip=1", "data.augmentation.padding=1"]

    def asked(images: int, *more: str) -> int:
        with torch.profiler.profile() as profiler:
            train(digits, tmp_path / f"{images}{more}", *settings, f"data.train_size={images}", *more)
        return sum(event.name == "aten::_local_scalar_dense" for event in profiler.events() or [])

    assert asked(64) == asked(128) > 0
    # two more steps of two layers, forwards
    assert asked(128, "activation._target_=asking.asking") - asked(64, "activation._target_=asking.asking") == 4


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("batch_size=129", "batch_size=129 is larger than the 128"),
        pytest.param("trainer.accelerator=cuda", "trainer=cpu", marks=NO_GPU),
        ("clip=1 precision=bf16-mixed", "needs optimizer.fused=false"),
    ],
)
def test_what_cannot_be_trained_is_told(digits: Arrays, tmp_path: Path, setting: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        train(digits, tmp_path / "checkpoint", *setting.split())
