"""The estimands of all families on studies of which the answer is known."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from claims.made import cell, cells_with, history, study
from whyrelu.claims import accuracy, convergence, gradients, times, trainability, units
from whyrelu.claims.selection import plain
from whyrelu.errors import UserError
from whyrelu.statistics.intervals import share_interval

SIGMOID = {"activation": "sigmoid", "init": "xavier"}


def told(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of the rows that decide."""
    return [tuple(row.get(name) for name in columns) for row in rows if not row.get("beside")]


def interval(row: dict[str, Any]) -> list[float]:
    return [row["estimate"], row["low"], row["high"]]


# selection


def test_plain_networks_are_those_without_additions_and_of_sgd_unless_there_is_adam_alone() -> None:
    base = [cell(epochs=15), cell(epochs=60), cell(epochs=240, init="edge")]
    other = [cell(norm="batch"), cell(model="shortcut"), cell(clip=1.0), cell(optimizer="adam")]
    runs = study(*base, *other).runs
    assert len(plain(runs, {}, "all")) == 15
    # an arm of its own budget has that as its smallest
    assert sorted(set(plain(runs, {})["epochs"])) == [15, 240]
    assert len(plain(study(*base[:2], cell(epochs=30)).runs, {}, "ends")) == 10
    assert len(plain(runs, {"norm": "batch"})) == 5
    assert len(plain(study(cell(optimizer="adam")).runs, {})) == 5
    assert plain(runs, {"activation.shift": 0.5}).empty
    with pytest.raises(UserError, match="did you mean 'activation'"):
        plain(runs, {"activaton": "relu"})


def test_a_function_without_data_has_no_rows() -> None:
    empty = study(cell(activation="softplus", depth=1))
    empty.cells = cells_with(empty.runs, {})
    empty.layers = pd.DataFrame(columns=["run_id", "epoch", "gradient_saturated"])
    empty.history = history(empty.runs, [0.1])
    pair = {"activation": "sigmoid", "against": "relu"}
    rows = [
        trainability.share_learned(empty, SIGMOID),
        trainability.change_of_depth(empty, SIGMOID, {"init": "edge"}),
        trainability.area_of_decades(empty),
        trainability.saturation_against_decades(empty),
        trainability.classified_right(empty, "another"),
        trainability.follows_shift(empty, "shift"),
        trainability.follows_shift(empty, "decades"),
        gradients.factor_per_layer(empty, SIGMOID),
        gradients.update_with_depth(empty, SIGMOID),
        units.flat_units(empty, SIGMOID),
        units.gradient_of_saturated_units(empty, SIGMOID),
        units.runs_with_dead_channels(empty, {"activation": "softplus"}),
        units.dead_channels_with_rate(empty, {"activation": "softplus"}),
        units.accuracy_with_dead_channels(empty, {"activation": "softplus"}),
        times.time_per_element(empty, **pair, direction="both"),
        times.time_of_step(empty, **pair, kind="train"),
        times.growth_with_width(empty, **pair),
        convergence.time_to_accuracy(empty, **pair),
        convergence.steps_to_accuracy(empty, **pair),
        convergence.growth_of_steps(empty, SIGMOID, "power"),
        accuracy.paired_difference(empty, **pair),
        accuracy.spread(empty, {"init": "edge"}),
    ]
    assert rows == [[]] * len(rows)


# trainability


def test_shares_are_of_each_depth_and_budget() -> None:
    sigmoid = SIGMOID | {"saturated_init": 0.02}
    arms = [(4, 15, 8), (8, 15, 1), (8, 60, 3), (16, 15, 0)]
    cells = [cell(8, k, depth=depth, epochs=epochs, **sigmoid) for depth, epochs, k in arms]
    found = trainability.share_learned(study(*cells, cell(8, 8)), SIGMOID, min_depth=8)
    shares = [(8, "15 epochs", 1 / 8), (8, "60 epochs", 3 / 8), (16, "15 epochs", 0)]
    assert told(found, "depth", "setting", "estimate") == shares
    assert interval(found[0]) == list(share_interval(1, 8))
    assert [row["estimate"] for row in found if row.get("beside")] == [pytest.approx(0.02)] * 3


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # of 6 runs, 6 are most and 0 are not; 5 may be either
        ({4: 6, 8: 0}, {4: 6, 8: 6}, [4, 4, 4]),
        ({4: 0, 8: 0}, {4: 6, 8: 6}, [8, 8, 8]),
        ({4: 6, 8: 0}, {4: 6, 8: 0}, [0, 0, 0]),
        ({4: 6, 8: 0}, {4: 6, 8: 4}, [4, 0, 4]),
        ({4: 6, 8: 2}, {4: 6, 8: 6}, [4, 0, 4]),
        ({4: 6}, {8: 6}, None),
    ],
)
def test_the_largest_depth_is_bounded_by_the_intervals_of_the_shares(
    before: dict[int, int], after: dict[int, int], expected: list[float] | None
) -> None:
    arms = [cell(6, k, depth=depth, **SIGMOID) for depth, k in before.items()]
    arms += [cell(6, k, depth=depth, **SIGMOID | {"init": "edge"}) for depth, k in after.items()]
    found = trainability.change_of_depth(study(*arms), SIGMOID | {"norm": "none"}, {"init": "edge"})
    assert [interval(row) for row in found] == ([] if expected is None else [expected])


def graded(learns: dict[float, int], name: str = "graded") -> Any:
    """Cells of a gain each, whose decades are its logarithm; saturation says nothing."""
    arms = [cell(5, k, init="gain", saturated_init=0.5, steps=100, **{"init.gain": gain}) for gain, k in learns.items()]
    made = study(*arms, name=name)
    made.cells = cells_with(made.runs, {gain: math.log10(gain) for gain in learns}, "init.gain")
    return made


def test_areas_are_of_decades_without_sign_and_over_cells() -> None:
    gains = [10.0**k for k in range(-4, 5)]
    made = graded({gain: 5 if abs(math.log10(gain)) < 2.5 else 0 for gain in gains})
    area, alone, depth = trainability.area_of_decades(made)
    assert interval(area) == interval(alone) == [1, 1, 1]
    # all are equally deep, which tells nothing
    assert (depth["comparison"], interval(depth)) == ("depth", [0.5, 0.5, 0.5])
    assert [bool(row["beside"]) for row in (area, alone, depth)] == [False, True, True]
    difference, _ = trainability.decades_against_saturation(made)
    assert interval(difference) == [0.5, 0.5, 0.5]
    assert (difference["first"], difference["second"]) == (1, 0.5)
    reverse, _ = trainability.saturation_against_decades(made)
    assert interval(reverse) == [-0.5, -0.5, -0.5]
    # all cells learn, or are too few
    assert trainability.area_of_decades(graded(dict.fromkeys(gains, 5))) == []
    assert trainability.area_of_decades(graded({1.0: 5, 1e4: 0})) == []


def test_one_curve_is_fitted_on_one_study_and_classifies_another() -> None:
    known = graded({10.0**k: 5 if abs(k) <= 2 else 0 for k in range(-5, 6)}, "known")
    made = graded({1.0: 5, 10.0: 4, 1e-4: 0, 1e5: 1})
    made.sibling = {"known": known}.get
    right, steps, guessed = trainability.classified_right(made, "known")
    assert right["estimate"] == pytest.approx((1 + 0.8 + 1 + 0.8) / 4)
    assert right["low"] < 0.9 < right["high"] <= 1
    assert steps["beside"] and steps["estimate"] == 1
    # 10 of 20 runs learn
    assert guessed["beside"] and guessed["estimate"] == 0.5
    assert trainability.classified_right(made, "unknown") == []


def test_what_learns_follows_the_shift() -> None:
    shifted = {"activation": "shifted_sigmoid"}
    arms = [cell(4, 0, activation="sigmoid"), cell(4, 4, activation="sigmoid", init="edge")]
    arms += [cell(4, k, **shifted, **{"activation.shift": c}) for c, k in ((0.25, 1), (0.5, 3))]
    made = study(*arms)
    made.cells = cells_with(
        made.runs.fillna({"activation.shift": 0}), {0: -8.0, 0.25: -5.0, 0.5: 0.0}, "activation.shift"
    )
    made.cells["activation.shift"] = made.cells["activation.shift"].replace(0, np.nan)
    for score in ("shift", "decades"):
        (row,) = trainability.follows_shift(made, score)
        # of 48 pairs of runs with another c: 0 to 1/4: 4 of 16, 1/4 to 1/2: 8 of 16, 0 to 1/2: 12
        assert row["estimate"] == pytest.approx(24 / 48)
        assert 0 < row["low"] < row["estimate"] < row["high"] <= 1
        assert row["init"] == "xavier"


# gradients


def test_the_factor_is_that_by_which_a_layer_passes_the_gradient_back() -> None:
    ln = -math.log(0.25)
    made = study(cell(3, depth=4, gradient_slope_init=[ln, ln + 0.1, ln - 0.1], gradient_decades_init=-1.8, **SIGMOID))
    layer = pd.DataFrame({"epoch": 0, "layer": [1, 2, 3, 4], "gradient": [0.25**3, 0.25**2, 0.25, 1.0]})
    made.layers = made.runs[["run_id"]].merge(layer, how="cross")
    cells = made.runs.iloc[[0]].drop(columns=["run_id", "seed", "status", "outcome"])
    made.theory = pd.concat([cells.assign(layer=i, gradient_relative=0.26 ** (4 - i)) for i in range(1, 5)])
    row, fit = gradients.factor_per_layer(made, SIGMOID)
    assert row["estimate"] == pytest.approx(0.25)
    assert row["low"] < 0.25 < row["high"]
    assert row["expected"] == pytest.approx(0.26)
    assert fit["beside"] and fit["estimate"] == pytest.approx(1)


def test_a_gradient_that_is_exactly_zero_counts() -> None:
    made = study(cell(3, depth=28, gradient_slope_init=math.nan, gradient_decades_init=-324.0, **SIGMOID))
    made.layers = pd.DataFrame(columns=["run_id", "epoch", "layer", "gradient"])
    made.theory = pd.DataFrame(columns=["activation", "init", "depth", "layer", "gradient_relative"])
    (row,) = gradients.factor_per_layer(made, SIGMOID)
    assert row["estimate"] == pytest.approx(1e-12)


def test_updates_are_per_rate_and_per_layer() -> None:
    arms = []
    for depth in (2, 4, 8):
        updates = [k * depth / 10 * 10.0 ** (-depth / 2) for k in (1, 2, 3)]
        arms.append(cell(3, depth=depth, lr=depth / 10, update_first=updates, **SIGMOID))
    (row,) = gradients.update_with_depth(study(*arms), SIGMOID)
    assert (row["estimate"], row["n"], row["setting"]) == (pytest.approx(-0.5), 3, "depth 2 to 8")


# units


def test_dead_channels_have_an_upper_bound_where_none_is_dead() -> None:
    (none,) = units.dead_channels(study(cell(5, dead_end=0.0)), {"activation": "relu"})
    # of 5 runs x 8 layers x 16 channels
    assert interval(none) == list(share_interval(0, 640))
    (some,) = units.dead_channels(study(cell(5, dead_end=[0.0, 0, 0, 0.1, 0])), {"activation": "relu"})
    assert (some["low"], some["estimate"], some["high"] > 0.02) == (0, pytest.approx(0.02), True)


def test_one_run_that_learns_with_a_channel_that_died_is_enough() -> None:
    where = {"activation": "relu"}
    never = cell(5, dead_init=0.1, dead_end=0.1)
    failed = cell(5, learned=0, dead_init=0.0, dead_end=0.5)
    (row,) = units.runs_with_dead_channels(study(never, [run | {"depth": 4} for run in failed]), where)
    assert interval(row)[:2] == [0, 0]
    made = study(never)
    made.tuning = study(cell(1, dead_init=0.0, dead_end=0.1, lr=1.0)).runs
    (row,) = units.runs_with_dead_channels(made, where)
    assert (row["n"], row["estimate"], row["low"] > 0) == (6, pytest.approx(1 / 6), True)


def test_dead_channels_are_correlated_with_rates_within_a_cell_and_with_accuracy_within_cells() -> None:
    made = study(
        cell(6, depth=4, dead_end=[0, 0.1, 0.2, 0.3, 0.4, 0.5], test_accuracy=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]),
        # a deep cell is worse and has no dead channels: that says nothing within cells
        cell(6, depth=16, dead_end=0.0, test_accuracy=[0.3, 0.2, 0.1, 0.3, 0.2, 0.1]),
    )
    (row,) = units.accuracy_with_dead_channels(made, {"activation": "relu"})
    assert row["estimate"] < -0.7
    made.tuning = study(cell(6, lr=[0.01, 0.02, 0.05, 0.1, 0.2, 0.5], dead_end=[0, 0, 0, 0.1, 0.2, 0.3])).runs
    (row,) = units.dead_channels_with_rate(made, {"activation": "relu"})
    assert 0.9 < row["estimate"] < 1
    # nothing dies: there is no correlation
    made.tuning = study(cell(6, lr=[0.01, 0.02, 0.05, 0.1, 0.2, 0.5], dead_end=0.0)).runs
    assert units.dead_channels_with_rate(made, {"activation": "relu"}) == []


def test_the_gradient_of_saturated_units_is_a_geometric_mean_over_layers() -> None:
    made = study(cell(3, depth=3, **SIGMOID))
    rows = [
        {"run_id": run, "epoch": epoch, "layer": layer, "gradient_saturated": value if epoch == 0 else 9.0}
        for run in made.runs["run_id"]
        for epoch in (0, 1)
        for layer, value in ((1, 0.1), (2, 10.0), (3, math.nan))
    ]
    made.layers = pd.DataFrame(rows)
    (row,) = units.gradient_of_saturated_units(made, {"activation": "sigmoid"})
    assert row["estimate"] == pytest.approx(1)


# times


def timing() -> dict[str, Any]:
    """Sigmoid takes 2 and 8 times as long forward, half as long backward, and with the width doubles its ratio."""
    operations = [
        {"activation": name, "size": size, "pass": way, "threads": 1, "seconds": [x * f, 2 * x * f, 3 * x * f]}
        for size, x in ((10, 1.0), (1000, 100.0))
        for name, way, f in (
            ("relu", "forward", 1.0),
            ("relu", "backward", 1.0),
            ("sigmoid", "forward", 2.0 if size == 10 else 8.0),
            ("sigmoid", "backward", 0.5),
        )
    ]
    steps = [
        {"activation": name, "depth": 4, "width": width, "kind": "train", "threads": 1, "seconds": [x, 2 * x]}
        for width in (16, 32, 64)
        for name, x in (("relu", 1.0), ("sigmoid", width / 8))
    ]
    return {"op": operations, "step": steps}


@pytest.mark.parametrize(
    ("direction", "expected"), [("forward", 4), ("backward", 0.5), ("both", math.sqrt(1.25 * 4.25))]
)
def test_times_per_element_are_geometric_means_over_sizes(direction: Any, expected: float) -> None:
    (row,) = times.time_per_element(study(cell(), timing=timing()), "sigmoid", "relu", direction)
    assert interval(row) == pytest.approx([expected] * 3)
    assert (row["n"], row["timed"], row["setting"]) == (3, True, "1 thread")
    assert row["first"] / row["second"] == pytest.approx(expected)


def test_steps_are_those_of_the_width_of_the_study_and_the_ratio_grows_with_it() -> None:
    made = study(cell(), timing=timing())
    (row,) = times.time_of_step(made, "sigmoid", "relu", "train")
    assert (row["depth"], row["estimate"], row["n"]) == (4, pytest.approx(2), 2)
    assert times.time_of_step(made, "sigmoid", "relu", "inference") == []
    (growth,) = times.growth_with_width(made, "sigmoid", "relu")
    assert growth["estimate"] == pytest.approx(math.log(2))


# convergence


def test_arrival_is_the_second_of_two_evaluations_running() -> None:
    curves = {"relu": [0.1, 0.95, 0.2, 0.9, 0.9, 0.1], "sigmoid": [0.1, 0.95, 0.2, 0.95, 0.2, 0.95]}
    runs = study(cell(1, steps=60, epochs=6), cell(1, steps=60, epochs=6, activation="sigmoid")).runs
    found = convergence.arrivals(runs, history(runs, curves))
    assert found["arrived"].tolist()[0] == 50
    assert found["arrived"].isna().tolist() == [False, True]
    assert found["horizon"].tolist() == [60, 60]
    # a run that ended early was to go on
    ended = runs.assign(epochs=12)
    assert convergence.arrivals(ended, history(ended, curves))["horizon"].tolist() == [120, 120]
    # on photographs half is enough
    other = runs.assign(data="cifar10")
    half = {"relu": [0.5] * 6, "sigmoid": [0.49] * 6}
    assert convergence.arrivals(other, history(other, half))["arrived"].fillna(0).tolist() == [20, 0]


SOON, LATE, NEVER = [0.9] * 10, [0.1] * 4 + [0.9] * 6, [0.1] * 10


@pytest.mark.parametrize(
    ("sigmoid", "relu", "expected"),
    [
        (LATE, SOON, [3, 3, 3]),
        (NEVER, SOON, [5, 5, math.inf]),
        (SOON, NEVER, [0.2, 0, 0.2]),
        (NEVER, NEVER, None),
    ],
)
def test_ratios_of_steps_are_bounds_where_runs_never_arrive(
    sigmoid: list[float], relu: list[float], expected: list[float] | None
) -> None:
    made = study(cell(steps=100, epochs=10, depth=4), cell(steps=100, epochs=10, depth=4, activation="sigmoid"))
    made.history = history(made.runs, {"relu": relu, "sigmoid": sigmoid})
    found = convergence.steps_to_accuracy(made, "sigmoid", "relu")
    assert [interval(row) for row in found] == ([] if expected is None else [pytest.approx(expected)])
    # no step was timed
    assert convergence.time_to_accuracy(made, "sigmoid", "relu") == []
    made.timing = timing()
    found = convergence.time_to_accuracy(made, "sigmoid", "relu")
    # a step of sigmoid takes twice as long
    assert [row["estimate"] for row in found] == ([] if expected is None else [pytest.approx(2 * expected[0])])


def test_steps_of_the_largest_budget_stand_beside() -> None:
    both = itertools.product((10, 20, 40), ("relu", "sigmoid"))
    made = study(*[cell(steps=10 * epochs, epochs=epochs, activation=name) for epochs, name in both])
    curves = {"relu": SOON, "sigmoid": LATE}
    made.history = pd.concat([history(runs, curves) for _, runs in made.runs.groupby("epochs")])
    found = convergence.steps_to_accuracy(made, "sigmoid", "relu")
    assert [(row["setting"], row["beside"]) for row in found] == [("10 epochs", False), ("40 epochs", True)]


@pytest.mark.parametrize(("law", "expected"), [("exponential", math.log(3) / 2), ("power", math.log(3) / math.log(2))])
def test_steps_grow_up_to_the_depth_that_all_runs_reach(law: Any, expected: float) -> None:
    made = study(*[cell(3, depth=depth, steps=240, epochs=24) for depth in (2, 4, 6, 8)])
    curves = {2: [0.1] + [0.9] * 23, 4: [0.1] * 7 + [0.9] * 17, 6: [0.1] * 24, 8: [0.9] * 24}
    made.history = pd.concat([history(runs, curves[depth]) for depth, runs in made.runs.groupby("depth")])
    (row,) = convergence.growth_of_steps(made, {"init": "xavier"}, law)
    assert row["estimate"] == pytest.approx(expected)
    assert row["setting"] == "depth 2 to 4"


# accuracy


def test_pairs_are_of_the_same_factors_at_the_smallest_and_the_largest_budget() -> None:
    arms = [
        cell(6, epochs=epochs, activation=name, test_accuracy=[base + i / 100 for i in range(6)])
        for name, gain in (("relu", 0.0), ("sigmoid", -0.1))
        for epochs, base in ((15, 0.5 + gain), (60, 0.7), (240, 0.9))
    ]
    # relu has no partner here
    found = accuracy.paired_difference(study(*arms, cell(6, init="edge")), "relu", "sigmoid")
    assert told(found, "setting", "comparison", "estimate", "n") == [
        ("15 epochs", "relu - sigmoid", pytest.approx(0.1), 6),
        ("240 epochs", "relu - sigmoid", 0, 6),
    ]
    assert (found[0]["superiority"], found[1]["superiority"]) == (1, 0.5)
    assert found[0]["p"] == pytest.approx(2 / 2**6) and found[1]["p"] == 1
    # runs that end at an accuracy have the same one
    ended = study(*arms, provenance={"common": {"trainer.stop_at": 0.9}})
    assert accuracy.paired_difference(ended, "relu", "sigmoid") == []


def test_the_spread_is_that_of_the_two_outermost_means() -> None:
    arms = [
        cell(5, norm="batch", activation=name, test_accuracy=x)
        for name, x in (("relu", 0.9), ("tanh", 0.95), ("gelu", 0.94))
    ]
    found = accuracy.spread(study(*arms, cell(5, depth=32, norm="batch")), {"norm": "batch"}, max_depth=16)
    assert [row["estimate"] for row in found] == pytest.approx([0.05, 0.01])
    assert [(row["comparison"], row["setting"], row["beside"]) for row in found] == [
        ("tanh - relu", "batch", False),
        ("tanh - gelu", "batch, without relu", True),
    ]
