"""Readers of data sets that are not torchvision's: `data._target_` names one, or a function of your own like them.

A reader takes the settings (`whyrelu.config.schema.Data`) and returns `RawData`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from whyrelu.config.schema import Data
from whyrelu.data.raw_data import RawData
from whyrelu.errors import DataError

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def digits(data: Data) -> RawData:
    """Return the 1,797 handwritten digits that scikit-learn brings along: 8 x 8 pixels, 17 grey levels (0 to 16)."""
    from sklearn.datasets import load_digits

    _refuse(data, "root", "url", "md5", "options")
    bunch = load_digits()
    return RawData(
        train_images=bunch.images.astype(np.uint8)[..., None],
        train_labels=bunch.target,
        classes=tuple(str(name) for name in bunch.target_names),
    )


def image_folder(data: Data) -> RawData:
    """Read a directory of class folders (data.root): every image below a folder belongs to the class of its name.

    Images become RGB squares of data.image_size pixels. Files and folders whose names begin with a dot, and files
    that do not have the extension of an image, are passed over.

    Raises:
        DataError: the directory is missing, holds no classes, or an image cannot be read.
    """
    from whyrelu.data.images import read_image, stack

    _refuse(data, "url", "md5", "options")
    if data.root is None:
        raise DataError("data.root is missing: it must name a directory of class folders, data.root=/path/to/images")
    root = Path(data.root).expanduser()
    if not root.is_dir():
        raise DataError(f"data.root={data.root} is not a directory; it must hold one folder of images per class")
    classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    if len(classes) < 2:
        raise DataError(f"data.root={data.root} holds {len(classes)} folders; it must hold one per class, two or more")
    if "train" in classes and set(classes) <= {"train", "test", "val", "valid", "validation"}:
        raise DataError(
            f"data.root={data.root} holds splits, not classes: name one of them, data.root={root / 'train'}"
        )
    paths, labels = [], []
    for label, name in enumerate(classes):
        found = sorted(path for path in files(root / name) if path.suffix.lower() in EXTENSIONS)
        if not found:
            raise DataError(f"{root / name} holds no images ({', '.join(EXTENSIONS)}); remove the folder or fill it")
        paths += found
        labels += [label] * len(found)
    pool = ThreadPoolExecutor()
    try:
        arrays = list(pool.map(lambda path: read_image(path, data.image_size), paths))
    finally:
        pool.shutdown(cancel_futures=True)
    return RawData(stack(arrays, map(str, paths)), np.array(labels), tuple(classes))


def _refuse(data: Data, *keys: str) -> None:
    """A setting that would have no effect is a mistake."""
    for key in keys:
        if getattr(data, key):
            raise DataError(f"data.{key}={getattr(data, key)}: {data._target_} has no use for it; leave it out")


def files(directory: Path) -> Iterator[Path]:
    """Yield the files below a directory that are not hidden, following links."""
    for folder, folders, names in os.walk(directory, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if not name.startswith("."))
