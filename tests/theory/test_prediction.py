"""The prediction for the project's own network against that network, wide and drawn many times."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from configured import configured
from whyrelu.config.schema import PRECISIONS
from whyrelu.data.arrays import load, write
from whyrelu.diagnostics.probe import layers_of, look
from whyrelu.diagnostics.quantities import collapse_ratio, gradient_norm, mean_square
from whyrelu.network.initialisation import build_network
from whyrelu.network.scalar import scalar_function
from whyrelu.results.columns import ACTIVE_COLUMNS, FUNCTION_COLUMNS, THEORY_COLUMNS
from whyrelu.results.tables import planned_cells
from whyrelu.runs.identity import factors
from whyrelu.theory.configured import Theory, scales
from whyrelu.theory.moments import Moments
from whyrelu.theory.pooling import MaxPooling
from whyrelu.theory.prediction import InputStatistics, PlannedLayer, predict
from whyrelu.theory.tables import drawn_functions, predicted_cells

pytestmark = pytest.mark.usefixtures("one_thread")


def measured(config, arrays, seeds: int = 4):
    """Lengths, gradient norms and collapse ratios of the network itself, in float64; each (seeds, layers)."""
    images = torch.from_numpy(arrays.train_images[:48]).permute(0, 3, 1, 2).double()
    everything = torch.from_numpy(arrays.train_images).double()
    images = (images - everything.mean()) / everything.std()
    labels = torch.from_numpy(arrays.train_labels[:48])
    found = []
    for seed in range(seeds):
        network = build_network({**config, "seed": seed}, arrays.train_images.shape[1:], 10).double()
        states = look(network, layers_of(network), images, labels)
        found.append(
            [
                [float(f(state[i])) for state in states]
                for f, i in ((mean_square, 0), (gradient_norm, 2), (collapse_ratio, 0))
            ]
        )
    return np.array(found).swapaxes(0, 1)


def smooth_images(root, side: int):
    """Random images whose neighbouring pixels are alike, prepared as the data set "smooth"."""
    noise = np.random.default_rng(0).standard_normal((200, side, side, 1))
    images = gaussian_filter(noise, (0, 1.5, 1.5, 0))
    images = np.clip(128 + 40 * images / images.std(), 0, 255).astype(np.uint8)
    labels = np.arange(200) % 10
    write(
        root / "smooth",
        train_images=images,
        train_labels=labels,
        test_images=images[:10],
        test_labels=labels[:10],
        classes=tuple(map(str, range(10))),
        source={"md5": None},
    )
    return load(root / "smooth")


def ratios(gradient):
    """Of each layer's gradient norm to the next one's, geometric means over seeds."""
    return np.exp(np.log(gradient[:, :-1] / gradient[:, 1:]).mean(0))


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
@pytest.mark.parametrize("init", ["critical", "he", "pytorch"])
def test_the_network_does_what_is_predicted(root, activation, init):
    # the pooling is before the fourth layer
    (config,) = configured(root, f"activation={activation}", f"init={init}", "depth=6", "width=96")
    q, gradient, collapse = measured(config, load(root / "digits"))
    theory = Theory().of(config)
    assert np.abs(np.log(q).mean(0) - np.log(theory.q)).max() < 0.15
    ratio = ratios(gradient) / theory.gradient_ratio[:-1]
    assert np.abs(ratio - 1).max() < 0.06
    assert np.abs(np.log(ratio).mean()) < 0.03
    # spatial structure of the difference between images is not followed through the pooling
    assert np.abs(np.log(collapse.mean(0) / theory.collapse)).max() < 0.25
    assert np.abs(np.log(collapse.mean(0) / theory.collapse))[:3].max() < 0.06


def test_without_the_border_it_would_not_agree(root):
    (config,) = configured(root, "depth=8", "width=96")
    _, gradient, _ = measured(config, load(root / "digits"))
    theory = Theory().of(config)
    assert np.abs(np.log(ratios(gradient) / np.sqrt(theory.chi[:-1])).mean()) > 0.05


def test_without_regard_to_who_wins_a_pooling_it_would_not_agree(root, monkeypatch):
    (config,) = configured(root, "depth=6", "width=96")
    _, gradient, _ = measured(config, load(root / "digits"))
    plain = MaxPooling(energy=1.0, slope=1.0, difference=1.0, mean=0.0, products=np.ones((1, 1)))
    monkeypatch.setattr("whyrelu.theory.prediction.max_pooling", lambda *arguments: plain)
    assert (ratios(gradient) / Theory().of(config).gradient_ratio[:-1])[2] > 1.15


@pytest.mark.parametrize(
    ("activation", "tolerance"), [("relu", 0.06), ("tanh", 0.06), ("gelu", 0.06), ("sigmoid", 0.3)]
)
def test_with_batch_norm(root, activation, tolerance):
    # sigmoid's outputs have a large mean, whose changes at the border are only followed over one layer
    (config,) = configured(root, "norm=batch", "depth=6", "width=96", f"activation={activation}")
    q, gradient, _ = measured(config, load(root / "digits"))
    theory = Theory().of(config)
    assert np.allclose(theory.q, 1)
    assert np.allclose(q.mean(0), 1, atol=1e-2)
    assert np.abs(ratios(gradient) / theory.gradient_ratio[:-1] - 1).max() < tolerance
    assert np.isnan(theory.collapse).all()


def test_chi_with_batch_norm_is_that_of_the_theory(root):
    (config,) = configured(root, "norm=batch", "depth=3", "activation=relu")
    assert np.allclose(Theory().of(config).chi[:-1], np.pi / (np.pi - 1))


def test_a_linear_net_on_a_map_of_one_pixel_by_hand():
    phi = scalar_function(lambda x: 2 * x)
    # a 3x3 kernel on one pixel sees one of its nine weights
    layers = [PlannedLayer(9.0, 0.5, False), PlannedLayer(18.0, 0.25, False)]
    found = predict(Moments(phi), layers, InputStatistics(np.full((1, 1), 3.0), 0.2, np.ones((1, 1))))
    assert found.q == pytest.approx([3.5, 2 * 4 * 3.5 + 0.25])
    assert found.chi[0] == pytest.approx(18 * 4)
    assert found.gradient_ratio[0] == pytest.approx(np.sqrt(2 * 4))
    assert found.gradient_relative == pytest.approx([np.sqrt(8), 1])
    assert np.isnan(found.chi[1])
    assert np.isnan(found.gradient_ratio[1])
    assert found.collapse == pytest.approx(np.sqrt([2.4 / 3.5, 8 * 2.4 / 28.25]), rel=1e-6)


def test_depth_one_and_deep_explosion_give_numbers_or_nan(root):
    one, deep = configured(root, "activation=identity", "init=he", "depth=1,64")
    assert Theory().of(one).gradient_relative.tolist() == [1.0]
    assert np.isnan(scales(Theory().of(one), "32-true")).all()
    found = Theory().of(deep)
    assert np.isfinite(found.q).all()
    assert found.q[-1] > 1e12
    assert scales(found, "32-true")[0] < 0


def test_the_round_off_depth_is_that_of_the_arithmetic(root):
    (config,) = configured(root, "activation=tanh", "init=xavier", "depth=4")
    depths = {name: scales(Theory().of(config), name)[1] for name in PRECISIONS}
    assert depths["64-true"] > depths["32-true"] > depths["16-mixed"] > depths["bf16-mixed"]
    assert depths["32-true"] / depths["bf16-mixed"] == pytest.approx(23 / 7)


def test_two_poolings_on_a_larger_map_are_predicted_too(tmp_path):
    arrays = smooth_images(tmp_path, side=16)
    config = configured(tmp_path, "depth=6", "width=48", "activation=gelu")[0]
    config = {**config, "data": config["data"] | {"name": "smooth"}}
    theory = Theory()
    assert [layer.pooled for layer in theory.planned(config)[0]] == [False, False, True, False, True, False]
    _, gradient, _ = measured(config, arrays)
    assert np.abs(ratios(gradient) / theory.of(config).gradient_ratio[:-1] - 1).max() < 0.12


def test_the_tables_name_the_cells_of_the_study(root):
    configs = configured(root, "activation=relu,sigmoid", "depth=1,3", "seed=0,1", "init=he,critical")
    theory = Theory()
    table = predicted_cells(configs, theory)
    cells = planned_cells([factors(config) for config in configs]).drop(columns="run")
    assert table[list(cells.columns)].drop_duplicates().reset_index(drop=True).equals(cells)
    assert list(table.columns) == [*cells.columns, *THEORY_COLUMNS]
    assert table["layer"].tolist() == [1, 1, 1, 2, 3, 1, 2, 3] * 2
    assert (table.groupby(["activation", "depth", "init"])["xi"].nunique() <= 1).all()
    drawn = drawn_functions(configs, theory)
    assert list(drawn.columns) == [*FUNCTION_COLUMNS, *ACTIVE_COLUMNS]
    assert drawn["activation"].unique().tolist() == ["relu", "sigmoid"]
    at_zero = drawn[drawn["x"] == 0]
    assert at_zero["value"].tolist() == [0, 0.5]
    assert drawn[(drawn["activation"] == "relu") & drawn["saturated"]]["x"].max() == 0
