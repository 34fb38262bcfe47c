"""One run from its configuration to its record: skipped if done, resumed if begun, and never half-recorded."""

import math
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyrelu.data.prepare import prepare
from whyrelu.errors import UserError, one_line
from whyrelu.runs.identity import factors, run_id
from whyrelu.runs.provenance import is_of_other_code, provenance
from whyrelu.runs.store import ERROR, LAYERS, Record, RunStore, is_tuning

OnEpoch = Callable[[dict[str, list[float]]], None]

# A run at which so many workers died without finishing an epoch kills whatever trains it.
MOST_DEATHS = 2


def execute(
    config: Mapping[str, Any], identity: str | None = None, wait: bool = True, on_epoch: OnEpoch = lambda _: None
) -> tuple[Record | None, bool]:
    """Make sure that a run is done; give its record, and whether this call trained it.

    Without `wait` the record is None if another process is at the run. One whose `identity` would be another than given
    is refused. Divergence and chance are results. Anything else that goes wrong is recorded as status "failed" with its
    reason, the traceback of what was not foreseen beside it in error.txt, and is tried again next time. So is a run
    whose worker died twice without an epoch in between.
    """
    facts = prepare(config["data"], Path(config["prepared_root"]))
    found = run_id(config, facts["fingerprint"])
    if identity not in (None, found):
        raise UserError(
            "its settings or your own code changed after the sweep began: the same command sweeps what is now"
        )
    store = RunStore.of(config)
    # also where nothing can be written
    if needs_nothing(store, record := store.record(found), config):
        return record, False
    with store.claim(found, wait) as is_ours:
        if not is_ours:
            return None, False
        record = store.record(found)
        if needs_nothing(store, record, config):
            return record, False
        record, layers = _train(found, config, facts, store, on_epoch)
        store.write(record, layers)
        return record, True


def needs_nothing(store: RunStore, record: Record | None, config: Mapping[str, Any]) -> bool:
    """Whether a run with such a record is done: it did not fail, and need not be done again with `rerun=changed`."""
    if record is None or record["status"] == "failed" or (config["rerun"] == "changed" and is_of_other_code(record)):
        return False
    return record["diagnostics"] is None or (store.folder(record["run_id"]) / LAYERS).is_file()


def describe(record: Record) -> str:
    """What came of a run, in words."""
    if record["status"] == "failed":
        return f"failed: {record['error']}"
    if record["status"] == "diverged":
        return f"diverged in epoch {record['metrics']['epochs_run']}"
    # rates are chosen on validation images
    kind, name = ("validation", "val_accuracy") if is_tuning(record["config"]) else ("test", "test_accuracy")
    accuracy = f"{kind} accuracy {record['metrics'][name]:.3f}"
    return {"learned": accuracy, "slow": f"{accuracy}, slow", "chance": f"{accuracy}, at chance"}[record["outcome"]]


def _train(
    identity: str, config: Mapping[str, Any], facts: Mapping[str, Any], store: RunStore, on_epoch: OnEpoch
) -> tuple[Record, NDArray[np.float64] | None]:
    # torch and Lightning take seconds to import, which a run that is done should not cost
    import torch
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from whyrelu.data.arrays import load
    from whyrelu.diagnostics.callback import COLUMNS
    from whyrelu.training.fit import fit

    started, clock = datetime.now(UTC), time.perf_counter()
    found: dict[str, Any] = {"status": "failed", "outcome": None, "metrics": {}, "history": {}}
    found |= {"diagnostics": None, "error": None}
    sizes, device, layers = {}, None, None

    def after_epoch(history: dict[str, list[float]]) -> None:
        store.forget_deaths(identity)
        on_epoch(history)

    try:
        if (deaths := store.deaths(identity)) >= MOST_DEATHS:
            raise UserError(f"its worker died {deaths} times before an epoch was finished, perhaps out of memory")
        store.begin(identity)
        arrays = load(Path(config["prepared_root"]) / config["data"]["name"])
        if arrays.fingerprint != facts["fingerprint"]:
            raise UserError(f"data set {facts['name']!r} was replaced by another while this run began; start it again")
        result = fit(config, arrays, store.checkpoint(identity), after_epoch)
        found |= {
            "status": result.status,
            "outcome": result.outcome,
            "metrics": {key: _number(value) for key, value in result.metrics.items()},
            "history": {key: [_number(value) for value in values] for key, values in result.history.items()},
        }
        if result.findings is not None:
            seen = result.findings
            found["diagnostics"] = {"epochs": seen.epochs, "columns": list(COLUMNS), "exact": seen.exact}
            layers = seen.layers
        sizes = {"train": result.train_images, "validation": result.validation_images}
        device = result.device
    # a callable may call sys.exit, which would end a worker and with it the whole sweep
    except (Exception, SystemExit) as error:
        # Lightning's answers to SIGTERM, where nobody else handles it, and to Ctrl-C
        if isinstance(error, SIGTERMException) or isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        found["error"] = f"it called sys.exit({error.code!r})" if isinstance(error, SystemExit) else one_line(error)
        if not isinstance(error, UserError):
            # where there is no room for it the reason is told all the same
            with suppress(OSError):
                (store.folder(identity) / ERROR).write_text(traceback.format_exc())
    return {
        "run_id": identity,
        "config": dict(config),
        "factors": factors(config),
        **found,
        "data": {
            **{key: facts[key] for key in ("name", "fingerprint", "classes")},
            **sizes,
            **{key: facts[key] for key in ("test", "shape")},
            "source_md5": facts["source"].get("md5"),
        },
        "provenance": {
            **provenance(),
            "device": device,
            "threads": torch.get_num_threads(),
            "precision": config["precision"],
            # ieee or tf32, as PyTorch says afterwards
            "fp32": torch.backends.cudnn.fp32_precision,
            "started": started.isoformat(timespec="seconds"),
            "seconds": time.perf_counter() - clock,
        },
    }, layers


def _number(value: float) -> float | None:
    """What JSON can hold: null for a loss that is not finite."""
    return value if math.isfinite(value) else None
