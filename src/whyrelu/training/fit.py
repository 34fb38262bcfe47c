"""One training run: a configuration is built, fitted and evaluated."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from whyrelu.config.streams import stream_seed
from whyrelu.data.arrays import Arrays
from whyrelu.data.batches import ImageDataModule
from whyrelu.diagnostics.callback import Diagnostics, Findings
from whyrelu.diagnostics.summary import summary
from whyrelu.errors import UserError, one_line
from whyrelu.network.initialisation import build_network
from whyrelu.training.checkpoint import AtomicCheckpointIO, PeriodicCheckpoint, usable
from whyrelu.training.classifier import Classifier, History, OnEpoch
from whyrelu.training.outcome import outcome
from whyrelu.training.process import keep_freed_memory, set_fp32


class Result(NamedTuple):
    """What a run found."""

    # completed or diverged
    status: str
    # of whyrelu.training.outcome
    outcome: str
    metrics: dict[str, float]
    history: History
    findings: Findings | None
    train_images: int
    validation_images: int
    device: str


def fit(config: Mapping[str, Any], arrays: Arrays, checkpoint: Path, on_epoch: OnEpoch | None = None) -> Result:
    """Train and evaluate one configuration, continuing from its checkpoint, which the caller removes.

    The result depends on nothing but the configuration, the data and the kind of machine: it is the same alone or in a
    sweep, in one go or resumed.
    """
    _prepare_process(config["trainer"]["threads"], config["precision"])

    def stream(name: str, epoch: int | None) -> int:
        return stream_seed(config["study"], config["depth"], config["seed"], name, epoch)

    data = ImageDataModule(arrays, config, stream)
    images = len(data.train_indices)
    if config["batch_size"] > images:
        raise UserError(f"batch_size={config['batch_size']} is larger than the {images} training images")
    if config["clip"] and "mixed" in config["precision"] and config["optimizer"].get("fused"):
        # which unscales gradients in its own step
        raise UserError(f"clip={config['clip']} with precision={config['precision']} needs optimizer.fused=false")
    network = build_network(config, arrays.train_images.shape[1:], len(arrays.classes))
    module = Classifier(network, config, stream, on_epoch)
    settings = config["diagnostics"]
    diagnostics = Diagnostics(settings, stream("probe", None)) if settings["epochs"] != "none" else None
    trainer = _trainer(config, checkpoint, diagnostics)
    trainer.fit(module, data, ckpt_path=str(checkpoint) if usable(checkpoint) else None, weights_only=True)
    steps = trainer.global_step
    trainer.test(module, data, verbose=False)
    history = module.history
    metrics = {
        **module.test_metrics,
        **{key: values[-1] for key, values in history.items() if key != "epoch"},
        "epochs_run": len(history["epoch"]),
        "steps": steps,
        "parameters": sum(p.numel() for p in network.parameters()),
        "train_seconds": module.train_seconds,
        "samples_per_second": len(history["epoch"]) * images / module.train_seconds,
    }
    findings = diagnostics.findings() if diagnostics is not None else None
    metrics |= summary(findings) if findings is not None else {}
    classes, validation_images = len(arrays.classes), len(data.validation_indices)
    device = trainer.strategy.root_device
    learned_at = config["data"]["learned_at"]
    return Result(
        status="diverged" if module.diverged else "completed",
        outcome=outcome(metrics["val_accuracy"], validation_images, classes, learned_at, module.diverged),
        metrics=metrics,
        history=history,
        findings=findings,
        train_images=images,
        validation_images=validation_images,
        # results are the same on GPUs of the same model only
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    )


def _trainer(config: Mapping[str, Any], checkpoint: Path, diagnostics: Diagnostics | None) -> pl.Trainer:
    settings = config["trainer"]
    try:
        return pl.Trainer(
            accelerator=settings["accelerator"],
            devices=1,
            precision="32-true" if config["precision"] == "tf32" else config["precision"],
            max_epochs=settings["max_epochs"],
            gradient_clip_val=config["clip"],
            gradient_clip_algorithm="norm",
            callbacks=[
                *([diagnostics] if diagnostics is not None else []),
                PeriodicCheckpoint(checkpoint, settings["checkpoint_seconds"]),
            ],
            plugins=[AtomicCheckpointIO()],
            deterministic=True,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
    except (MisconfigurationException, ValueError) as error:
        raise UserError(
            f"trainer.accelerator={settings['accelerator']} with precision={config['precision']} cannot be used on "
            f"this machine ({one_line(error)}); trainer=cpu precision=32-true can"
        ) from error


def _prepare_process(threads: int, precision: str) -> None:
    """Set what belongs to the whole process: threads, memory, fp32, determinism, and Lightning's voice."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    set_fp32(precision)
    # deterministic mode would otherwise fill every new tensor before it is written
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")
