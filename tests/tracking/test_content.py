import pytest

from synthetic import make_record, make_records
from tracking_lab import broken
from whyrelu.results.cells import cells_table
from whyrelu.results.tables import build_tables
from whyrelu.tracking.content import cell_content, latest_of_each_seed, run_content


def test_a_run_has_a_value_per_epoch_and_one_of_each_result() -> None:
    record = make_record(epochs=4)
    content = run_content(record)
    points = {(point.key, point.step): point.value for point in content.points}
    assert len(points) == len(content.points)
    for epoch, value in zip((1, 2, 3, 4), record["history"]["val_accuracy"], strict=True):
        assert points["val_accuracy", epoch] == value
    assert points["test_accuracy", 0] == record["metrics"]["test_accuracy"]
    assert ("val_accuracy", 0) not in points
    assert content.params["depth"] == "2" and content.params["data.train_size"] == "null"
    assert content.tags["run_id"] == record["run_id"] and content.tags["status"] == "completed"


def test_a_run_has_the_times_of_its_training() -> None:
    record = make_record(epochs=3)
    content = run_content(record)
    assert content.start == 946_684_800_000 and content.end == content.start + 1_500
    times = [point.time for point in content.points if point.key == "val_loss"]
    assert times == [content.start + 500, content.start + 1_000, content.start + 1_500]


def test_a_loss_that_is_not_finite_is_left_out() -> None:
    record = make_record(outcome="diverged", epochs=6)
    assert record["history"]["val_loss"][-1] is None
    content = run_content(record)
    assert content.status == "FINISHED"
    assert not any(point.key == "test_loss" for point in content.points)
    assert max(point.step for point in content.points if point.key == "val_loss") == 1


def test_a_run_that_broke_down_failed_and_says_why() -> None:
    content = run_content(broken())
    assert content.status == "FAILED" and content.tags["error"] == "disk full" and content.points == []


@pytest.mark.parametrize("seeds", [2, 9])
def test_the_numbers_of_a_cell_are_those_of_the_tables(seeds: int) -> None:
    records = make_records(["relu"], [2], seeds=seeds)
    row = cells_table(build_tables(records).runs).iloc[0]
    metrics = {point.key: point.value for point in cell_content(records).points}
    for name in ("mean", "sd", "iqm", "low", "high"):
        assert metrics[f"test_accuracy_{name}"] == row[name]
    assert metrics["test_accuracy"] == row["mean"]
    assert metrics["n"] == seeds and metrics["failures"] == 0


def test_failures_of_a_cell_are_counted_and_break_downs_beside_them() -> None:
    outcomes = ["learned", "at_chance", "diverged"]
    records = [make_record(seed=seed, outcome=outcome) for seed, outcome in enumerate(outcomes)]
    content = cell_content([*records, broken(seed=3)])
    metrics = {point.key: point.value for point in content.points}
    assert (metrics["n"], metrics["failures"], metrics["errors"]) == (3, 2, 1)
    assert "2 of 3 runs failed to learn" in content.tags["mlflow.note.content"]


def test_a_cell_of_one_seed_has_no_spread_and_one_without_results_no_mean() -> None:
    one = {point.key for point in cell_content([make_record()]).points}
    assert "test_accuracy" in one and not one & {"test_accuracy_sd", "test_accuracy_low", "errors"}
    assert {point.key for point in cell_content([broken()]).points} == {"n", "failures", "errors"}


def test_of_two_runs_with_one_seed_the_later_counts() -> None:
    first, second = make_record(), make_record()
    second["run_id"] = "0" * 16
    second["provenance"] = second["provenance"] | {"started": "2000-01-02T00:00:00+00:00"}
    assert latest_of_each_seed([second, first]) == [second]
