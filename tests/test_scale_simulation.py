"""What `make bench-scale` measures on is what the code writes."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale_simulation import script, simulate, train_templates
from whyrelu.runs.plan import plan
from whyrelu.runs.store import RunStore

GRID = ["experiment=digits", "activation=tanh,sigmoid", "depth=1", "seed=0,1", "lr=0.1"]


def form(value: Any) -> Any:
    """The keys and types of nested values, and how long lists are."""
    if isinstance(value, dict):
        return {key: form(item) for key, item in value.items()}
    if isinstance(value, list):
        return [form(item) for item in value]
    return type(value).__name__


@pytest.mark.slow
def test_simulated_folders_have_the_form_of_real_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(script("prepare", "experiment=digits"), check=True)
    templates = train_templates(tmp_path, "digits", [1])
    assert simulate(tmp_path, GRID, templates) == 4
    real, simulated = RunStore(tmp_path / "templates"), RunStore(tmp_path / "runs")
    example = next(real.records())
    files = {path.name for path in real.folder(example["run_id"]).iterdir()}
    runs = plan(GRID)
    assert simulated.done(run.run_id for run in runs) == {run.run_id for run in runs}
    for run in runs:
        record = simulated.record(run.run_id)
        assert record is not None
        assert {path.name for path in simulated.folder(run.run_id).iterdir()} == files
        for part in set(example) - {"config", "factors"}:
            assert form(record[part]) == form(example[part]), part
        assert record["config"] == run.config
        assert set(record["factors"]) <= {*example["factors"], "data.train_size", "activation.inplace"}
        layers, measured = simulated.layers(record), real.layers(example)
        assert layers is not None and measured is not None
        assert (layers.shape, layers.dtype) == (measured.shape, measured.dtype)
    # they differ from each other as runs do
    assert len({simulated.record(run.run_id)["metrics"]["test_accuracy"] for run in runs}) > 1
