"""whyrelu itself: the only way of training that knows what is inside src/."""

import tempfile
from pathlib import Path

import torch
from torch import nn

from benchmarks import data
from benchmarks import setting as common
from benchmarks.setting import Measurement, Setting


def overrides(root: Path, images: int, epochs: int, precision: str, diagnostics: str = "off") -> list[str]:
    """Return what a person would type behind `python src/train.py` to train on the synthetic images below `root`."""
    return [
        *data.overrides(root),
        f"data.train_size={images}",
        f"data.augmentation={{padding: {common.PADDING}, flip: true}}",
        f"width={common.WIDTH}",
        f"batch_size={common.BATCH_SIZE}",
        f"lr={common.LEARNING_RATE}",
        f"precision={precision}",
        f"trainer.max_epochs={epochs}",
        f"diagnostics={diagnostics}",
    ]


def network(depth: int, activation: type[nn.Module] = nn.ReLU, seed: int = 0) -> nn.Module:
    """Return the network that whyrelu trains, with the initial weights of a run of this depth and seed."""
    from whyrelu.config.streams import stream_seed
    from whyrelu.network.initialisation import initialise, variance_variances
    from whyrelu.network.model import CNN

    net = CNN(common.IMAGE_SHAPE, common.CLASSES, depth, common.WIDTH, activation, lambda channels: nn.Identity())
    draws = torch.Generator().manual_seed(stream_seed(data.NAME, depth, seed, "init"))
    initialise(net, activation(), variance_variances, draws)
    return net


def measure(setting: Setting, root: Path) -> Measurement:
    """Train a setting with the function that every run goes through; the throughput is that of its run.json."""
    from whyrelu.config.grid import compose
    from whyrelu.data.arrays import load
    from whyrelu.training.fit import fit

    more = [f"depth={setting.depth}", f"trainer.threads={setting.threads}", f"batch_size={setting.batch_size}"]
    if not setting.augment:
        more.append("data.augmentation={padding: 0, flip: false}")
    more.append(f"trainer.accelerator={setting.device}")
    config = compose([*overrides(root, setting.images, setting.epochs, setting.precision), *more])
    with tempfile.TemporaryDirectory() as folder:
        found = fit(config, load(root / "prepared" / data.NAME), Path(folder) / "checkpoint.ckpt").metrics
    return Measurement(found["samples_per_second"], int(found["steps"]), found["train_loss"])
