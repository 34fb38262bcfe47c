"""Training itself: what it learns, that it repeats itself to the last bit, and what it calls a failure."""

import dataclasses
import math
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import torch
from whyrelu.config.composition import compose_grid

from whyrelu.data.arrays import Arrays, load
from whyrelu.data.prepare import prepare
from whyrelu.diagnostics.callback import COLUMNS
from whyrelu.errors import UserError
from whyrelu.network.initialisation import build_network
from whyrelu.results.columns import SUMMARY_COLUMNS
from whyrelu.training.fit import Result, fit, is_at_chance

SMALL = ["trainer.max_epochs=2", "data.train_size=128", "width=4", "depth=2", "batch_size=32"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Arrays:
    root = tmp_path_factory.mktemp("data")
    config = compose_grid([])[0].config
    prepare(config["data"], root)
    return load(root / "digits")


def train(arrays: Arrays, folder: Path, *overrides: str, checkpoint: str | None = None, **callbacks) -> Result:
    """Train anew, or from a checkpoint that an earlier call left under the same name."""
    config = compose_grid([*SMALL, *overrides])[0].config
    return fit(config, arrays, folder / (checkpoint or f"{uuid4()}.ckpt"), **callbacks)


def comparable(result: Result) -> tuple:
    times = ("train_seconds", "samples_per_second")
    # as text: nan is not equal to itself
    metrics = {k: repr(v) for k, v in result.metrics.items() if k not in times}
    seen = result.findings
    inside = None if seen is None else (seen.epochs, seen.layers.tobytes(), repr(seen.spectra), seen.exact)
    return result.status, result.at_chance, metrics, repr(result.history), inside


def test_relu_learns_and_deep_sigmoid_stays_at_chance(digits, tmp_path):
    setting = ["depth=8", "width=16", "data.train_size=null", "trainer.max_epochs=6"]
    relu = train(digits, tmp_path, "activation=relu", *setting)
    sigmoid = train(digits, tmp_path, "activation=sigmoid", *setting)
    assert (relu.status, relu.at_chance) == ("completed", False)
    assert relu.metrics["test_accuracy"] > 0.5
    assert (sigmoid.status, sigmoid.at_chance) == ("completed", True)
    assert relu.train_images == 1200


def test_history_has_every_epoch_and_metrics_are_its_last(digits, tmp_path):
    result = train(digits, tmp_path, "trainer.max_epochs=3")
    assert result.history["epoch"] == [1, 2, 3]
    for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        assert len(result.history[key]) == 3
        assert result.metrics[key] == result.history[key][-1]
    assert result.metrics["steps"] == 3 * 128 // 32
    assert result.metrics["epochs_run"] == 3


@pytest.mark.parametrize(
    "setting",
    [
        [],
        ["norm=batch", "activation=gelu"],
        ["optimizer=adam", "schedule=constant"],
        ["data.augmentation.padding=1", "data.augmentation.flip=true"],
        ["precision=bf16-mixed"],
        ["precision=64-true"],
        ["activation=prelu", "init=he", "batch_size=50"],
        ["activation=sigmoid", "init=pytorch", "depth=1"],
    ],
    ids=" ".join,
)
def test_same_configuration_gives_the_same_bits(digits, tmp_path, setting):
    first = train(digits, tmp_path, *setting)
    train(digits, tmp_path, "seed=7", "activation=tanh")  # something else in between
    torch.manual_seed(99)
    assert comparable(train(digits, tmp_path, *setting)) == comparable(first)


@pytest.mark.parametrize(
    ("one", "other"),
    [("seed=0", "seed=1"), ("study=a", "study=b"), ("activation=relu", "activation=tanh"), ("lr=0.05", "lr=0.1"),
     ("norm=none", "norm=batch"), ("init=he", "init=pytorch"), ("schedule=cosine", "schedule=constant"),
     ("optimizer=sgd", "optimizer=adam"), ("precision=32-true", "precision=bf16-mixed"),
     ("data.augmentation.flip=false", "data.augmentation.flip=true"), ("batch_size=32", "batch_size=64")],
)  # fmt: skip
def test_every_factor_reaches_the_result(digits, tmp_path, one, other):
    assert comparable(train(digits, tmp_path, one)) != comparable(train(digits, tmp_path, other))


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "setting", [[], ["norm=batch"], ["optimizer=adam"], ["data.augmentation.padding=1"]], ids=" ".join
)
@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_resuming_gives_the_bits_of_a_run_never_interrupted(digits, tmp_path, setting, killed_after):
    setting = [*setting, "trainer.max_epochs=4", "trainer.checkpoint_seconds=0"]
    whole = train(digits, tmp_path, *setting)
    starts: list[int] = []

    def kill(history):
        if len(history["epoch"]) == killed_after:
            raise Killed

    # killed within on_train_epoch_end, before this epoch's checkpoint is written
    with pytest.raises(Killed):
        train(digits, tmp_path, *setting, checkpoint="killed", on_start=starts.append, on_epoch=kill)
    resumed = train(digits, tmp_path, *setting, checkpoint="killed", on_start=starts.append)
    assert starts == [0, killed_after - 1]
    assert comparable(resumed) == comparable(whole)


@pytest.mark.parametrize(
    "setting", [[], ["norm=batch", "activation._target_=torch.nn.RReLU"], ["precision=bf16-mixed"]], ids=" ".join
)
def test_what_is_learned_does_not_depend_on_the_diagnostics(digits, tmp_path, setting):
    off, summary, full = (
        train(digits, tmp_path, f"diagnostics={level}", *setting) for level in ("off", "summary", "full")
    )
    assert off.findings is None
    assert off.history == summary.history == full.history
    assert off.metrics["test_loss"] == summary.metrics["test_loss"] == full.metrics["test_loss"]


def test_findings_are_of_every_epoch_and_layer(digits, tmp_path):
    found = train(digits, tmp_path, "trainer.max_epochs=4", "depth=3").findings
    assert found.epochs == [0, 1, 2, 3, 4]
    assert found.layers.shape == (5, 3, len(COLUMNS))
    assert sorted(found.spectra) == [0, 2, 4]
    assert found.exact
    table = {name: found.layers[:, :, k] for k, name in enumerate(COLUMNS)}
    # what is compared with the moment before is missing at init, the rest is not
    compared = {"desaturated", "died", "revived", "update"}
    assert all(np.isnan(table[name][0]).all() for name in compared)
    assert all(np.isfinite(table[name]).all() for name in set(COLUMNS) - compared - {"effective_rank"})
    assert np.isfinite(table["update"][1:]).all()
    assert np.isfinite(table["effective_rank"]).all(1).tolist() == [True, False, True, False, True]
    assert ((table["saturated"] >= 0) & (table["saturated"] <= 1)).all()


def test_a_summary_is_of_the_beginning_and_the_end(digits, tmp_path):
    brief = train(digits, tmp_path, "diagnostics=summary", "trainer.max_epochs=3")
    full = train(digits, tmp_path, "diagnostics=full", "trainer.max_epochs=3")
    assert brief.findings.epochs == [0, 3]
    assert brief.findings.spectra == {}
    names = [name for name in COLUMNS if name not in ("desaturated", "died", "revived", "effective_rank")]
    columns = [COLUMNS.index(name) for name in names]
    assert np.array_equal(
        brief.findings.layers[:, :, columns], full.findings.layers[[0, 3]][:, :, columns], equal_nan=True
    )
    for name in SUMMARY_COLUMNS:
        assert brief.metrics[name] == full.metrics[name]


def test_the_update_is_that_of_the_middle_step(digits, tmp_path):
    # one step per epoch without momentum: the step is lr times the gradient at the moment before
    setting = ["batch_size=128", "optimizer.momentum=0", "schedule=constant", "lr=0.001", "trainer.max_epochs=1"]
    found = train(digits, tmp_path, *setting).findings
    network = build_network(compose_grid([*SMALL, *setting])[0].config, (8, 8, 1), 10)
    update = found.layers[1, :, COLUMNS.index("update")]
    gradient = found.layers[0, :, COLUMNS.index("weight_gradient")]
    weights = np.array([block.convolution.weight.norm().item() for block in network.blocks])
    # the gradient of the training batch is not that of the probe images, but about as large
    assert np.allclose(np.log(update), np.log(0.001 * gradient / weights), atol=0.7)


def test_the_update_is_told_from_those_of_the_other_steps(digits, tmp_path, monkeypatch):
    seen: list[float] = []
    step = torch.optim.SGD.step

    def recorded(optimizer, *arguments, **settings):
        weight = optimizer.param_groups[0]["params"][0]
        before = weight.detach().clone()
        result = step(optimizer, *arguments, **settings)
        seen.append(((weight.detach() - before).norm() / before.norm()).item())
        return result

    monkeypatch.setattr(torch.optim.SGD, "step", recorded)
    found = train(digits, tmp_path, "schedule=constant").findings
    steps = len(seen) // 2
    assert steps == 4
    expected = [seen[epoch * steps + steps // 2] for epoch in range(2)]
    assert found.layers[1:, 0, COLUMNS.index("update")] == pytest.approx(expected, rel=1e-5)
    assert len(set(np.round(seen, 8))) == len(seen)


def test_with_batch_norm_norms_per_image_are_not_exact(digits, tmp_path):
    assert not train(digits, tmp_path, "norm=batch").findings.exact


@pytest.mark.parametrize("target", ["torch.exp", "torch.square"])
def test_a_network_that_overflows_at_init_is_a_result_too(digits, tmp_path, target):
    setting = [f"activation._target_={target}", "init=he", "depth=8"]
    result = train(digits, tmp_path, *setting, "trainer.max_epochs=3")
    assert result.status == "diverged"
    assert result.findings.exact
    assert np.isnan(result.findings.layers[0, -1]).all(), "nothing can be said of a layer without numbers"
    brief = train(digits, tmp_path, *setting, "diagnostics=summary", "trainer.max_epochs=3")
    assert brief.findings.epochs == [0]
    assert all(math.isnan(brief.metrics[name]) for name in SUMMARY_COLUMNS if name.endswith("_end"))


def test_a_run_whose_last_epoch_is_in_the_checkpoint_needs_no_more_training(digits, tmp_path):
    setting = ["trainer.keep_checkpoint=true", "norm=batch"]
    whole = train(digits, tmp_path, *setting, checkpoint="kept")
    again = train(digits, tmp_path, *setting, checkpoint="kept")
    assert comparable(again) == comparable(whole)
    assert not again.findings.exact


def test_divergence_is_recorded_and_ends_the_run(digits, tmp_path):
    result = train(digits, tmp_path, "lr=1e20", "activation=identity", "trainer.max_epochs=9")
    assert result.status == "diverged"
    assert result.metrics["epochs_run"] < 9
    assert not math.isfinite(result.metrics["train_loss"])
    assert np.isnan(result.findings.layers[-1]).all()
    assert np.isfinite(result.findings.layers[0, 0, COLUMNS.index("gradient")])
    assert 0 <= result.metrics["test_accuracy"] <= 0.2


def test_a_loss_of_the_test_set_alone_that_is_no_number_is_divergence_too(digits, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "limited.py").write_text("def limited(x):\n    return x.where(x.abs() < 20, float('nan'))\n")
    settings = ["activation._target_=limited.limited", "init=he", "depth=1"]
    assert train(digits, tmp_path, *settings).status == "completed"
    # the pixels of the digits go up to 16
    bright = dataclasses.replace(digits, test_images=np.full_like(digits.test_images, 255))
    result = train(bright, tmp_path, *settings)
    assert result.status == "diverged"
    assert math.isfinite(result.metrics["train_loss"])
    assert math.isfinite(result.metrics["val_loss"])
    assert not math.isfinite(result.metrics["test_loss"])
    assert result.metrics["epochs_run"] == 2


@pytest.mark.parametrize(
    ("loss", "accuracy", "expected"),
    [(2.30, 0.10, True), (2.27, 0.10, False), (2.30, 0.13, False), (float("nan"), 0.10, False)],
)
def test_chance_needs_both_the_loss_and_the_accuracy_of_a_guess(loss, accuracy, expected):
    assert is_at_chance(loss, accuracy, classes=10) is expected


def test_runs_of_one_seed_start_from_the_same_draws_whatever_the_activation(digits):
    def weights(*overrides: str) -> torch.Tensor:
        config = compose_grid(["init=he", "depth=3", *overrides])[0].config
        network = build_network(config, (8, 8, 1), 10)
        return torch.cat([p.detach().flatten() for n, p in network.named_parameters() if "activation" not in n])

    assert torch.equal(weights("activation=relu"), weights("activation=sigmoid"))
    assert torch.equal(weights("activation=relu"), weights("activation=prelu"))
    assert not torch.equal(weights("seed=0"), weights("seed=1"))


@pytest.mark.parametrize("depth", [1, 3, 100])
def test_any_depth_trains(digits, tmp_path, depth):
    result = train(digits, tmp_path, f"depth={depth}", "trainer.max_epochs=1", "data.train_size=32", "width=2")
    assert result.metrics["steps"] == 1


def test_cosine_ends_at_zero_and_constant_stays(digits, tmp_path, monkeypatch):
    seen: dict[str, list[float]] = {}
    step = torch.optim.SGD.step

    for schedule in ("cosine", "constant"):
        rates = seen.setdefault(schedule, [])

        def record(self, *args, rates=rates, **kwargs):
            rates.append(float(self.param_groups[0]["lr"]))
            return step(self, *args, **kwargs)

        monkeypatch.setattr(torch.optim.SGD, "step", record)
        train(digits, tmp_path, f"schedule={schedule}", "lr=0.1")
    steps = 2 * 4
    assert seen["cosine"] == pytest.approx([0.05 * (1 + math.cos(math.pi * i / steps)) for i in range(steps)])
    assert seen["constant"] == pytest.approx([0.1] * steps)


@pytest.mark.parametrize("target", ["torch.nn.RReLU", "whyrelu.network.activations.rescaled_sigmoid"])
def test_activations_that_draw_random_numbers_repeat_too(digits, tmp_path, target):
    setting = [f"activation._target_={target}", "init=he"]
    first = train(digits, tmp_path, *setting)
    torch.manual_seed(12345)
    assert comparable(train(digits, tmp_path, *setting)) == comparable(first)


@pytest.mark.parametrize("setting", ["+norm.eps=0.1", "+norm.affine=false"])
def test_arguments_of_the_norm_reach_it(digits, tmp_path, setting):
    plain = comparable(train(digits, tmp_path, "norm=batch"))
    assert comparable(train(digits, tmp_path, "norm=batch", setting)) != plain


@pytest.mark.parametrize("setting", ["+norm.epss=0.1", "+init.gain=2", "+optimizer.momentom=1", "+model.dropout=1"])
def test_arguments_that_nothing_takes_are_refused(digits, tmp_path, setting):
    with pytest.raises(UserError, match=r"argument of .*Valid: "):
        train(digits, tmp_path, "norm=batch", setting)
