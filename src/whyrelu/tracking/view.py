"""One study in MLflow: what is there already, and writing what is not."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import yaml

from whyrelu.runs.store import Record
from whyrelu.tracking.client import artifact_location
from whyrelu.tracking.content import Content, cell_content, latest_of_each_seed, run_content
from whyrelu.tracking.shared_views import shared_view_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# Limits of one call of log_batch.
METRICS_PER_CALL = 1_000
OTHERS_PER_CALL = 100
RUNS_PER_PAGE = 1_000

DESCRIPTION = """Study **{study}**: one run for each cell (all factors but the seed), its seeds as the runs below it.

`make mlflow` prints the addresses of its views: cells beside each other, their seeds, how they learned. By hand: search
for `tags.kind = 'cell'` and open the chart view, or for `tags.kind = 'run'` and group by `activation` and `depth`. Made
from the folders of finished runs: `python src/track.py` completes or rebuilds it.
"""

# How the UI opens it, and the metric it shows first.
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.experiment.primaryMetric.name": "test_accuracy",
}


@dataclass
class Logged:
    """A run of MLflow, as far as it matters to what is still to be written."""

    id: str
    name: str
    digest: str | None
    parent: str | None
    metrics: frozenset[str]


@dataclass
class StudyView:
    """One experiment of MLflow: its runs by their run_id, its cells by their id.

    Attributes:
        surplus: ids of runs that are there twice, or were left unfinished by a process that died.
    """

    client: MlflowClient
    study: str
    experiment: str = ""
    runs: dict[str, Logged] = field(default_factory=dict)
    cells: dict[str, Logged] = field(default_factory=dict)
    surplus: list[str] = field(default_factory=list)

    def open(self) -> None:
        """Create or find the experiment and list what it holds."""
        name = f"whyrelu/{self.study}"
        found = self.client.get_experiment_by_name(name)
        if found is None:
            tags = EXPERIMENT_TAGS | {"study": self.study, "mlflow.note.content": DESCRIPTION.format(study=self.study)}
            tags |= shared_view_tags()
            location = artifact_location(self.client.tracking_uri, self.study)
            self.experiment = _known(self.client.create_experiment(name, artifact_location=location, tags=tags))
            return
        self.experiment = _known(found.experiment_id)
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(self.experiment)
        for key, value in shared_view_tags().items():
            if found.tags.get(key) != value:
                self.client.set_experiment_tag(self.experiment, key, value)
        for run in self._all_runs():
            self._take_in(run)

    def write_run(self, record: Record, name: str, cell: str, version: str, files: Iterable[Path]) -> None:
        """Log a finished run below its cell, in place of what was logged of an earlier attempt at it.

        Args:
            record: the content of its run.json.
            name: what to call it.
            cell: id of its cell, which is there already.
            version: digest of the run's folder; logged last, so that it marks the run as complete.
            files: what to keep with it.
        """
        earlier = self.runs.pop(record["run_id"], None)
        if earlier is not None:
            self.client.delete_run(earlier.id)
        parent = self.cells[cell].id
        content = run_content(record)
        tags = content.tags | {"mlflow.parentRunId": parent}
        run = self._create_run(name, content.start, tags)
        with TemporaryDirectory() as folder:
            (Path(folder) / "config.yaml").write_text(yaml.safe_dump(record["config"], sort_keys=False))
            for file in files:
                shutil.copyfile(file, Path(folder) / file.name)
            self.client.log_artifacts(run, folder)
        self._write_batch(run, content, version)
        self.client.set_terminated(run, content.status, content.end)
        self.runs[record["run_id"]] = Logged(run, name, version, parent, frozenset())

    def ensure_cell(self, cell: str, name: str, start: int) -> None:
        """Make the run of a cell, still without numbers, if it is not there: its seeds refer to it.

        Args:
            cell: its id.
            name: what to call it.
            start: when its first run began, in milliseconds since 1970.
        """
        if cell not in self.cells:
            tags = {"kind": "cell", "cell": cell, "study": self.study}
            self.cells[cell] = Logged(self._create_run(name, start, tags), name, None, None, frozenset())

    def write_cell(self, records: Sequence[Record], name: str, cell: str, version: str) -> None:
        """Bring the numbers and the figure of a cell up to date.

        Args:
            records: of all its finished runs.
            name: what it is called.
            cell: its id; `ensure_cell` was called.
            version: digest of its runs; logged last, so that it marks the cell as complete.
        """
        from whyrelu.tracking.figure import save_cell_figure

        records = latest_of_each_seed(records)
        content = cell_content(records)
        if self.cells[cell].metrics - {point.key for point in content.points}:
            # A number that no longer exists cannot be taken back from a run.
            self.client.delete_run(self.cells.pop(cell).id)
            self.ensure_cell(cell, name, content.start)
        run = self.cells[cell].id
        measured = [record for record in records if record["status"] != "failed"]
        if measured:
            with TemporaryDirectory() as folder:
                save_cell_figure(Path(folder) / "validation_accuracy.png", name, measured)
                self.client.log_artifacts(run, folder, "figures")
        self._write_batch(run, content, version)
        self.client.set_terminated(run, content.status, content.end)
        self.cells[cell].digest = version

    def rename(self, logged: Logged, name: str) -> None:
        """Give a run or a cell its current name, if it has another."""
        if logged.name != name:
            self.client.update_run(logged.id, name=name)
            logged.name = name

    def adopt(self, run_id: str, cell: str) -> None:
        """Put a logged run below its cell, if the cell was made anew."""
        run, parent = self.runs[run_id], self.cells[cell].id
        if run.parent != parent:
            self.client.set_tag(run.id, "mlflow.parentRunId", parent)
            run.parent = parent

    def remove_surplus(self) -> None:
        """Delete what is there twice."""
        while self.surplus:
            self.client.delete_run(self.surplus[-1])
            self.surplus.pop()

    def _create_run(self, name: str, start: int, tags: dict[str, str]) -> str:
        run = self.client.create_run(self.experiment, start_time=start, run_name=name, tags=tags)
        return _known(run.info.run_id)

    def _all_runs(self) -> Iterable[Run]:
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment], max_results=RUNS_PER_PAGE, order_by=["attributes.start_time ASC"], page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _take_in(self, run: Run) -> None:
        tags = run.data.tags
        kind = tags.get("kind")
        known, key = (self.cells, tags.get("cell")) if kind == "cell" else (self.runs, tags.get("run_id"))
        if key is None:
            return  # a person's own run
        logged = Logged(
            run.info.run_id,
            run.info.run_name or "",
            tags.get("digest") if run.info.status != "RUNNING" else None,
            tags.get("mlflow.parentRunId"),
            frozenset(run.data.metrics),
        )
        if key in known and (logged.digest is None or known[key].digest is not None):
            self.surplus.append(logged.id)
            return
        if key in known:
            self.surplus.append(known[key].id)
        known[key] = logged

    def _write_batch(self, run: str, content: Content, version: str) -> None:
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(point.key, point.value, point.time, point.step) for point in content.points]
        params = [Param(key, value) for key, value in content.params.items()]
        tags = [RunTag(key, value) for key, value in content.tags.items()] + [RunTag("digest", version)]
        # All others in the last call, together with the digest that marks the run as complete.
        room = METRICS_PER_CALL - len(params) - len(tags)
        while len(metrics) > room:
            self.client.log_batch(run, metrics=metrics[:METRICS_PER_CALL])
            metrics = metrics[METRICS_PER_CALL:]
        self.client.log_batch(run, metrics=metrics, params=params, tags=tags)


def _known(identity: str) -> str:
    """Return the id of something in MLflow.

    Raises:
        ConnectionError: there is none. MLflow's client takes an empty answer for success, whoever gave it.
    """
    if not identity:
        raise ConnectionError("what answers there is not MLflow")
    return identity
