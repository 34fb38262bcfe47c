"""What the readers of data sets hand over, before it is checked, split and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class RawData:
    """A data set in memory.

    Attributes:
        train_images: (N, H, W, C) uint8.
        train_labels: (N,) whole numbers, positions in `classes`.
        classes: names of the classes.
        test_images: (M, H, W, C) uint8, or None for a set without a test split; data.test_size images are then taken
            from the others.
        test_labels: (M,), or None likewise.
        md5: checksum of the file that the images were read from, if it was one.
        official_md5: checksum that this file has where it was first published.
    """

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[Any]
    classes: tuple[str, ...]
    test_images: npt.NDArray[np.uint8] | None = None
    test_labels: npt.NDArray[Any] | None = None
    md5: str | None = None
    official_md5: str | None = None
