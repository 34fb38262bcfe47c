"""The Lightning module: cross-entropy training of a network, with the metrics of every epoch."""

import functools
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from whyrelu.config.targets import bind
from whyrelu.data.batches import Batch, Stream

History = dict[str, list[float]]
OnEpoch = Callable[[History], None]


class Totals:
    """Sums of loss and correct answers over an epoch, kept on the device so that no step waits for it."""

    def __init__(self, device: torch.device) -> None:
        self._loss = torch.zeros((), dtype=torch.float64, device=device)
        self._correct = torch.zeros((), dtype=torch.int64, device=device)
        self._count = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch: mean loss (), logits (B, classes), labels (B,)."""
        self._loss += loss.detach() * len(labels)
        self._correct += (logits.detach().argmax(1) == labels).sum()
        self._count += len(labels)

    def means(self) -> tuple[float, float]:
        """Return mean loss and accuracy per image; waits for the device."""
        return self._loss.item() / self._count, self._correct.item() / self._count


class Classifier(pl.LightningModule):
    """Cross-entropy training of a network, with the metrics of every epoch; `on_epoch` gets them after each.

    `stream` maps the name of a random stream and an epoch to its seed.
    """

    def __init__(
        self, network: nn.Module, config: Mapping[str, Any], stream: Stream, on_epoch: OnEpoch | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.train_seconds = 0.0
        self.history: History = {
            key: [] for key in ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
        }
        self.test_metrics: dict[str, float] = {}
        self._optimizer = functools.partial(bind("optimizer", config["optimizer"]), lr=config["lr"])
        self._schedule = config["schedule"]
        self._stop_at = config["trainer"]["stop_at"]
        self._stream = stream
        self._on_epoch = on_epoch

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer, whose groups keep the rate that they begin with, in checkpoints too."""
        optimizer: torch.optim.Optimizer = self._optimizer(self.network.parameters())
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        self._steps = int(self.trainer.estimated_stepping_batches)
        return optimizer

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the learning rate of a step, which goes to zero over all steps if it is cosine."""
        if self._schedule == "cosine":
            factor = (1 + math.cos(math.pi * self.global_step / self._steps)) / 2
            for group in self.trainer.optimizers[0].param_groups:
                group["lr"] = group["initial_lr"] * factor

    def on_train_epoch_start(self) -> None:
        """Start the sums of the epoch, the clock of its steps, and the noise of activations that are random."""
        torch.manual_seed(self._stream("noise", self.current_epoch))
        self._totals = Totals(self.device)
        self._started = time.perf_counter()

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Count a batch, of any split, and return its mean loss."""
        images, labels = batch
        logits = self.network(images)
        loss = functional.cross_entropy(logits, labels)
        self._totals.add(loss, logits, labels)
        return loss

    validation_step = training_step
    test_step = training_step

    def on_validation_epoch_start(self) -> None:
        """Keep the metrics of training, and stop its clock."""
        self._keep_means("train")
        self.train_seconds += time.perf_counter() - self._started

    def on_train_epoch_end(self) -> None:
        """Complete the record of the epoch; end a run that diverged, or has been good enough for two epochs running."""
        self._keep_means("val")
        self.history["epoch"].append(self.current_epoch + 1)
        last_two = self.history["val_accuracy"][-2:]
        if self.diverged or (self._stop_at is not None and len(last_two) == 2 and min(last_two) >= self._stop_at):
            self.trainer.should_stop = True
        if self._on_epoch is not None:
            self._on_epoch(self.history)

    def on_test_epoch_end(self) -> None:
        """Keep the metrics of the test set."""
        test_loss, test_accuracy = self._totals.means()
        self.test_metrics = {"test_accuracy": test_accuracy, "test_loss": test_loss}

    def _keep_means(self, part: str) -> None:
        """Add the means of a part of the epoch to the history, and start the sums of the next."""
        loss, accuracy = self._totals.means()
        self.history[f"{part}_loss"].append(loss)
        self.history[f"{part}_accuracy"].append(accuracy)
        self._totals = Totals(self.device)

    @property
    def diverged(self) -> bool:
        """Whether a loss of the last epoch or of the test set is not finite; one such step makes the mean so."""
        losses = [self.history[key][-1] for key in ("train_loss", "val_loss")]
        return not all(math.isfinite(loss) for loss in [*losses, *self.test_metrics.values()])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history and the clock, so that a resumed run ends with the whole record."""
        checkpoint["whyrelu"] = {"history": self.history, "train_seconds": self.train_seconds}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore what on_save_checkpoint kept."""
        self.history = checkpoint["whyrelu"]["history"]
        self.train_seconds = checkpoint["whyrelu"]["train_seconds"]
