"""A folder of runs with an MLflow of its own, for tests of whyrelu.tracking."""

from pathlib import Path
from typing import Any

from whyrelu.tracking.client import connect, quiet_mlflow
from whyrelu.tracking.synchronisation import synchronise

from synthetic import make_record
from whyrelu.runs.store import RunStore

# Nothing listens on the discard port.
REFUSING = "http://127.0.0.1:9"


def broken(**changed: Any) -> dict[str, Any]:
    """A run that broke down."""
    record = make_record(**changed)
    return record | {"status": "failed", "at_chance": None, "metrics": {}, "history": {}, "error": "disk full"}


def write_all(root: Path, records: list[dict[str, Any]]) -> list[str]:
    for record in records:
        RunStore(root).write(record)
    return [record["run_id"] for record in records]


class Lab:
    """A folder of runs and an MLflow of its own."""

    def __init__(self, root: Path) -> None:
        self.runs = root / "runs"
        self.uri = f"sqlite:///{root}/mlflow.db"

    def add(self, *records: dict[str, Any]) -> list[str]:
        return write_all(self.runs, list(records))

    def synchronise(self) -> tuple[int, int, int]:
        counts = synchronise(self.uri, self.runs)
        return counts.runs, counts.cells, counts.unchanged

    @property
    def client(self) -> Any:
        with quiet_mlflow():
            return connect(self.uri)

    def all(self, kind: str) -> dict[str, Any]:
        """Runs of MLflow by name; fails if a name is there twice."""
        with quiet_mlflow():
            experiment = self.client.get_experiment_by_name("whyrelu/synthetic")
            found = self.client.search_runs([experiment.experiment_id], f"tags.kind = '{kind}'")
        named = {run.info.run_name: run for run in found}
        assert len(named) == len(found)
        return named
