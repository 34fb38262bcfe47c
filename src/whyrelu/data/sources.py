"""Readers of data sets: `data._target_` names one of these, a class of torchvision, or a function of your own.

A reader takes the settings (`whyrelu.config.schema.Data`) and returns `RawData`.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname, urlopen

import numpy as np
import numpy.typing as npt

from whyrelu.config.schema import Data
from whyrelu.errors import DataError, notice, one_line
from whyrelu.files import write_bytes

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Seconds without a byte after which an address counts as unreachable.
TIMEOUT = 30.0


@dataclass(frozen=True)
class RawData:
    """A data set in memory, before it is split and written: images (N, H, W, C) uint8, labels (N,) from 0.

    Without test images, data.test_size of the others are taken. `md5` is of the file that the images were read from, if
    it was one, `official_md5` of this file where it was first published.
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
    with ThreadPoolExecutor() as pool:
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
    """Read CIFAR-10 or -100, SVHN, MNIST or a set in its form from the files that a class of torchvision names.

    Raw files are kept below data.root (by default data/raw); nothing is read before its checksum is right.
    """
    from torchvision import datasets

    is_cifar = issubclass(dataset, datasets.CIFAR10)
    _refuse(data, "test_size", "options", *([] if is_cifar else ["md5"]))
    if is_cifar:
        md5 = data.md5 or dataset.tgz_md5
        archive = _intact_copy(data, dataset.filename, dataset.url, md5, is_alone=True)
        return replace(_read_cifar(dataset, archive), md5=md5, official_md5=dataset.tgz_md5)
    if issubclass(dataset, datasets.SVHN):
        parts = [dataset.split_list[part] for part in ("train", "test")]
        return _read_svhn([_intact_copy(data, name, address, md5) for address, name, md5 in parts])
    # EMNIST and QMNIST are derived from MNIST too, but have other files
    if issubclass(dataset, datasets.MNIST) and not issubclass(dataset, (datasets.EMNIST, datasets.QMNIST)):
        folder, mirror = f"{dataset.__name__}/raw", dataset.mirrors[0]
        paths = [_intact_copy(data, f"{folder}/{name}", mirror + name, md5) for name, md5 in dataset.resources]
        return _read_mnist(paths, tuple(dataset.classes))
    raise DataError(
        f"data._target_={data._target_} is not of the families of CIFAR, MNIST and SVHN: name a function of your own "
        "that reads it, a few lines that docs/usage.md shows"
    )


def _read_cifar(dataset: Any, path: Path) -> RawData:
    parts = [[name for name, _ in names] for names in (dataset.train_list, dataset.test_list)]
    pages = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                if name in (*parts[0], *parts[1], dataset.meta["filename"]):
                    page = pickle.load(archive.extractfile(member), encoding="latin1")  # type: ignore[arg-type]
                    # Python 3 writes as bytes what is text in the official pickles
                    pages[name] = {_text(key): value for key, value in page.items()}
        images, labels, test_images, test_labels = (
            np.concatenate([pages[name][key] for name in names])
            for names in parts
            for key in ("data", "labels" if "labels" in pages[names[0]] else "fine_labels")
        )
        classes = tuple(_text(name) for name in pages[dataset.meta["filename"]][dataset.meta["key"]])
        images, test_images = (flat.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for flat in (images, test_images))
    except Exception as error:  # an archive that data.md5 vouches for may hold anything
        raise DataError(f"{path} cannot be read: {one_line(error)}") from error
    return RawData(images, labels, classes, test_images, test_labels)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _read_svhn(paths: Sequence[Path]) -> RawData:
    from scipy.io import loadmat

    train, test = (loadmat(path) for path in paths)
    images, test_images = (part["X"].transpose(3, 0, 1, 2) for part in (train, test))
    # the label of the digit 0 is 10
    labels, test_labels = (part["y"][:, 0] % 10 for part in (train, test))
    return RawData(images, labels, tuple("0123456789"), test_images, test_labels)


def _read_mnist(paths: Sequence[Path], classes: tuple[str, ...]) -> RawData:
    """Read images and labels for training, then those for testing; a file begins with 16 or 8 bytes about its shape."""
    images, labels, test_images, test_labels = (
        np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=offset)
        for path, offset in zip(paths, (16, 8, 16, 8), strict=True)
    )
    shape = (-1, 28, 28, 1)
    return RawData(images.reshape(shape), labels, classes, test_images.reshape(shape), test_labels)


def _intact_copy(data: Data, path: str, address: str, md5: str, is_alone: bool = False) -> Path:
    """Return where a file with the right MD5 lies: at `path` below data.root, at data.url or, if nowhere, downloaded.

    If it `is_alone`, data.url may name the file itself instead of its folder, and data.md5 its checksum.
    """
    root, name, url = Path(data.root or "data/raw").expanduser(), Path(path).name, data.url or ""
    # a downloaded archive that is not the official one does not take its place
    kept = root / (data.md5 or "") / path
    copies = [kept, root / path]
    is_local = url != "" and not url.startswith(("http://", "https://"))
    if is_local:
        given = Path(url2pathname(urlsplit(url).path) if url.startswith("file:") else url).expanduser()
        copies.append(given if is_alone and not given.is_dir() else given / name)
    elif url:
        address = url if is_alone and not url.endswith("/") else f"{url.rstrip('/')}/{name}"
    problems = []
    for copy in dict.fromkeys(copies):
        if copy.is_file():
            problems.append(_difference(copy, copy.read_bytes(), md5, is_alone))
            if not problems[-1]:
                return copy
        elif is_local and copy == copies[-1]:
            problems.append(f"{copy} does not exist; data.url must name the folder that holds it, or a single file")
    if not is_local:
        try:
            with urlopen(address, timeout=TIMEOUT) as answer:
                notice(f"downloading {address}")
                content = answer.read()
            problems.append(_difference(address, content, md5, is_alone))
            if not problems[-1]:
                write_bytes(content, kept)
                return kept
        except (OSError, ValueError, HTTPException) as error:
            hint = (
                f"without a network put an intact copy at {root / path}, or name its folder: data.url=/path/to/folder"
            )
            problems.append(f"{address} cannot be read: {one_line(error)}; {hint}")
    raise DataError("; ".join(problems))


def _difference(place: Path | str, content: bytes, md5: str, is_alone: bool) -> str:
    """Say what is wrong with a copy of a file, nothing if it is intact."""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found == md5:
        return ""
    line = f"{place} is damaged, incomplete or another version: {len(content)} bytes with md5 {found}, expected {md5}"
    return f"{line} (if it is the one you mean: data.md5={found})" if is_alone else line


def _refuse(data: Data, *keys: str) -> None:
    """A setting that would have no effect is a mistake."""
    for key in keys:
        if getattr(data, key):
            raise DataError(f"data.{key}={getattr(data, key)}: {data._target_} has no use for it; leave it out")
