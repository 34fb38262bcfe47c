"""Records that MLflow can show, and a folder of studies with an MLflow of its own."""

from pathlib import Path
from typing import Any

from synthetic import make_record
from whyrelu.runs.store import RunStore
from whyrelu.tracking import synchronise


def record_of(*arguments: Any, **changed: Any) -> dict[str, Any]:
    record = make_record(*arguments, **changed)
    record["config"]["tuning"] = {"first_seed": 1_000_000}
    record["provenance"] |= {"started": "2026-01-01T00:00:00+00:00", "seconds": 1.5}
    record["outcome"] = "chance" if record["factors"]["activation"] == "sigmoid" else "learned"
    return record


class Lab:
    """A folder of studies and the address of an MLflow, by default a database beside it."""

    def __init__(self, root: Path, uri: str | None = None) -> None:
        self.runs = root / "runs"
        self.uri = uri or f"sqlite:///{root}/mlflow.db"

    def add(self, *records: dict[str, Any]) -> list[str]:
        for record in records:
            RunStore.of(record["config"] | {"run_root": str(self.runs)}).write(record)
        return [record["run_id"] for record in records]

    def synchronise(self) -> tuple[int, int, int]:
        """Runs and cells that were written, and runs that were there."""
        counts = synchronise(self.uri, self.runs)
        return counts.runs, counts.cells, counts.unchanged

    @property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.uri)

    def shown(self, study: str = "synthetic") -> dict[str, Any]:
        """Runs and cells that MLflow shows, by name; fails if a name is there twice."""
        found = self.client.search_runs([self.client.get_experiment_by_name(f"whyrelu/{study}").experiment_id])
        named = {run.info.run_name: run for run in found}
        assert len(named) == len(found)
        return named
