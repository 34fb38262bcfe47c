"""What is trained in a measurement, the same for every implementation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

BATCH_SIZE = 128
WIDTH = 16
CLASSES = 10
IMAGE_SHAPE = (32, 32, 3)
PADDING = 4
# Small enough for every depth, so that no loss becomes infinite.
LEARNING_RATE = 0.01
MOMENTUM = 0.9
# Images of the validation split of a throughput measurement; the time they take does not count.
VALIDATION_SIZE = 256
PRECISIONS = ("32-true", "bf16-mixed")
DEPTHS = (4, 8, 16)
# Training images of an epoch by depth: a few seconds of training for the slowest implementation.
IMAGES = {4: 4096, 8: 2048, 16: 1024}
FALLBACK_IMAGES = 1280


@dataclass(frozen=True)
class Setting:
    """One point at which throughput is measured.

    Attributes:
        depth: convolutions of the network.
        precision: 32-true or bf16-mixed.
        threads: of the process that trains.
        images: training images per epoch.
        epochs: how often they are seen.
    """

    depth: int
    precision: str
    threads: int = 1
    images: int = FALLBACK_IMAGES
    epochs: int = 2

    @property
    def steps(self) -> int:
        """Training steps; the last batch of an epoch may be smaller."""
        return self.epochs * -(-self.images // BATCH_SIZE)

    def warm_up(self) -> Setting:
        """The same setting for two batches, which take the one-off costs of a process."""
        return replace(self, images=2 * BATCH_SIZE, epochs=1)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class Measurement(NamedTuple):
    """What came out.

    Attributes:
        samples: images that were trained on.
        seconds: of training steps, from the first of an epoch to its last, summed over epochs.
        steps: optimizer steps.
        loss: mean training loss of the last epoch.
        total_seconds: of the whole run with evaluation and record; None where that is no measure of anything.
    """

    samples: int
    seconds: float
    steps: int
    loss: float
    total_seconds: float | None = None


def grid(
    depths: tuple[int, ...], precisions: tuple[str, ...], threads: tuple[int, ...], epochs: int = 2
) -> Iterator[Setting]:
    """Yield the settings of every combination."""
    for count in threads:
        for depth in depths:
            for precision in precisions:
                yield Setting(depth, precision, count, IMAGES.get(depth, FALLBACK_IMAGES), epochs)
