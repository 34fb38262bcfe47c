"""A single run, with a line per epoch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whyrelu.data.prepare import prepare
from whyrelu.errors import UserError
from whyrelu.runs.execute import describe, execute
from whyrelu.runs.identity import run_id
from whyrelu.runs.store import ERROR, RunStore
from whyrelu.runs.sweep import Follow


def run_single(config: Mapping[str, Any], follow: Follow) -> None:
    """Do one run, its learning rate looked up, and print how it goes; a run that fails is a UserError."""

    def print_epoch(history: dict[str, list[float]]) -> None:
        last, epochs = {name: values[-1] for name, values in history.items()}, config["trainer"]["max_epochs"]
        print(
            f"epoch {int(last['epoch']):{len(str(epochs))}}/{epochs}  train loss {last['train_loss']:.3f}  "
            f"train accuracy {last['train_accuracy']:.3f}  validation accuracy {last['val_accuracy']:.3f}",
            flush=True,
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
    print(f"{done}{describe(record)}, {record['provenance']['seconds']:.1f} s  {folder}/run.json")
