import errno
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from whyrelu.errors import DataError, UserError
from whyrelu.runs import store as subject
from whyrelu.runs.store import ATTEMPTS, CHECKPOINT, ERROR, LAYERS, LOCK, RECORD, RunStore

RUN = "0123456789abcdef"


def record(run_id: str = RUN, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"run_id": run_id, "status": status, **more}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


# records


def test_a_record_comes_back_as_it_was_written(store: RunStore) -> None:
    written = record(metrics={"test_accuracy": 0.1, "test_loss": None}, label="ä → ö", numbers=[1, 2.5, 1e-300])
    assert store.record(RUN) is None
    returned = store.write(written)
    assert store.record(RUN) == returned
    assert json.loads((store.root / RUN / "run.json").read_text()) == returned
    assert {name: value for name, value in returned.items() if name != "checksum"} == written


@pytest.mark.parametrize(("status", "done"), [("completed", True), ("diverged", True), ("failed", False)])
def test_a_failed_run_is_not_done(store: RunStore, status: str, done: bool) -> None:
    assert not store.is_done(RUN)
    store.write(record(status=status))
    assert store.is_done(RUN) == done
    assert store.record(RUN) is not None


def test_a_failed_run_that_succeeds_is_done(store: RunStore) -> None:
    store.write(record(status="failed"))
    store.write(record())
    assert store.is_done(RUN)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", '{"run_id": "0123456789abcdef", "sta', "[]", "null", '"text"', "3", "{}"),
        *(json.dumps(record("another")), "\x00\x00"),
    ],
)
def test_a_damaged_record_is_none(store: RunStore, text: str) -> None:
    store.folder(RUN).mkdir(parents=True)
    (store.folder(RUN) / RECORD).write_text(text)
    assert store.record(RUN) is None
    assert not store.is_done(RUN)
    assert list(store.records()) == []


def test_a_record_in_which_any_bit_has_changed_is_none(store: RunStore) -> None:
    written = store.write(record(metrics={"test_accuracy": 0.9375}))
    path = store.folder(RUN) / RECORD
    whole = path.read_bytes()
    for i in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[i // 8] ^= 1 << i % 8
        path.write_bytes(damaged)
        assert store.record(RUN) is None, damaged
        assert store.damage(RUN) == path
    path.write_bytes(whole)
    assert store.record(RUN) == written
    assert store.damage(RUN) is None


def test_a_whole_record_of_another_run_is_none(store: RunStore) -> None:
    store.write(record("another"))
    store.folder("another").rename(store.folder(RUN))
    assert store.record(RUN) is None
    assert store.damage(RUN) == store.folder(RUN) / RECORD


def test_bytes_that_are_no_text_are_a_damaged_record(store: RunStore) -> None:
    store.folder(RUN).mkdir(parents=True)
    (store.folder(RUN) / RECORD).write_bytes(b"\xff\xfe\x80")
    assert store.record(RUN) is None


def test_a_record_that_tells_no_status_is_damaged(store: RunStore) -> None:
    store.folder(RUN).mkdir(parents=True)
    (store.folder(RUN) / RECORD).write_text(json.dumps({"run_id": RUN}))
    assert not store.is_done(RUN)


def test_all_records_are_found_in_order_and_nothing_else(store: RunStore) -> None:
    assert list(store.records()) == []
    for name in ("bbbb", "aaaa", "cccc", ".sweeps", ".hidden"):
        store.write(record(name))
    store.folder("dddd").mkdir()
    store.folder("eeee").mkdir()
    (store.folder("eeee") / RECORD).write_text("{")
    (store.root / "notes.txt").write_text("a file")
    assert [found["run_id"] for found in store.records()] == ["aaaa", "bbbb", "cccc"]


# diagnostics

SEEN = {"epochs": [0, 1], "columns": ["gradient", "q"], "exact": True, "spectra": {}}


def test_diagnostics_come_back_as_they_were_written(store: RunStore) -> None:
    layers = np.array([[[1.0, np.nan], [1e-300, 3.0]], [[0.1, 0.2], [np.inf, 5.0]]])
    written = store.write(record(diagnostics=SEEN), layers)
    assert written == store.record(RUN)
    assert np.array_equal(store.layers(written), layers, equal_nan=True)
    assert store.is_done(RUN)


def test_a_run_without_diagnostics_has_none(store: RunStore) -> None:
    assert store.layers(store.write(record())) is None
    assert store.layers(store.write(record(diagnostics=None))) is None
    assert store.is_done(RUN)


def test_lost_diagnostics_mean_that_a_run_is_not_done(store: RunStore) -> None:
    written = store.write(record(diagnostics=SEEN), np.zeros((2, 1, 2)))
    (store.folder(RUN) / LAYERS).unlink()
    assert not store.is_done(RUN)
    assert store.damage(RUN) == store.folder(RUN) / LAYERS
    with pytest.raises(DataError, match=rf"{LAYERS} is missing or damaged: .* trains it again"):
        store.layers(written)


@pytest.mark.parametrize("damage", [lambda content: content[:-5], lambda content: b"\0" + content[1:]])
def test_damaged_diagnostics_are_never_used(store: RunStore, damage: Callable[[bytes], bytes]) -> None:
    written = store.write(record(diagnostics=SEEN), np.zeros((2, 1, 2)))
    path = store.folder(RUN) / LAYERS
    path.write_bytes(damage(path.read_bytes()))
    assert not store.is_done(RUN)
    assert store.done([RUN]) == set()
    assert store.damage(RUN) == path
    with pytest.raises(DataError, match="damaged"):
        store.layers(written)


# writing


def test_a_writer_that_dies_before_the_last_step_leaves_no_record(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(source: Path, target: Path) -> None:
        assert json.loads(Path(source).read_text()).items() >= record().items()
        raise KeyboardInterrupt

    store.folder(RUN).mkdir(parents=True)
    store.checkpoint(RUN).write_text("weights")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            store.write(record())
    assert store.record(RUN) is None
    assert list(store.records()) == []
    assert store.checkpoint(RUN).exists(), "without a record the run must be able to go on"
    written = store.write(record())
    assert store.record(RUN) == written


def test_a_writer_that_dies_leaves_the_old_record(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    old = store.write(record(status="failed"))
    monkeypatch.setattr(subject.os, "fsync", lambda _: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(MemoryError):
        store.write(record())
    assert store.record(RUN) == old


def test_a_record_is_on_disk_before_it_gets_its_name(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("fsync"), fsync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda source, target: (steps.append("replace"), replace(source, target)))
    store.write(record())
    assert steps.index("fsync") < steps.index("replace")


def test_numbers_that_json_does_not_know_are_refused_and_leave_nothing(store: RunStore) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.write(record(loss=float("nan")))
    assert store.record(RUN) is None


@pytest.mark.parametrize(
    ("status", "keep", "left"),
    [
        ("completed", False, []),
        ("diverged", False, []),
        ("completed", True, [CHECKPOINT]),
        # it is tried again from where it came to
        ("failed", False, [ATTEMPTS, CHECKPOINT, ERROR]),
    ],
)
def test_what_served_only_to_get_there_goes(store: RunStore, status: str, keep: bool, left: list[str]) -> None:
    store.folder(RUN).mkdir(parents=True)
    for name in (CHECKPOINT, ATTEMPTS, ERROR):
        (store.folder(RUN) / name).write_text("something")
    store.write(record(status=status), keep_checkpoint=keep)
    assert sorted(path.name for path in store.folder(RUN).iterdir()) == sorted([*left, RECORD])


def test_a_checkpoint_that_was_being_written_when_its_process_died_goes_too(store: RunStore) -> None:
    store.folder(RUN).mkdir(parents=True)
    (store.folder(RUN) / f"{CHECKPOINT}.partial").write_text("half the weights")
    store.write(record())
    assert [path.name for path in store.folder(RUN).iterdir()] == [RECORD]


def test_a_full_disk_is_one_clear_line(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError) as caught:
        store.write(record())
    path = store.folder(RUN) / RECORD
    assert str(caught.value) == f"cannot write {path}: No space left on device; nothing finished is lost"
    assert store.record(RUN) is None
    assert not list(store.folder(RUN).iterdir())


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    store = RunStore(tmp_path / "runs")
    with pytest.raises(UserError, match=r"^cannot write .*runs"):
        store.write(record())
    with pytest.raises(UserError, match=r"^cannot write .*runs"), store.claim(RUN):
        pass
    assert store.record(RUN) is None
    assert list(store.records()) == []


# claims


def count_up(root: Path, times: int) -> None:
    """Add to a number in a file, in a way that loses counts unless one process is alone with it."""
    store = RunStore(root)
    for _ in range(times):
        with store.claim(RUN):
            number = int((root / "number").read_text())
            time.sleep(0.005)
            (root / "number").write_text(str(number + 1))


def finish(root: Path, start: Any) -> None:
    """Train a run unless it is done, and note who did."""
    store = RunStore(root)
    start.wait()
    if not store.is_done(RUN):
        with store.claim(RUN):
            if not store.is_done(RUN):
                time.sleep(0.1)
                (root / f"trained-{os.getpid()}").touch()
                store.write(record())


def hold(root: Path, held: Any) -> None:
    with RunStore(root).claim(RUN):
        held.set()
        time.sleep(60)


@pytest.fixture
def spawn() -> Any:
    return multiprocessing.get_context("spawn")


def test_one_process_at_a_time_holds_a_run(store: RunStore, spawn: Any) -> None:
    store.root.mkdir()
    (store.root / "number").write_text("0")
    workers = [spawn.Process(target=count_up, args=(store.root, 10)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert (store.root / "number").read_text() == "30"


def test_of_many_processes_that_want_a_run_one_trains_it(store: RunStore, spawn: Any) -> None:
    store.root.mkdir()
    start = spawn.Event()
    workers = [spawn.Process(target=finish, args=(store.root, start)) for _ in range(3)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(list(store.root.glob("trained-*"))) == 1
    assert [path.name for path in store.folder(RUN).iterdir()] == [RECORD], "the lock of a finished run is removed"


def test_a_process_that_is_killed_lets_go(store: RunStore, spawn: Any) -> None:
    held = spawn.Event()
    worker = spawn.Process(target=hold, args=(store.root, held))
    worker.start()
    assert held.wait(60)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(60)
    started = time.monotonic()
    with store.claim(RUN):
        assert time.monotonic() - started < 30


def test_a_claim_ends_with_its_error(store: RunStore) -> None:
    with pytest.raises(RuntimeError, match="within"), store.claim(RUN):
        raise RuntimeError("within")
    with store.claim(RUN):
        store.write(record(status="failed"))
    with store.claim(RUN):
        pass


def test_a_lock_that_another_machine_removed_is_taken_anew(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    acquire, answers = FileLock.acquire, [OSError(errno.ESTALE, "Stale file handle")]

    def stale_at_first(lock: FileLock, *args: Any, **kwargs: Any) -> Any:
        if answers:
            raise answers.pop()
        return acquire(lock, *args, **kwargs)

    monkeypatch.setattr(FileLock, "acquire", stale_at_first)
    with store.claim(RUN):
        assert (store.folder(RUN) / LOCK).exists()
    assert answers == []
