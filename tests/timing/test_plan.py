from __future__ import annotations

import pytest

from whyrelu.timing.plan import plan_timing
from whyrelu.timing.steps import BASELINE


def names(places) -> dict[int, list[str]]:
    return {place.depth: list(place.configs) for place in places}


def test_every_depth_has_its_activations_and_the_baseline(configs) -> None:
    plan = plan_timing(configs("activation=relu,tanh", "depth=4,2", "seed=0,1"))
    assert names(plan.depths) == {2: ["relu", "tanh", BASELINE], 4: ["relu", "tanh", BASELINE]}
    assert {place.width for place in plan.depths} == {2}
    for place in plan.depths:
        for name, config in place.configs.items():
            assert (config["activation"]["name"], config["depth"]) == (name, place.depth)
    assert plan.facet == ""


def test_only_the_reference_facet_is_timed(configs) -> None:
    grid = ("activation=relu,sigmoid", "depth=2", "init=he,critical", "norm=batch,none")
    plan = plan_timing(configs(*grid))
    assert plan.facet == "init=critical, norm=none"
    (place,) = plan.depths
    assert {(config["init"]["name"], config["norm"]["name"]) for config in place.configs.values()} == {
        ("critical", "none")
    }


def test_a_study_with_arms_is_timed_where_its_arms_are_as_the_reference(configs) -> None:
    arms = 'arms=["depth=2 activation=relu","optimizer=adam"]'
    plan = plan_timing(configs("activation=relu,sigmoid", "depth=4", arms))
    assert plan.facet == "optimizer=sgd"
    assert names(plan.depths) == {2: ["relu", BASELINE], 4: ["relu", "sigmoid", BASELINE]}


@pytest.mark.parametrize("rates", ["tuned,0.05"])
def test_learning_rates_are_no_facets(configs, rates: str) -> None:
    plan = plan_timing(configs("activation=relu,sigmoid", "depth=2,4", f"lr={rates}"))
    assert plan.facet == ""
    assert names(plan.depths) == {2: ["relu", "sigmoid", BASELINE], 4: ["relu", "sigmoid", BASELINE]}
    # nor do they hide what is one
    assert plan_timing(configs("norm=batch,none", f"lr={rates}")).facet == "norm=none"


def test_widths_are_at_one_depth_and_none_is_timed_twice(configs) -> None:
    grid = ("activation=relu,tanh,sigmoid", "depth=2,4")
    plan = plan_timing(configs(*grid, "timing.widths=[8,2,4]"))
    assert [(place.depth, place.width) for place in plan.widths] == [(2, 4), (2, 8)]
    assert all(list(place.configs) == ["relu", "sigmoid", BASELINE] for place in plan.widths)
    assert all(config["width"] == place.width for place in plan.widths for config in place.configs.values())
    other = plan_timing(configs(*grid, "timing.widths=[2,4]", "timing.width_depth=4"))
    assert [(place.depth, place.width) for place in other.widths] == [(4, 4)]


def test_gradients_vanish_in_nets_of_their_own(configs) -> None:
    grid = ("activation=gelu", "depth=2", "norm=batch", "optimizer.momentum=0", "timing.vanishing_depths=[6,3]")
    plan = plan_timing(configs(*grid))
    assert names(plan.vanishing) == {3: ["relu", "sigmoid"], 6: ["relu", "sigmoid"]}
    for place in plan.vanishing:
        for config in place.configs.values():
            assert (config["init"]["name"], config["norm"]["name"], config["trainer"]["threads"]) == (
                "pytorch",
                "none",
                1,
            )
            assert (config["optimizer"]["name"], config["optimizer"]["momentum"]) == ("sgd", 0.9)
