"""Two folders of results, of one machine and of two."""

import json

import numpy as np
import pandas as pd
import pytest

from synthetic import make_records, make_timing, write_records
from whyrelu.errors import UserError
from whyrelu.files import write_json
from whyrelu.results.comparison import AGREE, ALL, DIFFER, TOO_FEW, compare, compare_cells
from whyrelu.results.files import write_csv, write_table

# Six differences of a machine that is alike.
NOISE = np.array([0.01, -0.02, 0.0, 0.01, -0.01, 0.02])


def results_in(folder, seconds=1.0, cpu="a processor", outcome=None, **changed):
    """A study of a machine that takes so long for a step; sigmoid at depth 4 has another outcome there."""
    records = make_records(["relu", "sigmoid"], depths=[2, 4], seeds=6, **changed)
    records = records[:18] + make_records(["sigmoid"], depths=[4], seeds=6, outcome=outcome, **changed)
    for record in records:
        record["provenance"]["cpu"] = cpu
    study = write_records(folder / "results" / "synthetic", records)
    write_json(make_timing(records) | {"seconds": seconds}, study.folder / "timing.json")
    effects = {"claim": ["C3", "C17"], "estimate": [seconds, 0.5], "timed": [True, False]}
    write_csv(pd.DataFrame(effects), study.folder / "effects.csv")
    return study.folder


def runs_of(cells, seeds=()):
    """Runs by depth: lists of accuracies."""
    rows = [
        {"activation": "relu", "depth": depth, "lr": 0.1, "seed": seed, "test_accuracy": accuracy}
        for depth, accuracies in enumerate(cells, start=1)
        for seed, accuracy in zip(seeds or range(len(accuracies)), accuracies, strict=True)
    ]
    table = pd.DataFrame(rows)
    return table.assign(outcome=np.where(table["test_accuracy"] > 0.5, "learned", "slow"))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return results_in(tmp_path_factory.mktemp("first"))


def test_times_and_what_depends_on_them_make_no_difference(first, tmp_path):
    second = results_in(tmp_path, seconds=2.0)
    differing = {path.name for path in first.iterdir() if path.read_bytes() != (second / path.name).read_bytes()}
    assert differing == {"timing.json", "effects.csv"}
    assert compare(first, second) == ([], "the same, times aside", True)


def test_anything_else_does_on_the_same_kind_of_machine(first, tmp_path):
    second = results_in(tmp_path)
    for name in ("metrics.json", "provenance.json"):
        write_json(json.loads((second / name).read_text()) | {"runs": -1}, second / name)
    (second / "effects.csv").write_text((second / "effects.csv").read_text().replace("0.5", "0.6"))
    (second / "curves.csv").unlink()
    (second / "further.csv").write_text("")
    found = compare(first, second)
    assert not found.passes and "4 agree" in found.verdict
    for name in ("curves.csv", "effects.csv", "further.csv", "metrics.json", "provenance.json"):
        assert name in found.verdict


@pytest.mark.parametrize(("outcome", "expected"), [(None, [AGREE] * 5), ("chance", [AGREE] * 3 + [DIFFER])])
def test_on_another_kind_every_cell_has_an_answer_and_predictions_count(first, tmp_path, outcome, expected):
    second = results_in(tmp_path, cpu="another", outcome=outcome)
    found = compare(first, second)
    told, table = found.lines
    assert told == "cpu: a processor here, another there"
    assert [line.rsplit("  ")[-1].strip() for line in table.splitlines()[1:]][: len(expected)] == expected
    assert found.passes == (DIFFER not in expected)
    theory = pd.read_parquet(second / "theory.parquet")
    nearly = {"q": theory["q"] * 1.0005, "decades": theory["decades"] + 1e-4, "xi": -theory["xi"]}
    write_table(theory.assign(**nearly), second / "theory.parquet")
    assert compare(first, second) == found
    write_table(theory.assign(q=theory["q"] * 1.002), second / "theory.parquet")
    assert not compare(first, second).passes


@pytest.mark.parametrize(
    ("here", "change", "answer"),
    [
        pytest.param([0.9] * 6, 0 * NOISE, AGREE, id="nothing"),
        pytest.param([0.9] * 6, NOISE, AGREE, id="noise"),
        pytest.param([0.9] * 5, NOISE[:5], TOO_FEW, id="five pairs"),
        pytest.param([0.9] * 6, 5 * NOISE, TOO_FEW, id="more noise"),
        pytest.param([0.9] * 6, 0.05 + NOISE, DIFFER, id="a difference"),
        pytest.param([0.9] * 6, 0.004 + NOISE / 100, AGREE, id="a certain one that is nothing"),
        pytest.param([0.9] * 3, -0.8 + NOISE[:3], TOO_FEW, id="a large one in three pairs"),
        pytest.param([0.9] * 8, [-0.8] * 8, DIFFER, id="one without spread"),
        pytest.param([0.501] * 12, [-0.002] * 12, DIFFER, id="shares"),
    ],
)
def test_a_cell_differs_agrees_or_has_too_few_seeds(here, change, answer):
    there = np.add(here, change)
    assert compare_cells(runs_of([here]), runs_of([there]))["answer"].tolist() == [answer] * 2
    assert compare_cells(runs_of([there]), runs_of([here]))["answer"].tolist() == [answer] * 2


def test_the_more_cells_the_more_each_needs_to_differ():
    here, there = [0.9] * 6, 0.93 + NOISE
    for others, answer in ((0, DIFFER), (17, AGREE)):
        found = compare_cells(runs_of([here] * (1 + others)), runs_of([there, *[here] * others]))
        assert found["answer"].iloc[0] == answer


def test_runs_are_paired_by_seed_and_others_left_out():
    here, there = [0.9, 0.8, 0.7, 0.1], [0.7, 0.8, 0.2]
    cell = compare_cells(runs_of([here]), runs_of([there], seeds=[2, 1, 9])).iloc[0]
    assert cell[["pairs", "learned_here", "learned_there"]].tolist() == [2, 2, 2]
    assert cell[["mean_here", "mean_there", "difference"]].tolist() == pytest.approx([0.75, 0.75, 0])
    many, shifted = [0.5] * 100, [0.6, 0.4] * 50
    cells = compare_cells(runs_of([many, many]), runs_of([shifted, shifted]))
    assert cells.loc[ALL, "pairs"] == 200


def test_another_experiment_is_refused_and_settings_of_the_machine_are_not(first, tmp_path):
    compare(first, results_in(tmp_path / "bf16", precision="bf16-mixed", lr=0.1))
    with pytest.raises(UserError, match="batch_size differs"):
        compare(first, results_in(tmp_path / "batches", batch_size=8))
    second = results_in(tmp_path / "seeds")
    runs = pd.read_parquet(second / "runs.parquet")
    write_table(runs.assign(seed=runs["seed"] + 6 * (runs["depth"] == 4)), second / "runs.parquet")
    with pytest.raises(UserError, match="relu, depth 4: no seed in both"):
        compare(first, second)


def test_a_study_that_is_not_there_is_named(first, tmp_path):
    with pytest.raises(UserError, match=r"nowhere.provenance.json is missing"):
        compare(first, tmp_path / "nowhere")


@pytest.mark.soak
def test_two_machines_that_are_alike_rarely_differ():
    rng = np.random.default_rng(0)

    def study():
        learned = rng.random((6, 6)) < np.linspace(0.1, 1, 6)[:, None]
        split = np.where(learned, 0.95, 0.1) + 0.01 * rng.standard_normal((6, 6))
        skewed, heavy = 1 - 0.03 * rng.exponential(1, (6, 6)), 0.9 + 0.02 * rng.standard_t(2, (6, 6))
        return runs_of(np.round(np.clip([*split, *skewed, *heavy], 0, 1) * 360) / 360)

    found = [(compare_cells(study(), study())["answer"] == DIFFER).any() for _ in range(100)]
    assert np.mean(found) <= 0.05
