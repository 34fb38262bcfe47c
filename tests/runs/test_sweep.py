"""A sweep: what is not done of a grid, whoever trains it; with a launcher of Hydra that stays in this process."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from tiny_runs import TINY, InProcess, comparable, make_record
from whyrelu.config.grid import Run, compose_grid
from whyrelu.errors import UserError
from whyrelu.runs.execute import execute
from whyrelu.runs.plan import identify
from whyrelu.runs.progress import display
from whyrelu.runs.store import ERROR, RunStore
from whyrelu.runs.sweep import _typed, job, sweep

FAST = ["trainer.max_epochs=1", "diagnostics=off"]


@pytest.fixture
def grid(root: Path, tmp_path: Path) -> Callable[..., list[Run]]:
    """Composes a grid of tiny runs in a folder of its own."""

    def runs(*overrides: str) -> list[Run]:
        return compose_grid([*TINY, *FAST, f"prepared_root={root}", f"run_root={tmp_path}/runs", *overrides])

    return runs


def store_of(runs: Sequence[Run]) -> RunStore:
    return RunStore.of(runs[0].config)


def statuses(runs: Sequence[Run]) -> list[str | None]:
    """What is on record of each run."""
    records = [store_of(runs).record(run.run_id) for run in identify(runs)]
    return [record["status"] if record else None for record in records]


def test_a_sweep_does_what_is_not_done_and_a_second_one_nothing(grid, capsys):
    runs = grid("activation=relu,tanh", "seed=0,1,0")
    launcher = InProcess()
    done = sweep(runs, launcher)
    assert [run.run_id for run in done] == [run.run_id for run in identify(runs)]
    assert statuses(runs) == ["completed"] * 4
    assert [texts[-1] for texts in launcher.launched[0]] == [f"+run_id='{run.run_id}'" for run in done]
    assert sum(line.startswith("[") for line in capsys.readouterr().out.splitlines()) == 4
    before = [store_of(runs).record(run.run_id) for run in done]
    again = InProcess()
    assert sweep(runs, again) == done
    assert again.launched == []
    assert [store_of(runs).record(run.run_id) for run in done] == before
    # a larger grid pays for what is new in it
    sweep(grid("activation=relu,tanh", "seed=0,1,2"), again)
    assert len(again.launched[0]) == 2


def test_a_run_of_a_sweep_is_the_same_as_that_run_alone(grid, tmp_path):
    runs = sweep(grid("activation=relu,sigmoid", "seed=3"), InProcess())
    for run in runs:
        alone, _ = execute(run.config | {"run_root": str(tmp_path / "alone")})
        swept = store_of(runs).record(run.run_id)
        assert alone is not None and swept is not None
        assert comparable(alone) == comparable(swept)


def test_failed_runs_end_the_sweep_with_one_line_after_the_others_ran(grid, capsys):
    runs = grid("batch_size=65,64,66")
    with pytest.raises(UserError, match=r"2 of 3 runs failed.*batch_size=65") as caught:
        sweep(runs, InProcess())
    assert "\n" not in str(caught.value)
    assert statuses(runs) == ["failed", "completed", "failed"]
    assert not (store_of(runs).folder(identify(runs)[0].run_id) / ERROR).exists()
    again = InProcess()
    with pytest.raises(UserError, match="2 of 2 runs failed"):
        sweep(runs, again)
    assert len(again.launched[0]) == 2


def test_a_job_that_leaves_no_record_is_told(grid):
    runs = grid("seed=0,1")
    with pytest.raises(UserError, match=r"seed=0: .*no record"):
        sweep(runs, InProcess(lambda _: None))
    # such as where its folder cannot be written
    Path(runs[0].config["run_root"]).write_text("a file")
    with pytest.raises(UserError, match="Not a directory"):
        sweep(runs, InProcess())


@pytest.mark.parametrize("finishes", [True, False])
def test_a_run_that_another_sweep_is_at_is_waited_for(grid, finishes):
    runs = grid("seed=0,1")
    busy = identify(runs)[0]
    held, asked = threading.Event(), threading.Event()

    def other_sweep() -> None:
        with store_of(runs).claim(busy.run_id):
            held.set()
            asked.wait()
            if finishes:
                found = {"metrics": {"test_accuracy": 0.1}, "outcome": "chance", "provenance": {"seconds": 1.0}}
                store_of(runs).write(make_record(busy.run_id, **found))

    def noting(config: DictConfig) -> str | None:
        if config.wait:
            asked.set()
        return job(config)

    thread = threading.Thread(target=other_sweep)
    thread.start()
    held.wait()
    launcher = InProcess(noting)
    sweep(runs, launcher)
    thread.join()
    assert [[words[-2] for words in jobs] for jobs in launcher.launched] == [["+wait=False"] * 2, ["+wait=True"]]
    records = [store_of(runs).record(run.run_id) for run in identify(runs)]
    # what the other one let go of without a record is trained here
    assert [record is not None and "factors" in record for record in records] == [not finishes, True]


def test_a_sweep_counts_the_deaths_that_it_sees_and_tries_their_runs_alone(grid):
    runs = identify(grid("seed=0,1"))
    store = store_of(runs)

    def dying(error: BaseException) -> InProcess:
        def do(config: DictConfig) -> str | None:
            if config.seed:
                return job(config)
            with store.claim(runs[0].run_id):
                store.begin(runs[0].run_id)
            raise error

        return InProcess(do)

    # killed whole, or stopped
    with pytest.raises(KeyboardInterrupt):
        sweep(runs, dying(KeyboardInterrupt()))
    for count in (1, 2):
        with pytest.raises(UserError, match=r"a worker died .*of a full memory") as caught:
            sweep(runs, launcher := dying(RuntimeError("gone\nof a full memory")))
        assert "\n" not in str(caught.value)
        assert [store.deaths(run.run_id) for run in runs] == [count, 0]
    assert [[words[-1] for words in jobs] for jobs in launcher.launched] == [
        [f"+run_id='{runs[1].run_id}'"],
        [f"+run_id='{runs[0].run_id}'"],
    ]


def test_runs_are_followed_while_they_end(grid):
    seen: list[Any] = []

    @contextmanager
    def follow(uri: str | None, store: RunStore, run_ids: Sequence[str]) -> Iterator[None]:
        seen.extend([uri, list(store.records()), run_ids])
        yield
        seen.append(len(list(store.records())))

    runs = sweep(grid("seed=0,1"), InProcess(), follow)
    assert seen == [None, [], [run.run_id for run in runs], 2]


def test_runs_of_other_code_are_told_or_trained_again(grid, capsys, monkeypatch):
    sweep(grid("seed=0,1"), InProcess())
    capsys.readouterr()
    monkeypatch.setattr("whyrelu.runs.provenance.code_digest", lambda: "another")
    launcher = InProcess()
    sweep(grid("seed=0,1"), launcher)
    assert "rerun=changed" in capsys.readouterr().out
    assert launcher.launched == []
    sweep(grid("seed=0,1", "rerun=changed"), launcher)
    assert len(launcher.launched[0]) == 2


# what is printed


def test_the_display_has_a_line_for_each_run_that_ends_now(grid, capsys):
    runs = identify(grid("seed=range(0,4)"))
    store = store_of(runs)

    def write(run: Run, status: str, **more: Any) -> None:
        more |= {"provenance": {"seconds": 1.0}, "outcome": "learned"}
        store.write(make_record(run.run_id, status, metrics={"test_accuracy": 0.5, "epochs_run": 3}, **more))

    write(runs[0], "failed", error="an earlier one")
    before = {run.run_id: store.record(run.run_id) for run in runs}
    with display(store, {run.run_id: run.label for run in runs}, before) as look:
        write(runs[1], "completed")
        write(runs[2], "diverged")
        look()
        look()
        write(runs[0], "failed", error="[no] memory")
        assert set(look()) == {run.run_id for run in runs[:3]}
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")]
    assert [line.split("]")[0] for line in lines] == ["[1/4", "[2/4", "[3/4"]
    assert "seed=1" in lines[0] and "0.500" in lines[0]
    assert "diverged in epoch 3" in lines[1]
    assert "failed: [no] memory" in lines[2]


def test_an_id_that_could_be_a_number_stays_text_and_another_run_is_refused(grid):
    run = identify(grid("seed=0"))[0]
    said = []
    for run_id in ("1234567890123456", "12345678e9012345"):
        config = [*run.overrides, *_typed(replace(run, run_id=run_id), wait=False)[-3:]]
        InProcess(lambda composed: said.append(composed.run_id)).launch([config], 0)
        assert "changed after the sweep began" in InProcess().launch([config], 0)[0].return_value
    assert said == ["1234567890123456", "12345678e9012345"]
