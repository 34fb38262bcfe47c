"""Images with the shape of CIFAR-10, from a seeded generator, in the layout of the official archive: no download."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torchvision.datasets import CIFAR10

from benchmarks.setting import CLASSES, IMAGE_SHAPE

TRAIN = 10_240
TEST = 1_024
FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
_FACTS = "synthetic.json"
_BATCHES = 5


class SyntheticSet(NamedTuple):
    """Where a set lies: `root` in torchvision's layout, its archive, and the archive's MD5."""

    root: Path
    archive: Path
    md5: str


class SyntheticCIFAR10(CIFAR10):  # type: ignore[misc]
    """torchvision's own data set class; only the checksums of the official files are not asked for."""

    train_list = [(name, None) for name, _ in CIFAR10.train_list]  # noqa: RUF012
    test_list = [(name, None) for name, _ in CIFAR10.test_list]  # noqa: RUF012
    meta = {**CIFAR10.meta, "md5": None}  # noqa: RUF012


def generate(count: int, seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return images (N, 32, 32, 3) and labels (N,): one coarse pattern per class under noise, which nets can learn."""
    # the patterns are those of the set, whatever the seed of the draws
    height, width, channels = IMAGE_SHAPE
    coarse = np.random.default_rng(0).normal(size=(CLASSES, 4, 4, channels))
    patterns = coarse.repeat(height // 4, axis=1).repeat(width // 4, axis=2)
    random = np.random.default_rng([1, seed])
    labels = np.arange(count, dtype=np.int64) % CLASSES
    noise = random.normal(size=(count, *IMAGE_SHAPE)).astype(np.float32)
    images = 128 + 40 * patterns[labels] + 50 * noise
    return images.clip(0, 255).astype(np.uint8), labels


def make(root: Path, train: int = TRAIN, test: int = TEST) -> SyntheticSet:
    """Write the set below `root`, unless it is there: the extracted batches, and the archive that holds them.

    Args:
        root: what a person would give as data.root.
        train: training images, divided evenly among five batches.
        test: test images.
    """
    archive = root / ARCHIVE
    sizes = {"train": train, "test": test}
    if _facts(root).get("sizes") == sizes and archive.is_file():
        return find(root)
    pages = _pages(train, test)
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        (root / FOLDER / name).write_bytes(page)
    archive.write_bytes(_tar(pages))
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    (root / _FACTS).write_text(json.dumps({"sizes": sizes, "md5": md5}))
    return find(root)


def find(root: Path) -> SyntheticSet:
    """Return the set that `make` wrote, whatever its size.

    Raises:
        KeyError: there is none.
    """
    return SyntheticSet(root, root / ARCHIVE, _facts(root)["md5"])


def _facts(root: Path) -> dict[str, Any]:
    path = root / _FACTS
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def _pages(train: int, test: int) -> dict[str, bytes]:
    names = [b"class %d" % label for label in range(CLASSES)]
    pages = {CIFAR10.meta["filename"]: pickle.dumps({"label_names": [name.decode() for name in names]}, protocol=2)}
    images, labels = generate(train, 0)
    for batch, (name, _) in enumerate(CIFAR10.train_list):
        pages[name] = _batch(images[batch::_BATCHES], labels[batch::_BATCHES])
    pages[CIFAR10.test_list[0][0]] = _batch(*generate(test, 1))
    return pages


def _batch(images: npt.NDArray[np.uint8], labels: npt.NDArray[Any]) -> bytes:
    # the official batches keep one channel after the other
    data = np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(len(images), -1))
    return pickle.dumps({"data": data, "labels": labels.tolist()}, protocol=2)


def _tar(pages: dict[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, page in pages.items():
            info = tarfile.TarInfo(f"{FOLDER}/{name}")
            info.size = len(page)
            archive.addfile(info, io.BytesIO(page))
    return gzip.compress(plain.getvalue(), compresslevel=1, mtime=0)
