"""The common Lightning way (our stand-in): Lightning, PIL transforms, DataLoader, torchmetrics, Hydra.

As it comes, what such a project does not set is as PyTorch and Lightning have it: no workers of the DataLoader, the
contiguous memory format, fp32, a checkpoint after every epoch. Tuned, it has workers that persist, the channels-last
format and bf16. The progress bar and the summary of the model are off in both.

PYTHONPATH=.:src python benchmarks/template.py -m activation=relu,tanh depth=4,8,16 root=/where/data.make/wrote
"""

import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
import lightning.pytorch as pl
import torch
from joblib import cpu_count
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from omegaconf import DictConfig
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy
from torchvision import transforms

from benchmarks import data, ours
from benchmarks import setting as common
from benchmarks.setting import Measurement, Setting

# of CIFAR-10, written down as such projects have them
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
# a module may not have a name that torch uses itself, as train
KINDS = ("train_", "val_", "test_")
Batch = tuple[Tensor, Tensor]


class Images(Dataset[tuple[Tensor, int]]):
    """Some of the images through PIL, one by one, as torchvision's CIFAR10 class gives them."""

    def __init__(self, root: Path, rows: slice, augment: bool) -> None:
        images, labels = data.read(root)
        self._images, self._labels = images[rows], labels[rows].tolist()
        random = (
            [transforms.RandomCrop(32, padding=common.PADDING), transforms.RandomHorizontalFlip()] if augment else []
        )
        self._transform = transforms.Compose([*random, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(Image.fromarray(self._images[index])), self._labels[index]


def loaders(
    root: Path, images: int, workers: int, batch_size: int = common.BATCH_SIZE, augment: bool = True
) -> Sequence[DataLoader[tuple[Tensor, int]]]:
    """Return loaders of training images, which are the first `images`, of validation and of test images."""
    rows = slice(0, images), slice(-data.TEST - common.VALIDATION_IMAGES, -data.TEST), slice(-data.TEST, None)
    return [
        DataLoader(
            Images(root, chosen, augment and chosen.start == 0),
            batch_size,
            shuffle=chosen.start == 0,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        for chosen in rows
    ]


class LitModel(pl.LightningModule):
    """Cross-entropy training with torchmetrics, logged in every step; `net` maps images (B, C, H, W) to logits."""

    def __init__(self, net: nn.Module, channels_last: bool) -> None:
        super().__init__()
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.net = net.to(memory_format=self.format)
        self.loss = nn.ModuleDict({kind: MeanMetric() for kind in KINDS})
        self.accuracy = nn.ModuleDict({kind: MulticlassAccuracy(common.CLASSES, average="micro") for kind in KINDS})

    def _step(self, batch: Batch, kind: str) -> Tensor:
        images, labels = batch
        logits = self.net(images.to(memory_format=self.format))
        loss = nn.functional.cross_entropy(logits, labels)
        self.loss[kind](loss)
        self.accuracy[kind](torch.argmax(logits, dim=1), labels)
        metrics: dict[str, Any] = {f"{kind}loss": self.loss[kind], f"{kind}acc": self.accuracy[kind]}
        self.log_dict(metrics, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean loss of a batch."""
        return self._step(batch, "train_")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count a batch of the validation split."""
        self._step(batch, "val_")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Count a batch of the test set."""
        self._step(batch, "test_")

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer and the cosine schedule."""
        optimizer = torch.optim.SGD(self.parameters(), lr=common.LEARNING_RATE, momentum=common.MOMENTUM)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Clock(pl.Callback):
    """Seconds of the training steps of each epoch, up to its validation."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start."""
        self._started = time.perf_counter()

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop."""
        if not trainer.sanity_checking:
            self.seconds.append(time.perf_counter() - self._started)


def make_trainer(folder: Path, epochs: int, precision: Any, *callbacks: pl.Callback) -> pl.Trainer:
    """Return Lightning's Trainer with its defaults, but a CSV logger and no progress bar."""
    return pl.Trainer(
        accelerator="cpu",
        precision=precision,
        max_epochs=epochs,
        logger=CSVLogger(folder),
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
    )


def measure(setting: Setting, root: Path, tuned: bool = False) -> Measurement:
    """Train a setting and take the time of every epoch but the first, in which the loader's workers start."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(setting.threads)
    pl.seed_everything(0, verbose=False)
    clock = Clock()
    train, validation, _ = loaders(
        root, setting.images, cpu_count() if tuned else 0, setting.batch_size, setting.augment
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(Path(folder), setting.epochs, setting.precision, clock)
        trainer.fit(LitModel(ours.network(setting.depth), channels_last=tuned), train, validation)
    counted = clock.seconds[1:]
    loss = float(trainer.callback_metrics["train_loss"])
    return Measurement(len(counted) * setting.images / sum(counted), trainer.global_step, loss)


@hydra.main(config_path="conf", config_name="template", version_base="1.3")
def main(config: DictConfig) -> None:
    """Train and test one network."""
    from hydra.core.hydra_config import HydraConfig

    pl.seed_everything(config.seed)
    train, validation, test = loaders(Path(config.root), config.images, config.workers)
    model = LitModel(ours.network(config.depth, ACTIVATIONS[config.activation], config.seed), config.channels_last)
    trainer = make_trainer(Path(HydraConfig.get().runtime.output_dir), config.epochs, config.precision)
    trainer.fit(model, train, validation)
    trainer.test(model, test, ckpt_path="best")


if __name__ == "__main__":
    main()
