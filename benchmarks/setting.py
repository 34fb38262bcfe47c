"""What is trained in a measurement, the same for every way of training."""

from dataclasses import dataclass
from typing import NamedTuple

IMAGE_SHAPE = (32, 32, 3)
CLASSES = 10
WIDTH = 16
BATCH_SIZE = 128
PADDING = 4
MOMENTUM = 0.9
# small enough for every depth, so that no loss becomes infinite
LEARNING_RATE = 0.01
VALIDATION_IMAGES = 250


@dataclass(frozen=True)
class Setting:
    """One network and its training; the names of precisions and devices are those of whyrelu's settings."""

    depth: int
    precision: str = "32-true"
    # of the process that trains, beside the workers of a data loader
    threads: int = 1
    # of training, per epoch
    images: int = 1024
    epochs: int = 2
    batch_size: int = BATCH_SIZE
    # whether images are cropped and mirrored at random
    augment: bool = True
    device: str = "cpu"


class Measurement(NamedTuple):
    """Images per second of training steps alone, steps of the optimizer, and mean training loss of the last epoch."""

    images_per_second: float
    steps: int
    loss: float
