"""The common template way: Lightning, torchvision's data set, PIL transforms, DataLoader, torchmetrics, Hydra.

What a person of the templates does not set is left as PyTorch and Lightning have it: no workers of the DataLoader, the
contiguous memory format, a checkpoint after every epoch. Only the progress bar is off.

python benchmarks/template.py -m activation=relu,tanh depth=4,8,16 seed=0,1
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import hydra
import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchmetrics import MaxMetric, MeanMetric
from torchmetrics.classification import MulticlassAccuracy
from torchvision import transforms

from benchmarks import network
from benchmarks.setting import (
    BATCH_SIZE,
    CLASSES,
    LEARNING_RATE,
    MOMENTUM,
    PADDING,
    VALIDATION_SIZE,
    Measurement,
    Setting,
)
from benchmarks.synthetic import SyntheticCIFAR10, SyntheticSet

# of CIFAR-10, as templates have them
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
Images = tuple[Tensor, Tensor]


class LitData(pl.LightningDataModule):
    """CIFAR-10 through PIL, image by image.

    Args:
        root: of the set.
        images: training images.
        validation: validation images, of the same official training images.
    """

    def __init__(self, root: Path, images: int, validation: int) -> None:
        super().__init__()
        self._root = root
        self._lengths = images, validation
        normalise = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        crop = transforms.RandomCrop(32, padding=PADDING)
        self.train_transform = transforms.Compose([crop, transforms.RandomHorizontalFlip(), *normalise])
        self.test_transform = transforms.Compose(normalise)

    def setup(self, stage: str) -> None:
        """Open the images and split them."""
        images, validation = self._lengths
        train = SyntheticCIFAR10(self._root, train=True, transform=self.train_transform)
        unchanged = SyntheticCIFAR10(self._root, train=True, transform=self.test_transform)
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(42)).tolist()
        self.train: Subset[Images] = Subset(train, order[:images])
        self.validation: Subset[Images] = Subset(unchanged, order[images : images + validation])
        self.test = SyntheticCIFAR10(self._root, train=False, transform=self.test_transform)

    def train_dataloader(self) -> DataLoader[Images]:
        """Return shuffled batches."""
        return DataLoader(self.train, batch_size=BATCH_SIZE, shuffle=True)

    def val_dataloader(self) -> DataLoader[Images]:
        """Return batches of the validation split."""
        return DataLoader(self.validation, batch_size=BATCH_SIZE)

    def test_dataloader(self) -> DataLoader[Images]:
        """Return batches of the test set."""
        return DataLoader(self.test, batch_size=BATCH_SIZE)


class LitModel(pl.LightningModule):
    """Cross-entropy training with torchmetrics, logged in every step.

    Args:
        net: maps images (B, C, H, W) to logits (B, classes).
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.criterion = nn.CrossEntropyLoss()
        self.train_loss, self.val_loss, self.test_loss = MeanMetric(), MeanMetric(), MeanMetric()
        self.train_acc, self.val_acc, self.test_acc = (MulticlassAccuracy(CLASSES, average="micro") for _ in range(3))
        self.val_acc_best = MaxMetric()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        return self.net(images)  # type: ignore[no-any-return]

    def _step(self, batch: Images, kind: str, mean: MeanMetric, accuracy: MulticlassAccuracy) -> Tensor:
        images, labels = batch
        logits = self(images)
        loss: Tensor = self.criterion(logits, labels)
        mean(loss)
        accuracy(torch.argmax(logits, dim=1), labels)
        self.log(f"{kind}/loss", mean, on_step=False, on_epoch=True, prog_bar=True)
        self.log(f"{kind}/acc", accuracy, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def training_step(self, batch: Images, batch_idx: int) -> Tensor:
        """Return the mean loss of a batch."""
        return self._step(batch, "train", self.train_loss, self.train_acc)

    def validation_step(self, batch: Images, batch_idx: int) -> None:
        """Count a batch of the validation split."""
        self._step(batch, "val", self.val_loss, self.val_acc)

    def on_validation_epoch_end(self) -> None:
        """Log the best validation accuracy so far."""
        self.val_acc_best(self.val_acc.compute())
        self.log("val/acc_best", self.val_acc_best.compute(), sync_dist=True, prog_bar=True)

    def test_step(self, batch: Images, batch_idx: int) -> None:
        """Count a batch of the test set."""
        self._step(batch, "test", self.test_loss, self.test_acc)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer and the cosine schedule."""
        optimizer = torch.optim.SGD(self.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Clock(pl.Callback):
    """Seconds of training steps: from the start of every epoch to the start of its validation."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start."""
        self._started = time.perf_counter()

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop."""
        if not trainer.sanity_checking:
            self.seconds += time.perf_counter() - self._started


def build(depth: int, activation: str = "relu", seed: int = 0) -> LitModel:
    """Return the module; its network has the memory format that PyTorch gives by default."""
    net = network.build(depth, ACTIVATIONS[activation], seed)
    return LitModel(net.to(memory_format=torch.contiguous_format))


def trainer(folder: Path, epochs: int, precision: str, *callbacks: pl.Callback) -> pl.Trainer:
    """Return Lightning's Trainer with its defaults, but a CSV logger and no progress bar."""
    return pl.Trainer(
        accelerator="cpu",
        devices=1,
        precision=precision,  # type: ignore[arg-type]
        max_epochs=epochs,
        logger=CSVLogger(folder),
        default_root_dir=folder,
        enable_progress_bar=False,
        callbacks=list(callbacks),
    )


def measure(setting: Setting, data: SyntheticSet) -> Measurement:
    """Train a setting and take the time of its training steps."""
    torch.set_num_threads(setting.threads)
    pl.seed_everything(0, verbose=False)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        fitter = trainer(Path(folder), setting.epochs, setting.precision, clock)
        fitter.fit(build(setting.depth), LitData(data.root, setting.images, VALIDATION_SIZE))
    loss = float(fitter.callback_metrics["train/loss"])
    return Measurement(setting.epochs * setting.images, clock.seconds, fitter.global_step, loss)


@hydra.main(config_path="conf", config_name="template", version_base="1.3")
def main(config: DictConfig) -> None:
    """Train and test one network, as a template's train.py does."""
    from hydra.core.hydra_config import HydraConfig

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    pl.seed_everything(config.seed)
    folder = Path(HydraConfig.get().runtime.output_dir)
    data = LitData(Path(config.root), config.images, config.validation)
    model = build(config.depth, config.activation, config.seed)
    fitter = trainer(folder, config.epochs, config.precision)
    fitter.fit(model, data)
    fitter.test(model, data, ckpt_path="best")


if __name__ == "__main__":
    main()
