"""A run from its configuration to its record."""

import json
from pathlib import Path

import pytest
import torch
from whyrelu.config.composition import compose_grid
from whyrelu.runs.execution import execute

from whyrelu.data.prepare import prepare
from whyrelu.runs.store import RunStore

TINY = ["trainer.max_epochs=2", "data.train_size=64", "width=2", "depth=2", "mlflow.tracking_uri=null"]


@pytest.fixture(scope="module")
def prepared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def configure(folder: Path, prepared_root: Path, *overrides: str) -> dict:
    return compose_grid([*TINY, f"run_root={folder}", f"prepared_root={prepared_root}", *overrides])[0].config


def test_a_run_is_recorded_once_and_then_skipped(tmp_path, prepared_root):
    config = configure(tmp_path, prepared_root)
    record, trained = execute(config)
    assert trained
    assert RunStore(tmp_path).record(record["run_id"]) == record
    assert record["status"] == "completed"
    assert record["data"]["train"] == 64
    assert record["data"]["fingerprint"]
    assert record["factors"]["activation"] == "relu"
    assert record["provenance"]["attempts"] == [0]
    assert record["provenance"]["threads"] == 1
    assert {p.name for p in (tmp_path / record["run_id"]).iterdir()} == {"run.json", "layers.npy"}
    again, trained = execute(config)
    assert not trained
    assert again == record


def test_a_checkpoint_of_the_last_epoch_is_kept_when_asked_for(tmp_path, prepared_root):
    record, _ = execute(configure(tmp_path, prepared_root, "trainer.keep_checkpoint=true"))
    checkpoint = torch.load(RunStore(tmp_path).checkpoint(record["run_id"]), weights_only=True)
    assert checkpoint["whyrelu"]["history"] == record["history"]


def test_the_diagnostics_of_a_run_are_kept_beside_its_record(tmp_path, prepared_root):
    record, _ = execute(configure(tmp_path, prepared_root))
    said, layers = record["diagnostics"], RunStore(tmp_path).layers(record)
    assert layers.shape == (len(said["epochs"]), 2, len(said["columns"]))
    assert (said["epochs"], said["exact"], sorted(said["spectra"])) == ([0, 1, 2], True, ["0", "1", "2"])
    assert record["metrics"]["dead_init"] == layers[0, :, said["columns"].index("dead")].mean()
    off, _ = execute(configure(tmp_path, prepared_root, "diagnostics=off"))
    assert off["diagnostics"] is None
    assert {p.name for p in (tmp_path / off["run_id"]).iterdir()} == {"run.json"}


def test_a_run_whose_diagnostics_are_lost_is_trained_again(tmp_path, prepared_root):
    config = configure(tmp_path, prepared_root)
    record, _ = execute(config)
    (tmp_path / record["run_id"] / "layers.npy").unlink()
    again, trained = execute(config)
    assert trained
    assert again["diagnostics"] == record["diagnostics"]
    assert (tmp_path / record["run_id"] / "layers.npy").is_file()


def test_data_replaced_under_a_run_is_refused(tmp_path, prepared_root, monkeypatch):
    config = configure(tmp_path, prepared_root)
    facts = prepare(config["data"], prepared_root)
    monkeypatch.setattr("whyrelu.runs.execution.prepare", lambda data, root: facts | {"fingerprint": "another"})
    record, _ = execute(config)
    assert record["status"] == "failed"
    assert "replaced" in record["error"]


def test_seed_zero_is_a_seed(tmp_path, prepared_root):
    ids = {execute(configure(tmp_path, prepared_root, f"seed={seed}"))[0]["run_id"] for seed in (0, 1)}
    assert len(ids) == 2


def test_divergence_is_a_result_with_null_for_what_is_no_number(tmp_path, prepared_root):
    config = configure(tmp_path, prepared_root, "lr=1e20", "activation=identity", "batch_size=16")
    record, _ = execute(config)
    assert record["status"] == "diverged"
    assert record["metrics"]["train_loss"] is None
    text = (tmp_path / record["run_id"] / "run.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == record
    assert execute(config)[1] is False


def test_a_failure_is_recorded_with_its_reason_and_tried_again(tmp_path, prepared_root, monkeypatch):
    config = configure(tmp_path, prepared_root)

    def broken(*args, **kwargs):
        raise RuntimeError("out of\nmemory")

    with monkeypatch.context() as patched:
        patched.setattr("whyrelu.training.fit.fit", broken)
        record, trained = execute(config)
    assert trained
    assert (record["status"], record["error"]) == ("failed", "RuntimeError: out of memory")
    assert "broken" in (tmp_path / record["run_id"] / "error.txt").read_text()
    record, trained = execute(config)
    assert trained
    assert record["status"] == "completed"
    assert not (tmp_path / record["run_id"] / "error.txt").exists()


def test_a_damaged_checkpoint_means_starting_anew(tmp_path, prepared_root):
    config = configure(tmp_path, prepared_root)
    whole, _ = execute(config)
    store = RunStore(tmp_path / "damaged")
    config = configure(store.root, prepared_root)
    store.folder(whole["run_id"]).mkdir(parents=True)
    store.checkpoint(whole["run_id"]).write_bytes(b"PK\x03\x04 cut off")
    record, _ = execute(config)
    assert record["status"] == "completed"
    assert record["history"] == whole["history"]


def test_data_that_does_not_fit_the_configuration_is_one_line(tmp_path, prepared_root):
    record, _ = execute(configure(tmp_path, prepared_root, "batch_size=65"))
    assert record["status"] == "failed"
    assert "batch_size=65" in record["error"]
    assert "64" in record["error"]
