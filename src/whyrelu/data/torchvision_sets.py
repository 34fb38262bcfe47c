"""torchvision's classification sets, named by their class: data._target_=torchvision.datasets.CIFAR10.

The sets that most people use are read from their raw files as they are (`cifar`, and MNIST's and SVHN's families here);
the others through their class (`torchvision_classes`).
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyrelu.config.schema import Data
from whyrelu.data import cifar, torchvision_classes
from whyrelu.data.archives import decompressed
from whyrelu.data.downloads import RawFile, obtain
from whyrelu.data.raw_data import RawData
from whyrelu.errors import DataError

DEFAULT_ROOT = "data/raw"


def read(dataset: Any, data: Data) -> RawData:
    """Read a set, downloading what is missing below data.root (by default data/raw).

    Args:
        dataset: a class of torchvision.datasets or one derived from it.
        data: the settings.

    Raises:
        DataError: there are no intact raw files to be had, or a setting does not fit the set.
    """
    from torchvision import datasets

    root = Path(data.root or DEFAULT_ROOT).expanduser()
    if issubclass(dataset, datasets.CIFAR10):
        _refuse_options(data)
        return cifar.read(dataset, root, data.url, data.md5)
    # EMNIST and QMNIST are derived from MNIST too, but have other files
    if issubclass(dataset, datasets.MNIST) and dataset.download is datasets.MNIST.download:
        _refuse_options(data)
        return _mnist(dataset, root, data)
    if issubclass(dataset, datasets.SVHN):
        _refuse_options(data)
        return _svhn(dataset, root, data)
    return torchvision_classes.read(dataset, data, root)


def _refuse_options(data: Data) -> None:
    if data.options:
        raise DataError(f"data.options.{next(iter(data.options))}: {data._target_} takes no options")
    if data.test_size is not None:
        raise DataError(f"data.test_size={data.test_size}: {data._target_} comes with its own test split; leave it out")


def _refuse_md5(data: Data, count: int) -> None:
    if data.md5 is not None:
        raise DataError(f"data.md5={data.md5}: {data._target_} has {count} files with a checksum each; leave it out")


def _mnist(mnist: Any, root: Path, data: Data) -> RawData:
    _refuse_md5(data, len(mnist.resources))
    arrays = {}
    for name, md5 in mnist.resources:
        path = f"{mnist.__name__}/raw/{name}"
        extracted = root / path.removesuffix(".gz")
        if data.url is None and not (root / path).exists() and extracted.is_file():
            arrays[name[:12]] = _idx(extracted)
        else:
            addresses = tuple(f"{mirror}{name}" for mirror in mnist.mirrors)
            arrays[name[:12]] = _idx(obtain(RawFile(path, addresses, md5, alone=False), root, data.url))
    return RawData(
        train_images=arrays["train-images"][..., None],
        train_labels=arrays["train-labels"].astype(np.int64),
        classes=tuple(mnist.classes),
        test_images=arrays["t10k-images-"][..., None],
        test_labels=arrays["t10k-labels-"].astype(np.int64),
    )


def _idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read an array of bytes in the IDX format, compressed or not: two zeros, type 8, dimensions, sizes, values."""
    try:
        with decompressed(path) as file:
            content = file.read()
        start = 4 + 4 * content[3]
        shape = struct.unpack(f">{content[3]}I", content[4:start])
    except (OSError, EOFError, IndexError, struct.error, zlib.error) as error:
        raise DataError(f"{path} is not a complete IDX file: {error}; remove it to fetch it again") from error
    if content[:3] != b"\0\0\x08" or len(content) - start != math.prod(shape):
        raise DataError(f"{path} is not a complete IDX file of bytes; remove it to fetch it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _svhn(svhn: Any, root: Path, data: Data) -> RawData:
    from scipy.io import loadmat

    _refuse_md5(data, 2)
    arrays: list[npt.NDArray[Any]] = []
    for split in ("train", "test"):
        address, name, md5 = svhn.split_list[split]
        path = obtain(RawFile(name, (address,), md5, alone=False), root, data.url)
        try:
            content = loadmat(path)
            images, labels = content["X"].transpose(3, 0, 1, 2), content["y"].reshape(-1).astype(np.int64)
        # SciPy's reader of a foreign format raises whatever its parts do
        except Exception as error:
            raise DataError(f"{path} is not an SVHN file of MATLAB: {error}") from error
        labels[labels == 10] = 0  # the digit 0 is stored as 10
        arrays += [images, labels]
    names = tuple(str(digit) for digit in range(10))
    return RawData(arrays[0], arrays[1], names, arrays[2], arrays[3])
