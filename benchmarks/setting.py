"""What is trained in a measurement, the same for every way of training."""

from __future__ import annotations

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
    """One network and its training.

    Attributes:
        depth: convolutions of the network.
        precision: 32-true or bf16-mixed, Lightning's names.
        threads: of the process that trains, beside the workers of a data loader.
        images: training images per epoch.
        epochs: how often they are seen.
        batch_size: images per step.
        augment: whether images are cropped and mirrored at random.
    """

    depth: int
    precision: str = "32-true"
    threads: int = 1
    images: int = 1024
    epochs: int = 2
    batch_size: int = BATCH_SIZE
    augment: bool = True


class Measurement(NamedTuple):
    """Images per second of training steps alone, steps of the optimizer, and mean training loss of the last epoch."""

    images_per_second: float
    steps: int
    loss: float
