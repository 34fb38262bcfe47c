"""Any other torchvision classification set, read image by image through its own class."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyrelu.config.schema import Data
from whyrelu.data.archives import safe_extraction
from whyrelu.data.downloads import exclusive_folder, local_path, timeout
from whyrelu.data.images import stack, to_array
from whyrelu.data.raw_data import RawData
from whyrelu.errors import DataError

# The names that torchvision's classes have for the address and the checksum of their one archive,
_ARCHIVE = (
    ("url", "tgz_md5"),
    ("url", "md5"),
    ("url", "md5_checksum"),
    ("_URL", "_MD5"),
    ("_DATASET_URL", "_DATASET_MD5"),
)
# for the address of the folder that holds several files,
_FOLDER = ("download_url_prefix", "_download_url_prefix", "_BASE_URL")
# and for their parts. The first that a class admits is taken.
_TRAIN = ("train", "trainval", "train-standard", "2021_train")
_TEST = ("test", "val", "valid", "2021_valid")


def read(dataset: type, data: Data, root: Path) -> RawData:
    """Read a set whose images come as Pillow images and whose labels are whole numbers.

    Its own test split is used where it has one (the arguments `train` or `split`). data.options are passed on
    to the class. Classes without a single image (as the first of EMNIST's letters) are left out.

    Raises:
        DataError: the class cannot be used, or its files are missing or damaged and cannot be downloaded.
    """
    if dataset.__module__ == "torchvision.datasets.lsun":
        raise DataError(
            f"{data._target_} keeps its list of images as a pickle, which runs what it names: not supported"
        )
    archive = _archive(dataset)
    official = None if archive is None else getattr(dataset, archive[1], None)
    if data.test_size is not None and _division(dataset, data) is not None:
        raise DataError(f"data.test_size={data.test_size}: {data._target_} comes with its own test split; leave it out")
    mirrored = _mirrored(dataset, data)
    if data.md5 in (None, official):
        try:
            parts = _parts(mirrored, data, root, download=False)
        except DataError as missing:
            if "download" not in _parameters(dataset):
                raise DataError(f"{missing}; it cannot be downloaded: put its files below {root}") from missing
        else:
            return _convert(parts, data, official)
    with exclusive_folder(root, dataset.__name__) as folder:
        try:
            with safe_extraction(), _local_addresses(), timeout():
                parts = _parts(mirrored, data, folder, download=True)
        except DataError as error:
            if isinstance(error.__cause__, OSError | RuntimeError):
                raise DataError(f"{error}; without a network put intact files below {root}") from error
            raise
        raw = _convert(parts, data, official)
        if raw.md5 == official:
            _keep(folder, root)
    return raw


def _mirrored(dataset: type, data: Data) -> type:
    """Return the class itself, or one like it that downloads from data.url and expects data.md5."""
    changes: dict[str, Any] = {}
    archive = _archive(dataset)
    if data.url is not None:
        local = local_path(data.url)
        if local is not None and not local.exists():
            raise DataError(f"data.url={data.url} does not exist")
        address = data.url if local is None else local.resolve().as_uri()
        is_folder = address.endswith("/") if local is None else local.is_dir()
        base = f"{address.rstrip('/')}/"
        prefix = next((name for name in _FOLDER if hasattr(dataset, name)), None)
        if hasattr(dataset, "split_list"):
            parts = dataset.split_list.items()
            changes["split_list"] = {part: [f"{base}{name}", name, md5] for part, (_, name, md5) in parts}
        elif prefix is not None:
            changes[prefix] = base if getattr(dataset, prefix).endswith("/") else base.rstrip("/")
        elif archive is not None:
            name = getattr(dataset, archive[0]).rpartition("/")[2]
            changes[archive[0]] = base + name if is_folder else address
        else:
            raise DataError(
                f"data.url={data.url}: {data._target_} takes no other address; put its files below data.root"
            )
    if data.md5 is not None:
        if archive is None or not hasattr(dataset, archive[1]):
            raise DataError(f"data.md5={data.md5}: {data._target_} has checksums of its own; leave it out")
        changes[archive[1]] = data.md5
        for files in ("train_list", "test_list"):  # checksums of what is in the official archive
            if hasattr(dataset, files):
                changes[files] = [[name, None] for name, _ in getattr(dataset, files)]
    # torchvision names folders after the class
    return type(dataset.__name__, (dataset,), changes) if changes else dataset


def _archive(dataset: type) -> tuple[str, str] | None:
    """Return the names of the attributes for address and checksum; that of the checksum may be missing."""
    pairs = [pair for pair in _ARCHIVE if hasattr(dataset, pair[0])]
    return next((pair for pair in pairs if hasattr(dataset, pair[1])), pairs[0] if pairs else None)


def _parts(dataset: type, data: Data, root: Path, download: bool) -> list[Any]:
    """Return the training and test set, or a list with the only one."""
    arguments = {"root": str(root), "download": download}
    common = {name: value for name, value in arguments.items() if name in _parameters(dataset)} | dict(data.options)
    division = _division(dataset, data)
    if division is None:
        return [_part(dataset, data, common)]
    if division == "train":
        return [_part(dataset, data, common | {"train": train}) for train in (True, False)]
    return [_first(dataset, data, common, division, names) for names in (_TRAIN, _TEST)]


def _division(dataset: type, data: Data) -> str | None:
    """Return the argument that tells the training from the test images, None if the class has none."""
    free = _parameters(dataset) - set(data.options)
    return next((name for name in ("train", "split", "version") if name in free), None)


def _first(dataset: type, data: Data, arguments: dict[str, Any], key: str, names: tuple[str, ...]) -> Any:
    problems = []
    for name in names:
        try:
            return _part(dataset, data, arguments | {key: name})
        except DataError as error:
            if not isinstance(error.__cause__, ValueError):
                raise
            problems.append(error)
    raise problems[0]


def _part(dataset: Any, data: Data, arguments: dict[str, Any]) -> Any:
    try:
        return dataset(**arguments)
    # what damaged files and wrong arguments raise is up to each class
    except Exception as error:
        reason = " ".join(str(getattr(error, "reason", None) or error).split())
        hint = "; arguments are given as +data.options.name=value" if isinstance(error, TypeError) else ""
        raise DataError(f"{data._target_}: {reason or type(error).__name__}{hint}") from error


def _parameters(dataset: type) -> set[str]:
    """Return the names of the arguments of a class, those that it passes on to its parents included."""
    names: set[str] = set()
    for parent in dataset.__mro__:
        if "__init__" in vars(parent) and parent is not object:
            parameters = inspect.signature(vars(parent)["__init__"]).parameters.values()
            names |= {parameter.name for parameter in parameters}
            if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
                break
    return names - {"self"}


def _convert(parts: list[Any], data: Data, official: str | None) -> RawData:
    images, labels = zip(*(_images(part, data) for part in parts), strict=True)
    present, values = np.unique(np.concatenate(labels), return_inverse=True)
    names = getattr(parts[0], "classes", None)
    if present[0] < 0 or (names is not None and present[-1] >= len(names)):
        found = f"labels from {present[0]} to {present[-1]}"
        raise DataError(f"{data._target_}: {found} do not fit its {len(names or ())} classes")
    classes = tuple(str(label) if names is None else _class_name(names[label]) for label in present)
    count = len(labels[0])
    md5 = data.md5 or official
    if len(parts) == 1:
        return RawData(images[0], values, classes, md5=md5, official_md5=official)
    return RawData(images[0], values[:count], classes, images[1], values[count:], md5, official)


def _images(part: Any, data: Data) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    arrays, labels = [], []
    for index in range(len(part)):
        try:
            image, label = part[index]
            arrays.append(to_array(image, data.image_size))
            labels.append(int(label))
        # a damaged image, or a set whose items are not an image and a class
        except Exception as error:
            raise DataError(f"{data._target_}: item {index} is not an image with a class: {error}") from error
    if not arrays:
        raise DataError(f"{data._target_} has no images")
    names = (f"{data._target_}: image {index}" for index in range(len(arrays)))
    return stack(arrays, names), np.array(labels, dtype=np.int64)


def _class_name(name: Any) -> str:
    """Return the first name where a class has several, as ImageNet's have."""
    return str(name[0]) if isinstance(name, tuple | list) else str(name)


@contextmanager
def _local_addresses() -> Iterator[None]:
    """Let torchvision download from file:/// addresses, whose answers lack the length that its progress needs."""
    from torchvision.datasets import utils

    retrieve = utils._urlretrieve

    def retrieve_or_copy(url: str, filename: Any, *arguments: Any) -> None:
        path = local_path(url)
        if path is None:
            retrieve(url, filename, *arguments)
        else:
            shutil.copyfile(path, filename)

    utils._urlretrieve = retrieve_or_copy
    try:
        yield
    finally:
        utils._urlretrieve = retrieve


def _keep(folder: Path, root: Path) -> None:
    """Move the complete files of a download to where raw files are kept."""
    for entry in folder.iterdir():
        target = root / entry.name
        if target.is_dir() and entry.is_dir():
            _keep(entry, target)
        else:
            entry.replace(target)
