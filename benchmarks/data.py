"""Images with the shape of CIFAR-10 from a seeded generator: a folder for whyrelu, arrays for the other ways."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.setting import CLASSES, IMAGE_SHAPE, VALIDATION_IMAGES

TRAIN, TEST = 6_400, 640
NAME = "synthetic"


def make(root: Path, count: int = TRAIN + TEST, noise: float = 50) -> None:
    """Write images below `root`: one coarse pattern per class under noise, which networks can learn."""
    root.mkdir(exist_ok=True)
    height, width, channels = IMAGE_SHAPE
    random = np.random.default_rng(0)
    patterns = random.normal(size=(CLASSES, 4, 4, channels)).repeat(height // 4, axis=1).repeat(width // 4, axis=2)
    labels = np.arange(count) % CLASSES
    drawn = 128 + 40 * patterns[labels] + noise * random.normal(size=(count, *IMAGE_SHAPE))
    images = drawn.clip(0, 255).astype(np.uint8)
    np.savez(root / "images.npz", images=images, labels=labels)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = root / "images" / f"class_{label}" / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, compress_level=1)


def read(root: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return all images (N, 32, 32, 3) and labels (N,); the classes take turns."""
    with np.load(root / "images.npz") as arrays:
        return arrays["images"], arrays["labels"]


def overrides(root: Path) -> list[str]:
    """Return the settings of whyrelu's command line that read the images and keep their arrays there too."""
    return [
        "data=image_folder",
        f"data.name={NAME}",
        f"data.root='{root / 'images'}'",
        f"data.validation_size={VALIDATION_IMAGES}",
        f"data.test_size={TEST}",
        f"prepared_root='{root / 'prepared'}'",
    ]
