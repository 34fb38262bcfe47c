import copy

import pytest

from benchmarks import acceptance
from benchmarks.acceptance import Line
from benchmarks.overhead import warm_worker
from benchmarks.ratios import Spread, ratio, spread
from benchmarks_measured import results, throughput


def line(found, start):
    (only,) = [line for line in acceptance.lines(found) if line.text.startswith(start)]
    return only


def test_a_ratio_is_taken_within_a_repetition():
    # the machine was faster at times, both alike
    over, under = ({"implementation": name, "precision": "32-true", "depth": 4} for name in ("ours", "template"))
    found = ratio(throughput(), "samples_per_second", over, under)
    assert found == pytest.approx(Spread(1.9, 1.9, 1.9, 3))
    assert spread(throughput(), "samples_per_second", **over) == pytest.approx(Spread(190, 171, 209, 3))


def test_repetitions_that_one_of_both_lacks_are_left_out():
    rows = [{"name": name, "repetition": r, "x": x} for name, r, x in (("a", 0, 2), ("a", 1, 9), ("b", 0, 1))]
    assert ratio(rows, "x", {"name": "a"}, {"name": "b"}) == Spread(2, 2, 2, 1)
    assert ratio(rows, "x", {"name": "a"}, {"name": "c"}) is None


@pytest.mark.parametrize(
    ("is_least", "median", "met"), [(True, 2.0, True), (True, 1.9, False), (False, 2.0, True), (False, 2.1, False)]
)
def test_a_target_is_met_by_the_median(is_least, median, met):
    assert Line("what", 2.0, is_least, Spread(median, 0.1, 9.0, 3)).met is met


def test_targets_are_judged_by_what_was_measured():
    found = results()
    # 190 / 200, 190 / 100, 300 / 100 and 300 / 150 images per second
    assert line(found, "throughput over the bare loop, fp32, depth 4").met is True
    assert line(found, "throughput over the template, fp32, depth 16").found.median == pytest.approx(1.9)
    assert line(found, "throughput in bf16 over the template as it comes (fp32), depth 8").met is True
    other = line(found, "throughput in bf16 over the template in bf16 too, depth 8")
    assert (other.met, other.is_target) == (False, False)
    # 101 / 41 and 101 / 21 seconds
    assert line(found, "sweep of 12 runs against").found.median == pytest.approx(101 / 41)
    assert line(found, "sweep of 12 runs in bf16 against the template's as").met is True
    assert line(found, "`python src/train.py --help`").found == Spread(1.5, 1.0, 3.0, 3)
    assert line(found, "`dvc repro`").met is None
    assert line(found, "a run in a warm worker").met is False


def test_a_slow_depth_fails_its_own_target_only():
    found = copy.deepcopy(results())
    for row in found["throughput"]:
        if (row["implementation"], row["depth"], row["precision"]) == ("ours", 8, "32-true"):
            row["samples_per_second"] *= 0.8
    failed = [entry.text for entry in acceptance.lines(found) if entry.met is False and entry.is_target]
    before = [entry.text for entry in acceptance.lines(results()) if entry.met is False and entry.is_target]
    new = ["throughput over the bare loop, fp32, depth 8", "throughput over the template, fp32, depth 8"]
    assert sorted(failed) == sorted([*before, *new])


def test_nothing_measured_meets_nothing():
    assert {entry.met for entry in acceptance.lines({})} == {None}


def test_the_cost_of_a_warm_run_is_what_lies_between_its_training_and_the_next():
    # two workers, each of which ends a run every 1.5 seconds, of which 1.1 are training and 1.3 the run's own
    ends = [10.0, 10.7, 11.5, 12.2, 13.0, 13.7]
    records = [
        {"ended": end, "workers": 2, "metrics": {"train_seconds": 1.1}, "provenance": {"seconds": 1.3}} for end in ends
    ]
    found = warm_worker(records[::-1])
    assert found["inside"] == pytest.approx(0.2)
    # from the end of the second run four more took (13.7 - 10.7) * 2 seconds of both workers
    assert found["cycle"] == pytest.approx(6.0 / 4 - 1.1)
