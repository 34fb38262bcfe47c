from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from whyrelu.config.settings import Job, Settings

from whyrelu.runs.plan import PlannedRun
from whyrelu.runs.status import MOST_FAILURES, print_status, states
from whyrelu.runs.store import RunStore


def planned(root: Path, activation: str, depth: int, seed: int) -> PlannedRun:
    config = {"run_root": str(root), "activation": {"name": activation}, "depth": depth, "seed": seed}
    overrides = [f"activation={activation}", f"depth={depth}", f"seed={seed}"]
    return PlannedRun(f"{activation}-{depth}-{seed}", Job(overrides, overrides, Settings(config)))


def finish(root: Path, run: PlannedRun, status: str = "completed", error: str | None = None) -> None:
    RunStore(root).write({"run_id": run.run_id, "status": status, "error": error})


def begin(root: Path, run: PlannedRun) -> None:
    RunStore(root).folder(run.run_id).mkdir(parents=True)
    RunStore(root).checkpoint(run.run_id).write_text("weights")


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def rows(text: str) -> list[list[str]]:
    """The cells of the table that was printed."""
    lines = [line for line in text.splitlines() if "│" in line or "┃" in line]
    return [[cell.strip() for cell in line.replace("┃", "│").strip("│").split("│")] for line in lines]


def test_the_state_of_a_run(tmp_path: Path) -> None:
    runs = [planned(tmp_path, "relu", 2, seed) for seed in range(7)]
    store = RunStore(tmp_path)
    finish(tmp_path, runs[0])
    finish(tmp_path, runs[1], "diverged")
    begin(tmp_path, runs[2])
    finish(tmp_path, runs[2], "failed", "broken")
    begin(tmp_path, runs[3])
    store.folder(runs[4].run_id).mkdir()
    finish(tmp_path, runs[6])
    (store.folder(runs[6].run_id) / "run.json").write_text("{}")
    found = states(store, [run.run_id for run in runs])
    assert list(found.values()) == ["done", "done", "failed", "begun", "missing", "missing", "damaged"]


def test_a_damaged_record_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [planned(tmp_path, "relu", 2, seed) for seed in range(2)]
    for run in runs:
        finish(tmp_path, run)
    path = RunStore(tmp_path).folder(runs[1].run_id) / "run.json"
    path.write_bytes(path.read_bytes()[:20])
    print_status(runs, ["seed=0,1"])
    text = capsys.readouterr().out
    assert "2 runs: 1 done, 0 failed, 0 begun, 0 missing, 1 damaged" in text
    assert f"damaged: {runs[1].label}: {path}" in text
    assert "to do the rest: python src/train.py -m seed=0,1" in text


def test_many_runs_are_read_by_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [planned(tmp_path, "relu", 2, seed) for seed in range(30)]
    for run in runs[:20]:
        finish(tmp_path, run, "failed" if run is runs[3] else "completed")
    begin(tmp_path, runs[25])
    (tmp_path / runs[5].run_id / "run.json").write_text('{"run_id": "relu-2-5", "status": "comp')
    store, ids = RunStore(tmp_path), [run.run_id for run in runs]
    alone = states(store, ids)
    monkeypatch.setattr("whyrelu.runs.status.MANY_RUNS", 10)
    monkeypatch.setattr("whyrelu.runs.status._PORTION", 4)
    here: list[str] = []
    monkeypatch.setattr(RunStore, "record", lambda store, run_id: here.append(run_id))
    monkeypatch.setattr("whyrelu.runs.status.cpu_count", lambda: 2)
    assert states(store, ids) == alone
    assert list(alone) == ids
    assert Counter(alone.values()) == {"done": 18, "failed": 1, "begun": 1, "missing": 9, "damaged": 1}
    assert not here


def test_runs_that_were_never_begun_cost_no_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [planned(tmp_path, "relu", 2, seed) for seed in range(50)]
    finish(tmp_path, runs[7])
    looked: list[str] = []
    original = RunStore.record
    monkeypatch.setattr(RunStore, "record", lambda store, run_id: (looked.append(run_id), original(store, run_id))[1])
    store = RunStore(tmp_path)
    found = states(store, [run.run_id for run in runs])
    assert Counter(found.values()) == {"missing": 49, "done": 1}
    assert store.done(run.run_id for run in runs) == {runs[7].run_id}
    assert looked == [runs[7].run_id] * 2


def test_of_many_failures_some_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [planned(tmp_path, "relu", 2, seed) for seed in range(MOST_FAILURES + 5)]
    for run in runs:
        finish(tmp_path, run, "failed", "no memory")
    print_status(runs, [])
    text = capsys.readouterr().out
    assert text.count("no memory") == MOST_FAILURES
    assert "... and 5 more failed" in text


def test_what_is_done_failed_begun_and_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [planned(tmp_path, name, depth, seed) for name in ("tanh", "relu") for depth in (4, 2) for seed in (0, 1)]
    runs.append(planned(tmp_path, "relu", 16, 0))
    for run in runs[:3]:
        finish(tmp_path, run)
    finish(tmp_path, runs[3], "failed", "ValueError: [not] a number")
    begin(tmp_path, runs[4])
    print_status(runs, ["activation=tanh,relu", "seed=range(0,2)", "study=a b"])
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == "9 runs: 3 done, 1 failed, 1 begun, 4 missing"
    assert rows(text) == [
        ["done of planned", "depth 2", "depth 4", "depth 16"],
        ["tanh", "1/2", "2/2", ""],
        ["relu", "0/2", "0/2", "0/1"],
    ]
    assert lines[-2] == (
        f"failed: activation=tanh depth=2 seed=1: ValueError: [not] a number  ({tmp_path / 'tanh-2-1'})"
    )
    expected = "to do the rest: python src/train.py -m activation=tanh,relu 'seed=range(0,2)' 'study=a b'"
    assert lines[-1] == expected


def test_a_study_that_is_done_asks_for_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = planned(tmp_path, "relu", 2, 0)
    finish(tmp_path, run, "diverged")
    print_status([run], [])
    text = capsys.readouterr().out
    assert text.startswith("1 runs: 1 done, 0 failed, 0 begun, 0 missing") or text.startswith("1 run: 1 done")
    assert "to do the rest" not in text


def test_the_table_is_whole_however_many_depths_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    depths: list[Any] = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100]
    runs = [planned(tmp_path, "rescaled_sigmoid", depth, seed) for depth in depths for seed in range(10)]
    print_status(runs, [])
    text = capsys.readouterr().out
    assert "…" not in text
    assert text.count("0/10") == len(depths)
    assert "rescaled_sigmoid" in text
