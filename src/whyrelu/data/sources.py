"""Readers of data sets: `data._target_` names one of these, a class of torchvision, or a function of your own.

A reader takes the settings (`whyrelu.config.schema.Data`) and returns `RawData`.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import pickle
import shutil
import socket
import tarfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import numpy.typing as npt

from whyrelu.config.schema import Data
from whyrelu.errors import DataError, one_line
from whyrelu.files import replacing

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Seconds without a byte after which an address counts as unreachable.
TIMEOUT = 30.0


@dataclass(frozen=True)
class RawData:
    """A data set in memory, before it is checked, split and written.

    Attributes:
        train_images: (N, H, W, C) uint8.
        train_labels: (N,) whole numbers, positions in `classes`.
        classes: names of the classes.
        test_images: (M, H, W, C) uint8; None has data.test_size images taken from the others.
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


def digits(data: Data) -> RawData:
    """Return the 1,797 handwritten digits that scikit-learn brings along: 8 x 8 pixels, 17 grey levels (0 to 16)."""
    from sklearn.datasets import load_digits

    _refuse(data, "root", "url", "md5", "options")
    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[..., None]
    return RawData(images, bunch.target, tuple(str(name) for name in bunch.target_names))


def image_folder(data: Data) -> RawData:
    """Read a directory of class folders (data.root): every image below a folder belongs to the class of its name.

    Images become RGB squares of data.image_size pixels. Files and folders whose names begin with a dot, and files
    that do not have the extension of an image, are passed over.
    """
    _refuse(data, "url", "md5", "options")
    root = Path(data.root or "").expanduser()
    folders = sorted(path for path in root.glob("*/") if not path.name.startswith(".")) if data.root else []
    classes = tuple(folder.name for folder in folders)
    if len(classes) < 2:
        raise DataError(f"data.root={data.root} holds {len(classes)} folders; it must hold one per class, two or more")
    if "train" in classes and set(classes) <= {"train", "test", "val", "valid", "validation"}:
        raise DataError(f"data.root={root} holds splits, not classes: name one of them, data.root={root / 'train'}")
    found = [sorted(path for path in files(folder) if path.suffix.lower() in EXTENSIONS) for folder in folders]
    if [] in found:
        empty = folders[found.index([])]
        raise DataError(f"{empty} holds no images ({', '.join(EXTENSIONS)}); remove the folder or fill it")
    paths = [path for folder in found for path in folder]
    # Pillow warns of oddities (a palette with transparency, very large images) that do no harm here
    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda path: _read_image(path, data.image_size), paths))
    side = len(images[0])
    for path, image in zip(paths, images, strict=True):
        if image.shape != (side, side, 3):
            size = f"{image.shape[1]} x {image.shape[0]}"
            raise DataError(f"{path} is {size} pixels: images must be equal squares; data.image_size=32 makes them so")
    return RawData(np.stack(images), np.repeat(np.arange(len(classes)), [len(folder) for folder in found]), classes)


def files(directory: Path) -> Iterator[Path]:
    """Yield the files below a directory that are not hidden, following links."""
    for folder, folders, names in os.walk(directory, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def _read_image(path: Path, size: int | None) -> npt.NDArray[np.uint8]:
    """Read an image file as (H, W, 3), turned as the camera was held; `size` is as for `resize`."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise ValueError("its pixels have more than 8 bits; convert it")
            pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    # Pillow's decoders raise nearly anything on damaged files: OSError, SyntaxError, struct.error, ValueError, ...
    except Exception as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error
    return pixels if size is None else resize(pixels[None], size)[0]


def resize(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Return (N, H, W, C) images as (N, size, size, C), ends of the longer side cut off; C is 1 or 3."""
    from PIL import Image, ImageOps

    planes = images[..., 0] if images.shape[3] == 1 else images
    method = Image.Resampling.BILINEAR
    resized = [np.asarray(ImageOps.fit(Image.fromarray(plane), (size, size), method=method)) for plane in planes]
    return np.stack(resized).reshape(len(images), size, size, -1)


def torchvision_set(dataset: Any, data: Data) -> RawData:
    """Read a set of the families of CIFAR, MNIST and SVHN through its class in torchvision.datasets.

    Raw files are kept below data.root (by default data/raw); nothing is unpacked before its checksum is right.
    """
    from filelock import FileLock
    from torchvision import datasets

    # EMNIST and QMNIST are derived from MNIST too, but have other files
    families, others = (datasets.CIFAR10, datasets.MNIST, datasets.SVHN), (datasets.EMNIST, datasets.QMNIST)
    if not issubclass(dataset, families) or issubclass(dataset, others):
        raise DataError(
            f"data._target_={data._target_} is not of the families of CIFAR, MNIST and SVHN: name a function of your "
            "own that reads it, a few lines that docs/usage.md shows"
        )
    root = Path(data.root or "data/raw").expanduser()
    official = getattr(dataset, "tgz_md5", None)
    _refuse(data, "test_size", "options", *([] if official else ["md5"]))
    changed, sums = _redirected(dataset, data.url, data.md5)
    folder = root / f".{dataset.__name__}.partial"
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{dataset.__name__}.lock"):
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        try:
            raw = _read_intact(changed, sums, data, root, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return replace(raw, md5=data.md5 or official, official_md5=official)


def _redirected(dataset: Any, url: str | None, md5: str | None) -> tuple[Any, dict[str, str]]:
    """Return a class that downloads from data.url and expects data.md5, and the MD5 of each of its files by path."""
    from torchvision import datasets

    changes: dict[str, Any] = {}
    base = f"{(url or '').rstrip('/')}/"
    if issubclass(dataset, datasets.CIFAR10):
        sums = {dataset.filename: md5 or dataset.tgz_md5}
        changes["url"] = base + dataset.filename if url and url.endswith("/") else url or dataset.url
        if md5 not in (None, dataset.tgz_md5):
            lists = {key: [[name, None] for name, _ in getattr(dataset, key)] for key in ("train_list", "test_list")}
            changes |= {"tgz_md5": md5, "meta": dataset.meta | {"md5": None}, "download": _download_cifar, **lists}
    elif issubclass(dataset, datasets.SVHN):
        parts = {part: dataset.split_list[part] for part in ("train", "test")}
        sums = {name: checksum for _, name, checksum in parts.values()}
        changes["split_list"] = {
            part: [base + name if url else address, name, checksum] for part, (address, name, checksum) in parts.items()
        }
    else:
        sums = {f"{dataset.__name__}/raw/{name}": checksum for name, checksum in dataset.resources}
        changes["mirrors"] = [base] if url else dataset.mirrors
    # torchvision names folders after the class
    return type(dataset.__name__, (dataset,), changes), sums


def _download_cifar(cifar: Any) -> None:
    """Download as torchvision does, then make the names in the pickles text, where Python 3 wrote them as bytes."""
    from torchvision.datasets import CIFAR10

    CIFAR10.download(cifar)
    for name, _ in [*cifar.train_list, *cifar.test_list, (cifar.meta["filename"], None)]:
        path = Path(cifar.root, cifar.base_folder, name)
        page = pickle.loads(path.read_bytes(), encoding="latin1")
        path.write_bytes(pickle.dumps({_text(key): value for key, value in page.items()}))


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _read_intact(dataset: Any, sums: dict[str, str], data: Data, root: Path, folder: Path) -> RawData:
    """Read a set in a temporary folder from files with the right MD5: kept below `root`, at data.url or downloaded."""
    parts = urlsplit(data.url or "")
    local = None
    if data.url and parts.scheme not in ("http", "https"):
        local = Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(data.url).expanduser()
    alone = len(sums) == 1
    downloads = []
    for path, md5 in sums.items():
        # a downloaded archive that is not the official one does not take its place
        copies = [root / path, root / md5 / path]
        if local is not None:
            copies.append(local if alone and not local.is_dir() else local / Path(path).name)
        intact = next((copy for copy in copies if _md5(copy) == md5), None)
        if intact is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(intact, folder / path)
        elif local is not None:
            raise DataError(_difference(copies[-1], md5, alone))
        else:
            downloads.append(path)
    try:
        raw = _read(dataset, data, folder)
    except DataError as error:
        failed = [path for path in downloads if _md5(folder / path) != sums[path]]
        if not failed:
            raise
        path = failed[0]
        found = [place / path for place in (folder, root) if (place / path).is_file()]
        what = "".join(f"; {_difference(copy, sums[path], alone)}" for copy in found)
        hint = f"without a network put an intact copy at {root / path}, or name its folder: data.url=/path/to/folder"
        raise DataError(f"{error}{what}; {hint}") from error
    for path in downloads:
        with replacing(root / (sums[path] if data.md5 else "") / path) as kept:
            shutil.copyfile(folder / path, kept)
    return raw


def _read(dataset: Any, data: Data, root: Path) -> RawData:
    """Have a class read its training and its test images, downloading what is missing below the root."""
    by_split = "split" in inspect.signature(dataset).parameters
    parts = [{"split": "train"}, {"split": "test"}] if by_split else [{"train": True}, {"train": False}]
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    # what torchvision's classes extract archives with: nothing gets outside their folder
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    try:
        train, test = (dataset(root=str(root), download=True, **part) for part in parts)
        (images, labels), (test_images, test_labels) = _arrays(train), _arrays(test)
    except Exception as error:  # what damaged files and wrong arguments raise is up to each class
        raise DataError(f"data._target_={data._target_} cannot be read: {one_line(error)}") from error
    finally:
        socket.setdefaulttimeout(before)
    classes = getattr(train, "classes", None) or range(10)  # SVHN names none
    return RawData(images, labels, tuple(map(_text, classes)), test_images, test_labels)


def _arrays(part: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    images = np.asarray(part.data)
    if images.ndim == 3:
        images = images[..., None]
    elif images.shape[-1] not in (1, 3):  # channels first
        images = images.transpose(0, 2, 3, 1)
    return images, np.asarray(part.targets if hasattr(part, "targets") else part.labels)


def _md5(path: Path) -> str | None:
    """Return the MD5 of a file as hexadecimal digits, None if there is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _difference(path: Path, md5: str, alone: bool) -> str:
    """Say what is wrong with a copy of a file; if the set is this file alone, what takes the copy as it is."""
    found = _md5(path)
    if found is None:
        return f"{path} does not exist; data.url must name {'it or ' if alone else ''}the folder that holds it"
    size = path.stat().st_size
    line = f"{path} is damaged, incomplete or another version: {size} bytes with md5 {found}, expected {md5}"
    return f"{line} (if it is the one you mean: data.md5={found})" if alone else line


def _refuse(data: Data, *keys: str) -> None:
    """A setting that would have no effect is a mistake."""
    for key in keys:
        if getattr(data, key):
            raise DataError(f"data.{key}={getattr(data, key)}: {data._target_} has no use for it; leave it out")
