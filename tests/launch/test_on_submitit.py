"""Jobs of a batch system: each takes runs that no other has taken."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from hydra.core.utils import JobReturn, JobStatus

from whyrelu.errors import UserError
from whyrelu.launch.on_submitit import RunTaker, SubmititJobs, asked, importable, returned
from whyrelu.launch.workers import Needs

CALLS = [(index, [f"seed={index}"]) for index in range(10)]


@pytest.fixture(autouse=True)
def _tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are pickled, and what they do is in this file."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


class Noting:
    """Stands in for a worker: notes on disk which runs it does; may be killed or told to stop at some of them."""

    def __init__(self, folder: Path, deadly: int | None = None, slow: Sequence[int] = ()) -> None:
        self.folder, self.deadly, self.slow = folder, deadly, slow

    def __call__(self, index: int, overrides: list[str]) -> JobReturn:
        with open(self.folder / f"{index}.jsonl", "a") as file:
            file.write(json.dumps([os.getpid(), overrides]) + "\n")
        if index == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        interrupted = self.folder / f"interrupted-{index}"
        if index in self.slow and not interrupted.exists():
            interrupted.touch()
            time.sleep(60)
        done = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
        done.return_value = index
        return done


def done_by(folder: Path) -> dict[int, list[int]]:
    """Run to the processes that did it."""
    return {
        int(path.stem): [json.loads(line)[0] for line in path.read_text().splitlines()]
        for path in folder.glob("*.jsonl")
    }


def local(worker: Noting, folder: Path, jobs: int) -> SubmititJobs:
    return SubmititJobs(worker, Needs(), "local", folder / "jobs", jobs, {"timeout_min": 5})  # type: ignore[arg-type]


@pytest.fixture
def as_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Make this process one of a job: its number, and that of the process."""
    pytest.importorskip("submitit")

    def become(job: int, rank: int) -> None:
        monkeypatch.setenv("SUBMITIT_EXECUTOR", "local")
        monkeypatch.setenv("SUBMITIT_LOCAL_JOB_ID", str(job))
        monkeypatch.setenv("SUBMITIT_LOCAL_GLOBALID", str(rank))

    return become


def test_takers_share_the_runs(tmp_path: Path, as_process):
    as_process(1, 0)
    notes = tmp_path / "notes"
    notes.mkdir()
    worker = Noting(tmp_path)
    first = RunTaker(worker, CALLS, notes)  # type: ignore[arg-type]
    second = RunTaker(worker, CALLS, notes)  # type: ignore[arg-type]
    for index in (0, 3, 4):
        (notes / str(index)).touch()
    first()
    assert {index: len(by) for index, by in done_by(tmp_path).items()} == dict.fromkeys((1, 2, 5, 6, 7, 8, 9), 1)
    for index in (0, 3, 4):
        (notes / str(index)).unlink()
    second()
    assert {index: len(by) for index, by in done_by(tmp_path).items()} == dict.fromkeys(range(10), 1)
    assert {index: done.return_value for index, done in returned(CALLS, notes).items()} == {i: i for i in range(10)}


def test_a_process_takes_up_what_it_was_at_and_nothing_of_others(tmp_path: Path, as_process):
    class Ended(Exception):
        """The job, without a word to this process."""

    class Ending(Noting):
        def __call__(self, index: int, overrides: list[str]) -> JobReturn:
            if index == 1:
                raise Ended
            return super().__call__(index, overrides)

    notes = tmp_path / "notes"
    notes.mkdir()
    as_process(7, 1)
    with pytest.raises(Ended):
        RunTaker(Ending(tmp_path), CALLS[:2], notes)()  # type: ignore[arg-type]
    taker = RunTaker(Noting(tmp_path), CALLS[:2], notes)  # type: ignore[arg-type]
    for other in ((7, 0), (8, 1)):
        as_process(*other)
        taker()
        assert sorted(returned(CALLS, notes)) == [0]
    as_process(7, 1)
    taker()
    assert {index: len(by) for index, by in done_by(tmp_path).items()} == {0: 1, 1: 1}
    assert sorted(returned(CALLS, notes)) == [0, 1]


def test_only_a_run_of_this_process_that_is_not_done_is_given_back(tmp_path: Path, as_process):
    as_process(7, 0)
    files: list[set[str]] = []

    class ToldMeanwhile(Noting):
        def __call__(self, index: int, overrides: list[str]) -> JobReturn:
            if index == 1:
                (tmp_path / "1").write_text("8 0")
            if index == 2:
                (tmp_path / "2.done").touch()
            taker.checkpoint()
            assert len(files) < 4, "a run that is done was given back"
            files.append({path.name for path in tmp_path.iterdir()} & {"0", "1", "2"})
            return super().__call__(index, overrides)

    taker = RunTaker(ToldMeanwhile(tmp_path), CALLS[:3], tmp_path)  # type: ignore[arg-type]
    taker()
    # what is given back is taken once more here, where the process goes on
    assert files == [set(), {"1"}, {"1", "2"}, {"0", "1", "2"}]


def test_a_job_whose_sweep_is_over_does_nothing(tmp_path: Path, as_process):
    as_process(1, 0)
    taker = RunTaker(Noting(tmp_path), CALLS, tmp_path / "removed")  # type: ignore[arg-type]
    taker()
    assert done_by(tmp_path) == {}


def test_runs_are_done_once_in_few_processes_and_come_back_in_order(tmp_path: Path):
    pytest.importorskip("submitit")
    jobs = local(Noting(tmp_path), tmp_path, 2)
    assert [done.return_value for done in jobs.launch(CALLS)] == list(range(10))
    processes = done_by(tmp_path)
    assert sorted(processes) == list(range(10))
    assert all(len(by) == 1 for by in processes.values())
    assert len({process for by in processes.values() for process in by}) <= 2
    # a launcher is used more than once
    assert [done.return_value for done in jobs.launch(CALLS[4:6])] == [4, 5]


def test_a_job_that_is_killed_takes_no_other_run_with_it(tmp_path: Path, monkeypatch):
    submitit = pytest.importorskip("submitit")
    # seconds to wait for what a slow disk may still show
    monkeypatch.setattr(submitit.local.local.LocalJob, "_results_timeout_s", 1)
    with pytest.raises(RuntimeError, match=r"1 of 10 runs were not done: job .* ended"):
        local(Noting(tmp_path, deadly=3), tmp_path, 2).launch(CALLS)
    assert {index: len(by) for index, by in done_by(tmp_path).items()} == dict.fromkeys(range(10), 1)


def test_a_job_whose_time_is_over_is_queued_once_more_and_does_its_run_again(tmp_path: Path):
    submitit = pytest.importorskip("submitit")
    notes = tmp_path / "notes"
    notes.mkdir()
    executor = submitit.AutoExecutor(folder=tmp_path / "%j", cluster="local", local_max_num_timeout=3)
    executor.update_parameters(timeout_min=5)
    taker = RunTaker(Noting(tmp_path, slow=[2]), CALLS[:5], notes)  # type: ignore[arg-type]
    with importable():
        job = executor.submit(taker)
    while not (tmp_path / "interrupted-2").exists() and not job.done():
        time.sleep(0.05)
    # as Slurm would
    for task in psutil.Process(job._process.pid).children():
        task.send_signal(signal.SIGUSR2)
    job.result()
    assert sorted(returned(CALLS, notes)) == [0, 1, 2, 3, 4]
    assert {index: len(by) for index, by in done_by(tmp_path).items()} == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}


def test_no_process_of_a_job_whose_time_is_over_loses_its_run(tmp_path: Path):
    submitit = pytest.importorskip("submitit")
    notes = tmp_path / "notes"
    notes.mkdir()
    executor = submitit.AutoExecutor(folder=tmp_path / "%j", cluster="local", local_max_num_timeout=3)
    executor.update_parameters(timeout_min=5, tasks_per_node=2)
    taker = RunTaker(Noting(tmp_path, slow=[0, 1]), CALLS[:4], notes)  # type: ignore[arg-type]
    with importable():
        job = executor.submit(taker)
    while len(list(tmp_path.glob("interrupted-*"))) < 2 and not job.done():
        time.sleep(0.05)
    processes = psutil.Process(job._process.pid).children()
    first, second = sorted(processes, key=lambda process: process.environ()["SUBMITIT_LOCAL_GLOBALID"])
    # as Slurm would: all are told, the first one queues the job once more, which ends the others
    for process in (second, first):
        process.send_signal(signal.SIGUSR2)
    first.wait(timeout=60)
    second.kill()
    job.results()
    assert sorted(returned(CALLS, notes)) == [0, 1, 2, 3]
    assert {index: len(by) for index, by in done_by(tmp_path).items()} == {0: 2, 1: 2, 2: 1, 3: 1}


def test_jobs_are_cancelled_when_the_wait_is_interrupted(tmp_path: Path, monkeypatch):
    pytest.importorskip("submitit")

    class Interrupted(KeyboardInterrupt):
        pass

    def interrupt(seconds: float) -> None:
        if (tmp_path / "interrupted-0").exists():
            raise Interrupted

    monkeypatch.setattr("whyrelu.launch.on_submitit.time.sleep", interrupt)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with pytest.raises(Interrupted):
        local(Noting(tmp_path, slow=[0]), tmp_path, 1).launch(CALLS)
    started = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, alive = psutil.wait_procs(started, timeout=30)
    assert alive == []


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        (Needs(2, 1_500_000_000), {"cpus_per_task": 2, "mem_gb": 2}),
        (
            Needs(1, 3_000_000_000, gpus=1),
            {"cpus_per_task": 1, "mem_gb": 3, "gpus_per_node": 1, "tasks_per_node": 1},
        ),
        (
            Needs(1, 3_000_000_000, gpus=0.25),
            {"cpus_per_task": 1, "mem_gb": 12, "gpus_per_node": 1, "tasks_per_node": 4},
        ),
        (Needs(1, 10**9, gpus=2), {"cpus_per_task": 1, "mem_gb": 1, "gpus_per_node": 2, "tasks_per_node": 1}),
    ],
)
def test_what_a_job_of_slurm_asks_for(needs, expected):
    found = asked(needs, "slurm")
    setup = found.pop("slurm_setup")
    assert found == expected
    assert len(setup) == 1
    assert setup[0].startswith("export PYTHONPATH=")


@pytest.mark.parametrize(
    ("settings", "memory"),
    [({}, "2GB"), ({"tasks_per_node": None}, "2GB"), ({"tasks_per_node": 4}, "6GB"), ({"mem_gb": 3}, "3GB")],
)
def test_a_job_of_slurm_has_memory_for_all_its_processes(tmp_path: Path, monkeypatch, settings, memory):
    submitit = pytest.importorskip("submitit")
    # a Slurm that refuses each job, and keeps what was asked for
    for name, script in {"srun": "", "sbatch": f"cat $1 > {tmp_path}/asked; exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    worker, needs = Noting(tmp_path), Needs(1, 1_500_000_000)
    jobs = SubmititJobs(worker, needs, "slurm", tmp_path / "jobs", 1, settings)  # type: ignore[arg-type]
    with pytest.raises(submitit.core.utils.FailedJobError):
        jobs.launch(CALLS)
    assert f"#SBATCH --mem={memory}" in (tmp_path / "asked").read_text().splitlines()


@pytest.mark.parametrize("system", ["local", "slurm"])
def test_without_the_extra_it_is_said_what_to_install(tmp_path: Path, monkeypatch, system):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=rf"submitit_{system} needs the extra: uv pip install '.\[submitit\]'"):
        SubmititJobs(Noting(tmp_path), Needs(), system, tmp_path / "jobs", 2, {})  # type: ignore[arg-type]


def test_without_slurm_it_is_said_so(tmp_path: Path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="slurm"):
        SubmititJobs(Noting(tmp_path), Needs(), "slurm", tmp_path / "jobs", 2, {})  # type: ignore[arg-type]
