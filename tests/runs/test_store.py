"""The folders of runs: records that are whole or not there, and claims that one process holds."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiny_runs import make_record
from whyrelu.errors import DataError
from whyrelu.runs.provenance import code_digest
from whyrelu.runs.store import ERROR, LAYERS, RECORD, STARTED, RunStore

RUN = "0123456789abcdef"
CHECKPOINT = f"checkpoint-{code_digest()}.ckpt"
SEEN = {"epochs": [0, 1], "columns": ["gradient", "q"], "exact": True}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_a_record_comes_back_as_it_was_written(store):
    written = make_record(metrics={"test_accuracy": 0.1, "test_loss": None}, label="ä → ö", numbers=[1, 2.5, 1e-300])
    assert store.record(RUN) is None
    store.write(written)
    assert store.record(RUN) == json.loads((store.folder(RUN) / RECORD).read_text()) == written


def test_what_cannot_be_read_is_no_record(store):
    store.folder(RUN).mkdir(parents=True)
    another = json.dumps(make_record("another"))
    for content in (b"", b"{", b"[]", b"{}", b"\xff\xfe\x80", another.encode()):
        (store.folder(RUN) / RECORD).write_bytes(content)
        assert store.record(RUN) is None, content[:20]
        assert list(store.records()) == []


def test_all_records_are_found_in_order_and_nothing_else(store):
    assert list(store.records()) == []
    for name in ("bbbb", "aaaa", "cccc"):
        store.write(make_record(name))
    (store.root / "dddd").mkdir()
    (store.root / "notes.txt").write_text("a file")
    assert [record["run_id"] for record in store.records()] == ["aaaa", "bbbb", "cccc"]


def test_tuning_runs_are_kept_apart(tmp_path):
    config = {"run_root": str(tmp_path), "study": "mine", "tuning": {"first_seed": 100}}
    assert RunStore.of(config | {"seed": 99}).root == tmp_path / "mine"
    assert RunStore.of(config | {"seed": 100}).root == tmp_path / "mine-tuning"


def test_diagnostics_are_kept_beside_the_record(store):
    layers = np.array([[[1.0, np.nan], [1e-300, 3.0]], [[0.1, 0.2], [np.inf, 5.0]]])
    record = make_record(diagnostics=SEEN)
    store.write(record, layers)
    found = store.layers(record)
    assert found is not None and np.array_equal(found, layers, equal_nan=True)
    assert store.layers(make_record()) is None
    path = store.folder(RUN) / LAYERS
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="trains its run again"):
        store.layers(record)
    path.unlink()
    with pytest.raises(DataError, match="trains its run again"):
        store.layers(record)


# writing


def test_a_record_is_on_disk_before_it_gets_its_name(store, monkeypatch):
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda source, to: (steps.append(Path(to).name), replace(source, to)))
    store.write(make_record(diagnostics=SEEN), np.zeros((2, 1, 2)))
    assert steps == ["fsync", LAYERS, "fsync", RECORD]


def test_what_served_only_to_get_there_goes(store):
    store.folder(RUN).mkdir(parents=True)
    # a run that failed is tried again from where it came to
    for status, left in (("failed", [CHECKPOINT, ERROR]), ("completed", [])):
        for name in (CHECKPOINT, ERROR, STARTED, "death-1"):
            (store.folder(RUN) / name).write_text("something")
        store.write(make_record(status=status))
        assert sorted(path.name for path in store.folder(RUN).iterdir()) == sorted([*left, RECORD])


# claims


def hold(root: Path, held: Any) -> None:
    with RunStore(root).claim(RUN):
        held.set()
        time.sleep(60)


def test_one_process_holds_a_run_until_it_ends_in_whatever_way(store):
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Event()
    worker = spawn.Process(target=hold, args=(store.root, held))
    worker.start()
    assert held.wait(60)
    with store.claim(RUN, wait=False) as is_ours:
        assert not is_ours
    os.kill(worker.pid or 0, signal.SIGKILL)
    with store.claim(RUN) as is_ours:
        assert is_ours
    worker.join(60)
