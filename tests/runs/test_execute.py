"""A run from its configuration to its record."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tiny_runs import comparable, configured
from whyrelu.data.prepare import prepare
from whyrelu.runs import execute as subject
from whyrelu.runs.execute import MOST_DEATHS, describe, execute
from whyrelu.runs.provenance import code_digest
from whyrelu.runs.single_run import run_single
from whyrelu.runs.store import ERROR, LAYERS, LOCK, RECORD, RunStore


@pytest.fixture(scope="module")
def whole(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a run that was never interrupted."""
    record, trained = execute(configured(root, tmp_path_factory.mktemp("whole")))
    assert record is not None and trained
    return record


def files(config: dict[str, Any], record: dict[str, Any]) -> set[str]:
    """What is in the folder of a run beside its lock."""
    return {path.name for path in RunStore.of(config).folder(record["run_id"]).iterdir()} - {LOCK}


class Killed(BaseException):
    """What no run catches."""


def stopping(epoch: int) -> Any:
    def stop(history: dict[str, list[float]]) -> None:
        if len(history["epoch"]) == epoch:
            raise Killed

    return stop


def test_a_run_is_recorded_once_and_then_skipped(whole):
    config = whole["config"]
    store = RunStore.of(config)
    assert store.record(whole["run_id"]) == whole
    assert files(config, whole) == {RECORD, LAYERS}
    assert (whole["status"], whole["outcome"], whole["error"]) == ("completed", "chance", None)
    assert (whole["data"]["train"], whole["factors"]["activation"], whole["provenance"]["threads"]) == (64, "relu", 1)
    assert {"code_digest", "git_commit", "libraries", "cpu", "device"} <= set(whole["provenance"])
    assert whole["provenance"]["fp32"] == "ieee"
    assert execute(config) == (whole, False)
    assert store.record(whole["run_id"]) == whole
    assert describe(whole).startswith("test accuracy ")
    # tuning is to be judged by its validation images
    tuning = config | {"seed": config["tuning"]["first_seed"]}
    assert describe(whole | {"config": tuning}).startswith("validation accuracy ")


def test_diagnostics_are_kept_beside_the_record_and_can_be_off(root, tmp_path, whole):
    said, layers = whole["diagnostics"], RunStore.of(whole["config"]).layers(whole)
    assert layers is not None
    assert layers.shape == (len(said["epochs"]), 1, len(said["columns"]))
    assert (said["epochs"], said["exact"]) == ([0, 1, 2], True)
    assert whole["metrics"]["dead_init"] == layers[0, :, said["columns"].index("dead")].mean()
    config = configured(root, tmp_path, "diagnostics=off")
    off, _ = execute(config)
    assert off is not None and off["diagnostics"] is None
    assert files(config, off) == {RECORD}
    assert off["history"] == whole["history"]


@pytest.mark.parametrize("found", ["checkpoint", "damaged checkpoint", "diagnostics lost"])
def test_a_run_that_is_begun_again_ends_with_the_same_record(root, tmp_path, whole, found):
    config = configured(root, tmp_path, "trainer.checkpoint_seconds=0")
    store, run_id = RunStore.of(config), whole["run_id"]
    if found == "diagnostics lost":
        store.write({**whole, "config": config})
    else:
        with pytest.raises(Killed):
            execute(config, on_epoch=stopping(2))
        assert files(config, whole) >= {f"checkpoint-{code_digest()}.ckpt"} and store.record(run_id) is None
    if found == "damaged checkpoint":
        store.checkpoint(run_id).write_bytes(b"PK\x03\x04 cut off")
    epochs: list[int] = []
    record, trained = execute(config, on_epoch=lambda history: epochs.append(len(history["epoch"])))
    assert record is not None and trained
    assert epochs == ([2] if found == "checkpoint" else [1, 2])
    assert files(config, record) == {RECORD, LAYERS}
    record["config"]["trainer"]["checkpoint_seconds"] = whole["config"]["trainer"]["checkpoint_seconds"]
    assert comparable(record) == comparable(whole)
    kept, again = (RunStore.of(made["config"]).layers(made) for made in (whole, record))
    assert kept is not None and again is not None
    assert kept.tobytes() == again.tobytes()


@pytest.mark.parametrize(
    ("error", "reason", "has_traceback"),
    [
        (RuntimeError("not\ntoday"), "RuntimeError: not today", True),
        (SystemExit(3), "it called sys.exit(3)", True),
        (subject.UserError("batch_size=65 is too large"), "batch_size=65 is too large", False),
    ],
    ids=str,
)
def test_a_failure_is_recorded_with_its_reason(root, tmp_path, monkeypatch, error, reason, has_traceback):
    def broken(*_: Any) -> None:
        raise error

    monkeypatch.setattr("whyrelu.training.fit.fit", broken)
    config = configured(root, tmp_path)
    record, trained = execute(config)
    assert record is not None and trained
    assert (record["status"], record["error"]) == ("failed", reason)
    path = RunStore.of(config).folder(record["run_id"]) / ERROR
    assert path.exists() == has_traceback
    assert not has_traceback or "broken" in path.read_text()


def test_divergence_is_a_result_with_null_for_what_is_no_number(root, tmp_path):
    config = configured(root, tmp_path, "lr=1e20", "activation=identity", "batch_size=16")
    record, _ = execute(config)
    assert record is not None
    assert (record["status"], record["metrics"]["train_loss"]) == ("diverged", None)
    text = (RunStore.of(config).folder(record["run_id"]) / RECORD).read_text()
    assert json.loads(text, parse_constant=pytest.fail) == record
    assert execute(config)[1] is False


def test_a_run_whose_worker_died_twice_fails_and_is_then_tried_again(root, tmp_path, whole, monkeypatch):
    config = configured(root, tmp_path)
    store, run_id = RunStore.of(config), whole["run_id"]

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("whyrelu.training.fit.fit", die)
        for count in range(MOST_DEATHS):
            with pytest.raises(Killed):
                execute(config)
            # of a sweep that was killed whole, nobody says whose fault it was
            assert store.deaths(run_id) == count
            store.count_death(run_id)
            store.count_death(run_id)
            assert store.deaths(run_id) == count + 1
        record, _ = execute(config)
        assert record is not None and record["status"] == "failed" and "died 2 times" in record["error"]
    record, _ = execute(config)
    assert record is not None and record["status"] == "completed"


def test_an_epoch_that_was_finished_in_between_counts_anew(root, tmp_path, whole):
    config = configured(root, tmp_path, "trainer.checkpoint_seconds=0")
    for _ in range(MOST_DEATHS + 1):
        with pytest.raises(Killed):
            execute(config, on_epoch=stopping(2))
        RunStore.of(config).count_death(whole["run_id"])
    record, _ = execute(config)
    assert record is not None and record["status"] == "completed"


def test_data_replaced_under_a_run_is_refused(root, tmp_path, monkeypatch):
    config = configured(root, tmp_path)
    facts = prepare(config["data"], root)
    monkeypatch.setattr(subject, "prepare", lambda *_: facts | {"fingerprint": "another"})
    record, _ = execute(config)
    assert record is not None and record["status"] == "failed" and "replaced" in record["error"]


def test_a_single_run_prints_its_epochs_and_where_it_is(root, tmp_path, whole, capsys):
    config = configured(root, tmp_path)
    run_single(config, lambda *_: nullcontext())
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines[:-1]] == ["epoch 1/2", "epoch 2/2"]
    assert lines[-1].endswith(f"{whole['run_id']}/run.json")
    failing = configured(root, tmp_path, "batch_size=65")
    with pytest.raises(subject.UserError, match="batch_size=65"):
        run_single(failing, lambda *_: nullcontext())
