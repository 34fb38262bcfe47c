"""The prediction for the project's own networks against these networks, wide and drawn many times."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from configured import configured
from whyrelu.data.arrays import load, write
from whyrelu.diagnostics.probe import layers_of, look
from whyrelu.diagnostics.quantities import collapse_ratio, gradient_norm, mean_square
from whyrelu.network.initialisation import build_network
from whyrelu.network.scalar import scalar_function
from whyrelu.results.columns import THEORY_COLUMNS
from whyrelu.results.tables import planned_cells
from whyrelu.runs.identity import factors
from whyrelu.theory.configured import Theory
from whyrelu.theory.moments import Moments
from whyrelu.theory.pooling import MaxPooling
from whyrelu.theory.prediction import InputStatistics, PlannedLayer, predict
from whyrelu.theory.tables import predicted_cells

pytestmark = pytest.mark.usefixtures("one_thread")


def measured(config, seeds: int = 8):
    """Lengths, gradient norms and collapse ratios of the network itself, in float64; each (seeds, layers)."""
    arrays = load(Path(config["prepared_root"]) / config["data"]["name"])
    images = torch.from_numpy(arrays.train_images[:48]).permute(0, 3, 1, 2).double()
    everything = torch.from_numpy(arrays.train_images).double()
    images = (images - everything.mean()) / everything.std()
    labels = torch.from_numpy(arrays.train_labels[:48])
    found = []
    for seed in range(seeds):
        network = build_network({**config, "seed": seed}, arrays.train_images.shape[1:], 10).double()
        states = look(network, layers_of(network), images, labels)
        quantities = (mean_square, 0), (gradient_norm, 2), (collapse_ratio, 0)
        found.append([[float(quantity(state[i])) for state in states] for quantity, i in quantities])
    return np.array(found).swapaxes(0, 1)


def ratios(gradient):
    """Of each layer's gradient norm to the next one's, geometric means over seeds."""
    return np.exp(np.log(gradient[:, :-1] / gradient[:, 1:]).mean(0))


NETS = itertools.product(("relu", "tanh", "sigmoid", "gelu"), ("variance", "edge", "he", "pytorch"))
USUAL = {("relu", "variance"), ("sigmoid", "pytorch"), ("sigmoid", "edge")}


@pytest.mark.parametrize(
    ("activation", "init"), [pytest.param(*net, marks=() if net in USUAL else pytest.mark.soak) for net in NETS]
)
def test_the_network_does_what_is_predicted(root, activation, init):
    # the pooling is before the fourth layer
    (config,) = configured(root, f"activation={activation}", f"init={init}", "depth=6", "width=96")
    q, gradient, collapse = measured(config)
    theory = Theory().of(config)
    assert np.abs(np.log(q).mean(0) - np.log(theory.q)).max() < 0.2
    ratio = ratios(gradient) / theory.gradient_ratio[:-1]
    assert np.abs(ratio - 1).max() < 0.08
    assert np.abs(np.log(ratio).mean()) < 0.04
    # spatial structure of the difference between images is not followed through the pooling
    assert np.abs(np.log(collapse.mean(0) / theory.collapse)).max() < 0.3
    assert np.abs(np.log(collapse.mean(0) / theory.collapse))[:3].max() < 0.08


def test_without_border_and_pooling_it_would_not_agree(root, monkeypatch):
    (config,) = configured(root, "depth=6", "width=96", "init=he")
    _, gradient, _ = measured(config)
    theory = Theory().of(config)
    assert np.abs(np.log(ratios(gradient) / np.sqrt(theory.chi[:-1])).mean()) > 0.05
    # whoever wins its window
    plain = MaxPooling(energy=1.0, slope=1.0, difference=1.0)
    monkeypatch.setattr("whyrelu.theory.prediction.max_pooling", lambda *arguments: plain)
    assert (ratios(gradient) / Theory().of(config).gradient_ratio[:-1])[2] > 1.15


# The shortcut of layers 3 and 4 is an identity; the map is halved inside a block at depth 6 and before one at 8.
@pytest.mark.parametrize(
    ("activation", "init", "depth"),
    [
        ("relu", "he", 8),
        ("sigmoid", "variance", 8),
        pytest.param("tanh", "edge", 6, marks=pytest.mark.soak),
        pytest.param("gelu", "pytorch", 9, marks=pytest.mark.soak),
        pytest.param("sigmoid", "edge", 8, marks=pytest.mark.soak),
    ],
)
def test_with_shortcuts(root, monkeypatch, activation, init, depth):
    settings = [f"activation={activation}", f"init={init}", f"depth={depth}", "width=96", "model=cnn,shortcut"]
    plain, config = configured(root, *settings)
    q, gradient, _ = measured(config)
    theory = Theory().of(config)
    assert np.abs(np.log(q).mean(0) - np.log(theory.q)).max() < 0.2
    # in norms, from layer to layer and to the last
    assert np.abs(ratios(gradient) / theory.gradient_ratio[:-1] - 1).max() < 0.1
    relative = np.exp(np.log(gradient / gradient[:, -1:]).mean(0))
    assert np.abs(np.log(relative / theory.gradient_relative)).max() < 0.15
    if init in ("he", "variance"):
        # what is predicted of a plain network is something else
        assert abs(np.log10(relative[0]) - Theory().of(plain).decades) > 0.2
    if init == "he":
        # and of a sum that were normal
        layers, _ = Theory().planned(config)
        monkeypatch.setattr(Theory, "planned", lambda *_: ([one._replace(is_identity=False) for one in layers], False))
        assert np.abs(np.log(q).mean(0) - np.log(Theory().of(config).q)).max() > 0.25


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        (["activation=relu"], 0.06),
        pytest.param(["activation=tanh"], 0.06, marks=pytest.mark.soak),
        # sigmoid's outputs have a large mean, whose changes at the border are only followed over one layer
        pytest.param(["activation=sigmoid"], 0.3, marks=pytest.mark.soak),
        # the mean gradient over a batch, which the norm takes away, is left out
        (["activation=relu", "model=shortcut"], 0.2),
    ],
)
def test_with_batch_norm(root, settings, tolerance):
    (config,) = configured(root, "norm=batch", "depth=6", "width=96", "init=variance", *settings)
    q, gradient, _ = measured(config)
    theory = Theory().of(config)
    assert q.mean(0) == pytest.approx(theory.q, rel=0.1)
    assert np.abs(ratios(gradient) / theory.gradient_ratio[:-1] - 1).max() < tolerance
    assert np.isnan(theory.collapse).all()


def test_a_linear_net_on_a_map_of_one_pixel_by_hand():
    moments = Moments(scalar_function(lambda x: 2 * x))
    inputs = InputStatistics(np.full((1, 1), 3.0), 0.2, np.ones((1, 1)))
    # a 3x3 kernel on one pixel sees one of its nine weights
    layers = [PlannedLayer(9.0, 0.5, False), PlannedLayer(18.0, 0.25, False)]
    found = predict(moments, layers, inputs)
    assert found.q == pytest.approx([3.5, 2 * 4 * 3.5 + 0.25])
    assert found.chi[0] == pytest.approx(18 * 4)
    assert found.gradient_ratio[0] == pytest.approx(np.sqrt(2 * 4))
    assert found.gradient_relative == pytest.approx([np.sqrt(8), 1])
    assert found.decades == pytest.approx(np.log10(8) / 2)
    assert found.xi == pytest.approx(-1 / np.log(72))
    assert np.isnan([found.chi[1], found.gradient_ratio[1]]).all()
    assert found.collapse == pytest.approx(np.sqrt([2.4 / 3.5, 8 * 2.4 / 28.25]), rel=1e-6)
    # a shortcut from the first outputs, 4 * 3.5, and back to the first preactivations, 4 * (1 + 4)
    two = [PlannedLayer(9.0, 0.0, False), PlannedLayer(9.0, 0.0, False, shortcut=1.0, is_identity=True)]
    found = predict(moments, [layers[0], *two], inputs)
    assert found.q == pytest.approx([3.5, 14, 4 * 14 + 14], rel=2e-2)
    assert found.gradient_relative == pytest.approx(np.sqrt([4 * (1 + 4), 4, 1]), rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "decades"),
    [
        # a factor of 512 / 2 in squared gradients, a little less at the border
        (["activation=relu", "init=gain", "init.gain=512"], (26, 27.7)),
        (["activation=identity", "init=gain", "init.gain=1e-30"], (-346, -344)),
        (["activation=relu_squared", "init=gain", "init.gain=512"], (300, 1200)),
        (["activation=relu_squared", "init=xavier"], (-1200, -300)),
        # a step has no gradient at all
        (["activation._target_=torch.sign", "init=xavier"], (-1200, -1100)),
    ],
)
def test_decades_are_numbers_where_gradients_are_none(root, settings, decades):
    (config,) = configured(root, *settings, "depth=24", "width=16")
    found = Theory().of(config)
    assert decades[0] < found.decades < decades[1]
    assert np.isfinite(found.q).all()
    assert np.sign(found.xi) == -np.sign(found.decades)


@pytest.mark.soak
def test_two_poolings_on_a_larger_map_are_predicted_too(root, tmp_path):
    digits = load(root / "digits")
    parts = {
        f"{part}_images": getattr(digits, f"{part}_images").repeat(2, 1).repeat(2, 2) for part in ("train", "test")
    }
    parts |= {"train_labels": digits.train_labels, "test_labels": digits.test_labels, "classes": digits.classes}
    write(tmp_path / "digits", **parts, source={"md5": None})
    (config,) = configured(tmp_path, "depth=6", "width=48", "activation=gelu", "init=variance")
    theory = Theory()
    assert [layer.pooled for layer in theory.planned(config)[0]] == [False, False, True, False, True, False]
    _, gradient, _ = measured(config)
    assert np.abs(ratios(gradient) / theory.of(config).gradient_ratio[:-1] - 1).max() < 0.12


def test_the_table_names_the_cells_of_the_study(root):
    configs = configured(root, "activation=relu,sigmoid", "depth=1,3", "seed=0,1", "init=he,variance")
    table = predicted_cells(configs, Theory())
    cells = planned_cells([factors(config) for config in configs]).drop(columns="run")
    assert table[list(cells.columns)].drop_duplicates().reset_index(drop=True).equals(cells)
    assert list(table.columns) == [*cells.columns, *THEORY_COLUMNS]
    assert table["layer"].tolist() == [1, 1, 1, 2, 3, 1, 2, 3] * 2
    assert (table.groupby(["activation", "depth", "init"])["decades"].nunique() == 1).all()
    one = table[table["depth"] == 1]
    assert (one["decades"] == 0).all() and one["xi"].isna().all()
