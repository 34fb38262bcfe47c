"""MLflow as a view of runs/: never the source of truth, and never in the way of training.

A study is an experiment, and its tuning another. There a cell is a run with mean test accuracy and the share that
learned over its seeds, which are the runs below it. MLflow takes seconds to import, so that waits until something is
sent.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sqlite3
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock

from whyrelu.errors import UserError, notice, one_line
from whyrelu.runs.identity import digest
from whyrelu.runs.store import RunStore

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Record = Mapping[str, Any]

# MLflow's own patience would be a quarter of an hour. What a person has set stays.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
# Seconds: between two looks at the store, and for what is left at the end or another process that writes.
PAUSE, PATIENCE = 5.0, 60.0
METRICS_PER_CALL = 1_000


@dataclass
class Counts:
    """Runs and cells that a synchronisation wrote, runs that were there, and the id of each experiment by its study."""

    runs: int = 0
    cells: int = 0
    unchanged: int = 0
    experiments: dict[str, str] = field(default_factory=dict)


@contextmanager
def follow(uri: str | None, store: RunStore, run_ids: Sequence[str]) -> Iterator[None]:
    """Send runs of a study to MLflow as they finish, and the rest at the end; what goes wrong is said in one line.

    Without an address nothing is sent. `run_ids` are all runs that are to be trained or are done already.
    """
    if uri is None:
        yield
        return
    unsent, ended = set(run_ids), threading.Event()
    thread = threading.Thread(target=_send, args=(uri, store, unsent, ended), daemon=True)
    thread.start()
    try:
        yield
    except KeyboardInterrupt:
        unsent.clear()  # who interrupts does not want to wait
        raise
    finally:
        ended.set()
        thread.join(PATIENCE if unsent else 1.0)
        if thread.is_alive() and unsent:
            _complain(uri, store, f"{without_password(uri)}: not up to date after {PATIENCE:.0f} s")


def _send(uri: str, store: RunStore, unsent: set[str], ended: threading.Event) -> None:
    """Synchronise whenever a run of `unsent` has finished, until the end; after a failure once more, at the end."""
    pause: float | None = PAUSE
    is_last = False
    while not is_last:
        is_last = ended.wait(pause)
        begin = time.monotonic()
        try:
            records = [record for run_id in sorted(unsent) if (record := store.record(run_id))]
            finished = {record["run_id"] for record in records if is_last or record["status"] != "failed"}
            if finished:
                synchronise(uri, store.root.parent, [store.root.name])
                unsent -= finished
            # at most a tenth of a processor's time, however large the study
            pause = max(PAUSE, 10 * (time.monotonic() - begin))
        except Exception as error:
            if unsent and pause is not None:
                _complain(uri, store, str(error))
            pause = None


def _complain(uri: str, store: RunStore, problem: str) -> None:
    command = f"python src/track.py mlflow.tracking_uri={without_password(uri)} run_root={store.root.parent}"
    notice(f"MLflow: {problem}; `{command}` completes the view later")


def synchronise(uri: str, run_root: Path, folders: Sequence[str] | None = None) -> Counts:
    """Make MLflow show all finished runs and cells of some folders of `run_root`, by default of every one."""
    counts = Counts()
    try:
        with _connected(uri, run_root) as client:
            for name in sorted(path.name for path in run_root.glob("[!.]*")) if folders is None else folders:
                if records := list(RunStore(run_root / name).records()):
                    counts.experiments[name] = _synchronise_experiment(client, name, records, counts)
    except Exception as error:
        # MLflow wraps what the system said into what it was about to do itself
        reason, inner = error, error.__context__
        while inner is not None:
            reason, inner = inner if isinstance(inner, OSError) else reason, inner.__context__
        raise UserError(f"{without_password(uri)}: {without_password(one_line(reason))[:300]}") from error
    if not counts.experiments:
        raise UserError(f"no finished run in {run_root}/{' or '.join(folders or [''])}")
    return counts


def _synchronise_experiment(client: MlflowClient, study: str, records: Sequence[Record], counts: Counts) -> str:
    """Make an experiment show some runs and their cells; return its id."""
    name = f"whyrelu/{study}"
    if found := client.get_experiment_by_name(name):
        experiment = str(found.experiment_id)
    else:
        # without the kind, the UI opens pages about language models
        experiment = str(client.create_experiment(name, tags={"mlflow.experimentKind": "custom_model_development"}))
    present = _runs_present(client, experiment)
    cells: dict[str, list[Record]] = defaultdict(list)
    factors = {}
    for record in sorted(records, key=lambda record: (record["factors"]["seed"], record["provenance"]["started"])):
        shared = {name: value for name, value in record["factors"].items() if name != "seed"}
        cells[digest(shared)].append(record)
        factors[digest(shared)] = shared
    labels = cell_labels(factors)
    for cell in sorted(cells, key=labels.__getitem__):
        content = _cell_content(cells[cell], factors[cell], cell, labels[cell])
        parent, is_written = _write(client, experiment, present.get(cell), content)
        counts.cells += is_written
        for record in cells[cell]:
            content = _run_content(record, parent, labels[cell])
            _, is_written = _write(client, experiment, present.get(record["run_id"]), content)
            counts.runs += is_written
            counts.unchanged += not is_written
    return experiment


class _Content(NamedTuple):
    """What MLflow shows of a run or cell, made of what has `digest`; times are milliseconds since 1970."""

    name: str
    start: int
    end: int
    status: str
    digest: str
    tags: dict[str, str]
    factors: dict[str, Any]
    # key, value, time and epoch, which is 0 for a result of the whole run
    metrics: Sequence[tuple[str, Any, int, int]]


def _run_content(record: Record, parent: str, label: str) -> _Content:
    start, end = _times(record)
    history = {key: values for key, values in record["history"].items() if key != "epoch"}
    epochs = record["history"].get("epoch", [])
    # laid evenly between start and end
    times = [start + (end - start) * i // len(epochs) for i in range(1, len(epochs) + 1)]
    metrics = [(key, *point) for key, values in history.items() for point in zip(values, times, epochs, strict=True)]
    metrics += [(key, value, end, 0) for key, value in record["metrics"].items() if key not in history]
    told = {name: record[name] for name in ("run_id", "status", "outcome", "error")} | record["provenance"]
    tags = {name: _text(value) for name, value in told.items()}
    tags |= {"kind": "run", "mlflow.parentRunId": parent}
    status = "FAILED" if record["status"] == "failed" else "FINISHED"
    name = f"seed={record['factors']['seed']:02d} {label}"
    return _Content(name, start, end, status, digest([record, parent]), tags, record["factors"], metrics)


def _cell_content(records: Sequence[Record], factors: dict[str, Any], cell: str, label: str) -> _Content:
    """Test accuracy over the seeds of a cell; of several runs with one seed, of different code, the last counts."""
    latest = {record["factors"]["seed"]: record for record in records}.values()
    measured = [record for record in latest if record["status"] != "failed"]
    values = {"n": float(len(measured))}
    if measured:
        accuracy = [record["metrics"]["test_accuracy"] for record in measured]
        # the mean under the name that runs use, so that both stand in one column
        values |= {"test_accuracy": fmean(accuracy), "learned": fmean(r["outcome"] == "learned" for r in measured)}
        values |= {"test_accuracy_sd": stdev(accuracy)} if len(accuracy) > 1 else {}
    start, end = min(_times(record)[0] for record in latest), max(_times(record)[1] for record in latest)
    now = round(1000 * time.time())  # so that the last value written counts
    metrics = [(key, float(value), now, 0) for key, value in values.items()]
    tags = {"kind": "cell", "cell": cell}
    return _Content(label, start, end, "FINISHED", digest(list(records)), tags, factors, metrics)


def cell_labels(cells: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name cells, given as factors by id: by activation, depth (`08`, to sort as text) and every factor that varies."""
    labels = {}
    for cell, factors in cells.items():
        varying = [key for key in factors if len({_text(other.get(key)) for other in cells.values()}) > 1]
        others = [f"{key}={_text(factors[key])[:40]}" for key in varying if key not in ("activation", "depth")]
        labels[cell] = " ".join([factors["activation"], f"depth={factors['depth']:02d}", *others])
    return labels


def _times(record: Record) -> tuple[int, int]:
    start = datetime.fromisoformat(record["provenance"]["started"]).timestamp()
    return round(1000 * start), round(1000 * (start + record["provenance"]["seconds"]))


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:4_000]


@contextmanager
def _connected(uri: str, run_root: Path) -> Iterator[MlflowClient]:
    """Yield a client, while other processes of this project wait: two would write one run twice."""
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    warnings.filterwarnings("ignore", module=r"(mlflow|alembic|sqlalchemy|pydantic)\b")
    from mlflow import MlflowClient

    # after the import, which sets levels itself
    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    database = Path(match[1]).absolute() if match else None
    with FileLock(f"{database}.lock" if database else run_root / ".mlflow.lock", timeout=PATIENCE):
        if database is not None and database.exists():
            # MLflow would try ten times to open one that is locked, read-only or damaged, and longer each time
            with closing(sqlite3.connect(database, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
        elif database is not None:
            # making one takes seconds: a process that dies meanwhile must not leave a half of it
            partial = database.with_name(f"{database.name}.partial")
            for left in database.parent.glob(f"{partial.name}*"):
                left.unlink()
            MlflowClient(f"sqlite:///{partial}").search_experiments(max_results=1)
            partial.replace(database)
        yield MlflowClient(uri)


def _runs_present(client: MlflowClient, experiment: str) -> dict[str, Run]:
    """The runs of an experiment by run_id, and its cells by id."""
    present: dict[str, Run] = {}
    token = None
    while token != "":
        page = client.search_runs([experiment], max_results=1_000, page_token=token)
        token = page.token or ""
        # what a person has put there has neither
        present |= {run.data.tags.get("run_id") or run.data.tags.get("cell", ""): run for run in page}
    return present


def _write(client: MlflowClient, experiment: str, present: Run | None, content: _Content) -> tuple[str, bool]:
    """Make MLflow show a run or cell, of which `present` is there; return its id, and whether it had to be written."""
    from mlflow.entities import Metric, Param, RunTag

    metrics = [Metric(*metric) for metric in content.metrics if metric[1] is not None and math.isfinite(metric[1])]
    is_current = present is not None and present.data.tags.get("digest") == content.digest
    gone = present.data.metrics.keys() - {metric.key for metric in metrics} if present else set()
    if present and not is_current and (gone or content.tags["kind"] == "run"):
        # a number that there is no more cannot be taken back, and a history is written once
        client.delete_run(present.info.run_id)
        present = None
    run = present or client.create_run(experiment, content.start, content.tags, content.name)
    run_id = str(run.info.run_id)
    if run.info.run_name != content.name:
        client.update_run(run_id, name=content.name)
    if not is_current:
        for i in range(0, len(metrics), METRICS_PER_CALL):
            client.log_batch(run_id, metrics[i : i + METRICS_PER_CALL])
        client.set_terminated(run_id, content.status, content.end)
        params = [Param(key, _text(value)[:500]) for key, value in content.factors.items()]
        # last, because it marks what is complete
        client.log_batch(run_id, params=params, tags=[RunTag("digest", content.digest)])
    return run_id, not is_current


def without_password(text: str) -> str:
    """Hide what stands before the host of an address."""
    return re.sub(r"://[^@/\s]+@", "://***@", text)
