"""Small data sets in the official layouts, for the tests of whyrelu.data."""

import gzip
import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

from whyrelu.config.schema import Data

CLASSES = ["cat", "dog", "frog"]


def md5(path):
    return hashlib.md5(Path(path).read_bytes()).hexdigest()


def image_set(count, size=32, channels=3, classes=3, seed=0):
    """Random images (N, H, W, C) with labels 0, 1, 2, 0, 1, 2, ..."""
    images = np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    return images, np.arange(count) % classes


def cifar_pages(train, test, labels_key=b"labels", classes_key=b"label_names", protocol=2):
    """The pickles of an archive, by name, for (images, labels) of the five training batches and the test batch."""
    pages = {"batches.meta": pickle.dumps({classes_key: [name.encode() for name in CLASSES]}, protocol=protocol)}
    parts = {f"data_batch_{i + 1}": (train[0][i::5], train[1][i::5]) for i in range(5)} | {"test_batch": test}
    for name, (images, labels) in parts.items():
        data = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        pages[name] = pickle.dumps({b"data": data, labels_key: labels.tolist()}, protocol=protocol)
    return pages


def tar(path, pages, folder="cifar-10-batches-py"):
    """Write a .tar.gz with the given members and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, page in pages.items():
            info = tarfile.TarInfo(f"{folder}/{name}" if folder else name)
            info.size = len(page)
            archive.addfile(info, io.BytesIO(page))
    return path


def cifar_archive(folder, count=30, seed=0):
    """A CIFAR-10 archive of three classes, and what is in it: path, (images, labels), (images, labels)."""
    train, test = image_set(count, seed=seed), image_set(9, seed=seed + 1)
    path = tar(folder / "cifar-10-python.tar.gz", cifar_pages(train, test))
    order = np.concatenate([np.arange(count)[i::5] for i in range(5)])
    return path, (train[0][order], train[1][order]), test


def cifar_settings(root, archive):
    """The settings that read an archive in the layout of CIFAR-10."""
    return Data("cifar10", "torchvision.datasets.CIFAR10", str(root), str(archive), md5(archive), validation_size=5)


def idx(array):
    """Bytes in the IDX format of MNIST."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def mnist_files(folder, count=12):
    """The four files of MNIST, and what is in them: {name: md5}, (images, labels), (images, labels)."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = image_set(count, 28, 1, 10), image_set(10, 28, 1, 10, seed=1)
    sums = {}
    for prefix, (images, labels) in (("train", train), ("t10k", test)):
        for name, array in (
            (f"{prefix}-images-idx3-ubyte.gz", images[..., 0]),
            (f"{prefix}-labels-idx1-ubyte.gz", labels),
        ):
            (folder / name).write_bytes(gzip.compress(idx(array), mtime=0))
            sums[name] = md5(folder / name)
    return sums, train, test


def leftovers(folder):
    """Names of everything below a folder that is neither a lock nor a finished set."""
    finished = ("facts.json", "train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy")
    return sorted(
        path.name
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix != ".lock" and path.name not in finished
    )
