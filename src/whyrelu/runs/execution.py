"""One run from its configuration to its record: skipped if done, resumed if begun, and never half-recorded."""

from __future__ import annotations

import json
import math
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from whyrelu.data.prepare import prepare
from whyrelu.errors import UserError, notice, one_line
from whyrelu.memory import refuse_what_cannot_fit
from whyrelu.runs.identity import factors, run_id
from whyrelu.runs.store import ATTEMPTS, ERROR, Record, RunStore, write_whole

if TYPE_CHECKING:
    from whyrelu.diagnostics.callback import Findings

OnEpoch = Callable[[dict[str, list[float]]], None]

# What the record of a run says that came to nothing, but for the reason.
_NOTHING_FOUND: dict[str, Any] = {
    "status": "failed",
    "at_chance": None,
    "metrics": {},
    "history": {},
    "diagnostics": None,
    "error": None,
}


def execute(config: Mapping[str, Any], on_epoch: OnEpoch | None = None) -> tuple[Record, bool]:
    """Make sure that a run is done.

    Divergence and chance are results. Anything else that goes wrong is recorded as status "failed" with its reason, the
    traceback of what was not foreseen beside it in error.txt, and is tried again next time.

    Args:
        config: a resolved configuration.
        on_epoch: called with the history after every epoch of training.

    Returns:
        The record, and whether this call trained it.
    """
    facts = prepare(config["data"], Path(config["prepared_root"]))
    identity = run_id(config, facts["fingerprint"])
    store = RunStore(Path(config["run_root"]))
    if store.is_done(identity):
        return _existing(store, identity), False
    with store.claim(identity):
        if store.is_done(identity):
            return _existing(store, identity), False
        if (damaged := store.damage(identity)) is not None:
            notice(f"{damaged} is missing or damaged: this run is trained again")
        record, layers = _train(identity, config, facts, store, on_epoch)
        return store.write(record, layers, keep_checkpoint=config["trainer"]["keep_checkpoint"]), True


def record_death(config: Mapping[str, Any], reason: str) -> Record:
    """Record as failed a run whose process died and could not do so itself.

    Waits while another process is at this run, and leaves it as it is if that one finished it.

    Args:
        config: a resolved configuration.
        reason: what is known of the death.

    Returns:
        The record.

    Raises:
        UserError: it cannot be written.
    """
    facts = prepare(config["data"], Path(config["prepared_root"]))
    identity = run_id(config, facts["fingerprint"])
    store = RunStore(Path(config["run_root"]))
    with store.claim(identity):
        if store.is_done(identity):
            return _existing(store, identity)
        attempts = _Attempts(store.folder(identity) / ATTEMPTS)
        outcome = {**_NOTHING_FOUND, "error": reason}
        where = {"device": None, "threads": config["trainer"]["threads"]}
        return store.write(_record(identity, config, facts, outcome, {}, where, attempts, datetime.now(UTC), 0.0))


def _existing(store: RunStore, identity: str) -> Record:
    record = store.record(identity)
    assert record is not None
    return record


def _train(
    identity: str, config: Mapping[str, Any], facts: Mapping[str, Any], store: RunStore, on_epoch: OnEpoch | None
) -> tuple[Record, NDArray[np.float64] | None]:
    # torch and Lightning take seconds to import, which a run that is done should not cost
    import torch

    from whyrelu.data.arrays import load
    from whyrelu.training.fit import fit

    started, clock = datetime.now(UTC), time.perf_counter()
    attempts = _Attempts(store.folder(identity) / ATTEMPTS)
    outcome = dict(_NOTHING_FOUND)
    sizes: dict[str, int] = {}
    layers: NDArray[np.float64] | None = None
    error_file = store.folder(identity) / ERROR
    try:
        arrays = load(Path(config["prepared_root"]) / config["data"]["name"])
        if arrays.fingerprint != facts["fingerprint"]:
            raise UserError(f"data set {facts['name']!r} was replaced by another while this run began; start it again")
        refuse_what_cannot_fit(config, arrays.train_images.shape[1:])
        result = fit(config, arrays, store.checkpoint(identity), attempts.add, on_epoch)
        outcome |= {
            "status": result.status,
            "at_chance": result.at_chance,
            "metrics": {key: _number(value) for key, value in result.metrics.items()},
            "history": {key: [_number(value) for value in values] for key, values in result.history.items()},
        }
        if result.findings is not None:
            outcome["diagnostics"], layers = _diagnostics(result.findings), result.findings.layers
        sizes = {"train": result.train_images, "validation": result.validation_images}
        device = result.device
    # a callable may call sys.exit, which would end a worker and with it the whole sweep
    except (Exception, SystemExit) as error:
        device = None
        outcome["error"] = _reason(error)
        if not isinstance(error, UserError):
            # where there is no room for it the reason is told all the same
            with suppress(OSError):
                error_file.write_text(traceback.format_exc())
    where = {"device": device, "threads": torch.get_num_threads()}
    seconds = time.perf_counter() - clock
    return _record(identity, config, facts, outcome, sizes, where, attempts, started, seconds), layers


def _reason(error: BaseException) -> str:
    """Why a run failed, in one line."""
    said = one_line(error)
    # Python's own says nothing, and that of PyTorch names its source file first
    if isinstance(error, MemoryError):
        return f"out of memory ({said.removesuffix(': ')})"
    if isinstance(error, RuntimeError) and (found := said.partition("can't allocate memory: ")[2]):
        return f"out of memory ({found})"
    return f"it called sys.exit({error.code!r})" if isinstance(error, SystemExit) else said


def _record(
    identity: str,
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    outcome: Mapping[str, Any],
    sizes: Mapping[str, int],
    where: Mapping[str, Any],
    attempts: _Attempts,
    started: datetime,
    seconds: float,
) -> Record:
    from whyrelu.runs.provenance import provenance

    return {
        "run_id": identity,
        "config": dict(config),
        "factors": factors(config),
        **outcome,
        "data": {
            "name": facts["name"],
            "fingerprint": facts["fingerprint"],
            "classes": facts["classes"],
            **sizes,
            "test": facts["test"],
            "shape": facts["shape"],
            "source_md5": facts["source"].get("md5"),
        },
        "provenance": {
            **provenance(),
            **where,
            "precision": config["precision"],
            "started": started.isoformat(timespec="seconds"),
            "seconds": seconds,
            "attempts": attempts.epochs,
        },
    }


def _diagnostics(findings: Findings) -> dict[str, Any]:
    """Return what run.json says of the diagnostics; the numbers of the layers are in a file beside it."""
    from whyrelu.diagnostics.callback import COLUMNS

    return {
        "epochs": findings.epochs,
        "columns": list(COLUMNS),
        "exact": findings.exact,
        "spectra": {
            str(epoch): {name: _number(value) for name, value in found._asdict().items()}
            for epoch, found in findings.spectra.items()
        },
    }


class _Attempts:
    """At which epoch each start of a run began, kept in a file so that starts which were killed are counted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            found = []
        is_whole = isinstance(found, list) and all(isinstance(epoch, int) for epoch in found)
        self.epochs: list[int] = found if is_whole else []

    def add(self, epoch: int) -> None:
        self.epochs.append(epoch)
        try:
            write_whole(json.dumps(self.epochs).encode(), self._path)
        except OSError as error:
            raise UserError(f"cannot write {self._path}: {error.strerror}") from error


def _number(value: float) -> float | None:
    """Return what JSON can hold: null for a loss that is not finite."""
    return value if math.isfinite(value) else None
