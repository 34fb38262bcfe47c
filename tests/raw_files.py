"""Small data sets in the official layouts, for the tests of whyrelu.data."""

import gzip
import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

CLASSES = ["cat", "dog", "frog"]


def md5(path):
    return hashlib.md5(Path(path).read_bytes()).hexdigest()


def image_set(count, size=32, channels=3, classes=3, seed=0):
    """Random images (N, H, W, C) with labels 0, 1, 2, 0, 1, 2, ..."""
    images = np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    return images, np.arange(count) % classes


def cifar_pages(seed=0, key=str.encode):
    """The pickles of an archive of 30 and 9 images in three classes, by name."""
    pages = {"batches.meta": {key("label_names"): CLASSES}}
    (train, train_labels), (test, test_labels) = image_set(30, seed=seed), image_set(9, seed=seed + 1)
    parts = {f"data_batch_{i + 1}": (train[6 * i : 6 * i + 6], train_labels[6 * i : 6 * i + 6]) for i in range(5)}
    for name, (images, labels) in (parts | {"test_batch": (test, test_labels)}).items():
        data = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        pages[name] = {key("data"): data, key("labels"): labels.tolist()}
    return {name: pickle.dumps(page, protocol=2) for name, page in pages.items()}


def tar(path, pages, folder="cifar-10-batches-py/"):
    """Write a .tar.gz with the given members and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, page in pages.items():
            info = tarfile.TarInfo(f"{folder}{name}")
            info.size = len(page)
            archive.addfile(info, io.BytesIO(page))
    return path


def cifar_archive(folder, **changes):
    return tar(folder / "cifar-10-python.tar.gz", cifar_pages(**changes))


def idx(array):
    """Bytes in the IDX format of MNIST."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def mnist_files(folder, count=12):
    """The four files of MNIST, and what is in them: [(name, md5)], (images, labels), (images, labels)."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = image_set(count, 28, 1, 10), image_set(10, 28, 1, 10, seed=1)
    for prefix, (images, labels) in (("train", train), ("t10k", test)):
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images[..., 0]), mtime=0))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels), mtime=0))
    return [(path.name, md5(path)) for path in sorted(folder.iterdir())], train, test


def leftovers(folder):
    """Paths of all files below a folder but locks."""
    return sorted(
        str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file() and path.suffix != ".lock"
    )
