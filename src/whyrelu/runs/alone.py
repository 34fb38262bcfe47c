"""One run alone, with a line per epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from whyrelu.data.prepare import prepare
from whyrelu.errors import UserError
from whyrelu.runs.execute import describe, execute
from whyrelu.runs.identity import run_id
from whyrelu.runs.store import ERROR, RunStore
from whyrelu.runs.sweep import Follow

# Epochs shorter than this are not worth a line each.
_SECONDS_BETWEEN_LINES = 1.0


def run_alone(config: Mapping[str, Any], follow: Follow) -> None:
    """Do one run and print how it goes.

    Args:
        config: resolved, its learning rate looked up.
        follow: as for `whyrelu.runs.sweep.sweep`.

    Raises:
        UserError: the run failed; the message is the reason and where the traceback is.
    """
    console = Console(highlight=False, soft_wrap=True)
    last = 0.0

    def print_epoch(history: dict[str, list[float]]) -> None:
        nonlocal last
        epoch, epochs = int(history["epoch"][-1]), config["trainer"]["max_epochs"]
        if epoch < epochs and time.monotonic() - last < _SECONDS_BETWEEN_LINES:
            return
        last = time.monotonic()
        console.print(
            f"epoch {epoch:{len(str(epochs))}}/{epochs}  train loss {history['train_loss'][-1]:.3f}  "
            f"train accuracy {history['train_accuracy'][-1]:.3f}  validation accuracy {history['val_accuracy'][-1]:.3f}"
        )

    facts = prepare(config["data"], Path(config["prepared_root"]))
    identity, store = run_id(config, facts["fingerprint"]), RunStore.of(config)
    with follow(config["mlflow"]["tracking_uri"], store, [identity]):
        record, trained = execute(config, identity, on_epoch=print_epoch)
    assert record is not None
    folder = store.folder(identity)
    if record["status"] == "failed":
        traceback = f" (traceback in {folder / ERROR})" if (folder / ERROR).exists() else ""
        raise UserError(f"{record['error']}{traceback}")
    done = "" if trained else "done already: "
    console.print(f"{done}{describe(record)}, {record['provenance']['seconds']:.1f} s  {folder}/run.json")
