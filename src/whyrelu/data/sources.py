"""Readers of data sets: `data._target_` names one of these, a class of torchvision, or a function of your own.

A reader takes the settings (`whyrelu.config.schema.Data`) and returns `RawData`.
"""

import hashlib
import os
import pickle
import shutil
import tarfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import numpy.typing as npt

from whyrelu.config.schema import Data
from whyrelu.errors import DataError, notice, one_line
from whyrelu.files import replacing

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Seconds without a byte after which an address counts as unreachable.
TIMEOUT = 30.0


@dataclass(frozen=True)
class RawData:
    """A set before it is checked and split: images (N, H, W, C) and labels (N,), which are positions in `classes`."""

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[Any]
    classes: tuple[str, ...]
    # without them, data.test_size images are taken from the others
    test_images: npt.NDArray[np.uint8] | None = None
    test_labels: npt.NDArray[Any] | None = None
    # of the one file that the images were read from, and where it was first published
    md5: str | None = None
    official_md5: str | None = None


def digits(data: Data) -> RawData:
    """Return the 1,797 handwritten digits that scikit-learn brings along: 8 x 8 pixels, 17 grey levels (0 to 16)."""
    from sklearn.datasets import load_digits

    _refuse(data, "root", "url", "md5", "options", "image_size")
    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[..., None]
    return RawData(images, bunch.target, tuple(str(name) for name in bunch.target_names))


def image_folder(data: Data) -> RawData:
    """Read every image below each class folder of data.root, as RGB squares of data.image_size pixels.

    Hidden files and folders, and files that do not have the extension of an image, are passed over.
    """
    _refuse(data, "url", "md5", "options")
    if not data.root:
        raise DataError("data.root is missing: name the directory that holds a folder for each class")
    root = Path(data.root).expanduser()
    classes = tuple(sorted(path.name for path in root.glob("*/") if not path.name.startswith(".")))
    names = [name for name in files(root) if os.sep in name and name.lower().endswith(EXTENSIONS)]
    if len(classes) < 2 or not names:
        found = f"{len(classes)} folders with {len(names)} images ({', '.join(EXTENSIONS)})"
        raise DataError(f"data.root={data.root} holds {found}; it must hold a folder of images for each class")
    if "train" in classes and set(classes) <= {"train", "test", "val", "valid", "validation"}:
        raise DataError(f"data.root={root} holds splits, not classes: name one of them, data.root={root / 'train'}")
    # Pillow warns of oddities (a palette with transparency, very large images) that do no harm here
    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda name: _read_image(root / name, data.image_size), names))
    side = len(images[0])
    for name, image in zip(names, images, strict=True):
        if image.shape != (side, side, 3):
            size = f"{image.shape[1]} x {image.shape[0]}"
            raise DataError(
                f"{root / name} is {size} pixels: images must be equal squares; data.image_size=32 makes them so"
            )
    labels = [classes.index(name.partition(os.sep)[0]) for name in names]
    return RawData(np.stack(images), np.array(labels), classes)


def files(directory: Path) -> list[str]:
    """Return the paths below a directory of all files that are not hidden, sorted, following links."""
    found: list[str] = []
    # as text, because every run asks whether one of thousands of images has changed
    for folder, folders, names in os.walk(directory, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        prefix = folder.removeprefix(str(directory)).lstrip(os.sep)
        found += [os.path.join(prefix, name) for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: path.split(os.sep))


def _read_image(path: Path, size: int | None) -> npt.NDArray[np.uint8]:
    """Read an image file as (H, W, 3), turned as the camera was held; a size cuts the ends of the longer side off."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise ValueError("its pixels have more than 8 bits; convert it")
            whole = ImageOps.exif_transpose(image).convert("RGB")
    # Pillow's decoders raise nearly anything on damaged files: OSError, SyntaxError, struct.error, ValueError, ...
    except Exception as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error
    return np.asarray(whole if size is None else ImageOps.fit(whole, (size, size), Image.Resampling.BILINEAR))


def torchvision_set(dataset: Any, data: Data) -> RawData:
    """Read a set of the families of CIFAR, MNIST and SVHN through its class in torchvision.datasets.

    Raw files are kept below data.root (by default data/raw); nothing is unpacked before its checksum is right.
    """
    from filelock import FileLock
    from torchvision import datasets

    # EMNIST and QMNIST are derived from MNIST too, but have other files
    families, others = (datasets.CIFAR10, datasets.MNIST, datasets.SVHN), (datasets.EMNIST, datasets.QMNIST)
    if not issubclass(dataset, families) or issubclass(dataset, others):
        what = f"data._target_={data._target_} is not of the families of CIFAR, MNIST and SVHN"
        raise DataError(f"{what}: name a function of your own that reads it, which docs/usage.md shows")
    root = Path(data.root or "data/raw").expanduser()
    official = getattr(dataset, "tgz_md5", None)
    _refuse(data, "test_size", "options", "image_size", *([] if official else ["md5"]))
    folder = root / f".{dataset.__name__}.partial"
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{dataset.__name__}.lock"):
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        try:
            _fetch(dataset, data, root, folder)
            raw = _read(dataset if data.md5 in (None, official) else _other_cifar(dataset, data.md5), data, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return replace(raw, md5=data.md5 or official, official_md5=official)


def _fetch(dataset: Any, data: Data, root: Path, folder: Path) -> None:
    """Put intact copies of the raw files into a folder: of those kept below `root`, or downloaded and then kept."""
    is_one_archive = hasattr(dataset, "tgz_md5")
    for path, md5, addresses in _files(dataset, data.md5):
        if data.url:
            path_or_url = data.url.removeprefix("file://")
            url = path_or_url if "://" in path_or_url else _local_address(path_or_url)
            addresses = [url if is_one_archive and not url.endswith("/") else f"{url.rstrip('/')}/{Path(path).name}"]
        kept = [_local_address(copy) for copy in (root / path, root / md5 / path) if copy.exists()]
        failures = []
        for address in kept + addresses:
            try:
                found = _copy(address, folder / path)
            except (OSError, ValueError, HTTPException) as error:
                failures.append(f"{address}: {error}")
                continue
            if found == md5:
                break
            hint = f"; if it is the one you mean: data.md5={found}" if is_one_archive else ""
            failures.append(f"{address} is damaged or another version (md5 {found}, expected {md5}{hint})")
        else:
            raise DataError(
                f"{'; '.join(failures)}; put an intact copy at {root / path}, or name its place by data.url="
            )
        if not address.startswith("file:"):
            # an archive that is not the official one does not take its place
            with replacing(root / (data.md5 or "") / path) as partial:
                shutil.copyfile(folder / path, partial)


def _files(dataset: Any, md5: str | None) -> list[tuple[str, str, list[str]]]:
    """Return the path below a root, the MD5 and the official addresses of each raw file."""
    if hasattr(dataset, "tgz_md5"):
        return [(dataset.filename, md5 or dataset.tgz_md5, [dataset.url])]
    if hasattr(dataset, "split_list"):
        return [(name, checksum, [url]) for url, name, checksum in map(dataset.split_list.get, ("train", "test"))]
    # torchvision names folders after the class
    folder, mirrors = f"{dataset.__name__}/raw", dataset.mirrors
    return [(f"{folder}/{name}", checksum, [url + name for url in mirrors]) for name, checksum in dataset.resources]


def _local_address(path: str | Path) -> str:
    """Return a path as a file:// URI, which of a folder ends with a slash."""
    path = Path(path).expanduser().resolve()
    return path.as_uri() + ("/" if path.is_dir() else "")


def _copy(address: str, target: Path) -> str:
    """Copy what an address holds to a file and return its MD5; torchvision cannot copy from file:// URIs."""
    if not address.startswith("file:"):
        notice(f"downloading {address}")
    target.parent.mkdir(parents=True, exist_ok=True)
    request = Request(address, headers={"User-Agent": "whyrelu"})
    with urlopen(request, timeout=TIMEOUT) as response, target.open("wb") as file:
        shutil.copyfileobj(response, file)
    return hashlib.md5(target.read_bytes()).hexdigest()


def _other_cifar(dataset: Any, md5: str) -> Any:
    """Return a class that takes an archive with this MD5, also one whose names were written as bytes by Python 3."""

    def download(self: Any) -> None:
        dataset.download(self)
        for name in [*(name for name, _ in self.train_list + self.test_list), self.meta["filename"]]:
            path = Path(self.root, self.base_folder, name)
            page = pickle.loads(path.read_bytes(), encoding="latin1")
            path.write_bytes(pickle.dumps({_text(key): value for key, value in page.items()}))

    lists = {key: [[name, None] for name, _ in getattr(dataset, key)] for key in ("train_list", "test_list")}
    changes = {"tgz_md5": md5, "meta": dataset.meta | {"md5": None}, "download": download, **lists}
    return type(dataset.__name__, (dataset,), changes)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _read(dataset: Any, data: Data, root: Path) -> RawData:
    """Have a class read its training and its test images."""
    key, values = ("split", ("train", "test")) if hasattr(dataset, "split_list") else ("train", (True, False))
    # what torchvision's classes extract archives with: nothing gets outside their folder
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    try:
        train, test = (dataset(root=str(root), download=True, **{key: value}) for value in values)
        (images, labels), (test_images, test_labels) = _arrays(train), _arrays(test)
    except Exception as error:  # what damaged files and wrong arguments raise is up to each class
        raise DataError(f"data._target_={data._target_} cannot be read: {one_line(error)}") from error
    classes = getattr(train, "classes", None) or range(10)  # SVHN names none
    return RawData(images, labels, tuple(map(_text, classes)), test_images, test_labels)


def _arrays(part: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    images = np.asarray(part.data)
    if images.ndim == 3:
        images = images[..., None]
    elif images.shape[-1] not in (1, 3):  # channels first
        images = images.transpose(0, 2, 3, 1)
    return images, np.asarray(part.targets if hasattr(part, "targets") else part.labels)


def _refuse(data: Data, *keys: str) -> None:
    """A setting that would have no effect is a mistake."""
    for key in keys:
        if getattr(data, key):
            raise DataError(f"data.{key}={getattr(data, key)}: {data._target_} has no use for it; leave it out")
