"""From the settings of a data set to its prepared arrays, made once and then only opened."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyrelu.config.schema import Data
from whyrelu.config.targets import locate, own_code_version
from whyrelu.data import arrays
from whyrelu.data.sources import RawData, files, torchvision_set
from whyrelu.data.split import stratified
from whyrelu.errors import DataError, UserError, notice, one_line
from whyrelu.files import write_json

# Sets without a test split get the same one everywhere, whatever the seeds of a study are.
TEST_SEED = 0


def prepare(data: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Make <root>/<data.name>/, unless it is there from the same settings and source, and return its facts.

    Any number of processes may call this at once: one prepares, the others wait. A damaged set is named and made anew.
    """
    settings = Data(**data)
    settings.md5 = None if settings.md5 is None else settings.md5.strip().lower()
    directory = root / settings.name
    with suppress(DataError):  # told below
        if (facts := _current(directory, settings)) is not None:
            return facts
    from filelock import FileLock

    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{settings.name}.lock"):
            try:
                facts = _current(directory, settings)
            except DataError as damage:
                facts = None
                notice(f"{str(damage).partition('; ')[0]}: it is prepared again")
            return _make(directory, settings) if facts is None else facts
    except OSError as error:
        # numpy does not say why a disk takes no more
        reason = str(error) if error.errno else f"the disk is full ({error})"
        raise DataError(f"cannot prepare {directory}: {reason}") from error


def write_note(facts: Mapping[str, Any], path: Path) -> None:
    """Write what identifies a prepared set, and nothing that differs between machines, to a small JSON file."""
    note = {key: facts[key] for key in ("name", "fingerprint", "classes", "shape", "train", "test")}
    write_json(note | {key: facts["source"][key] for key in ("md5", "official_md5")}, path)


def _current(directory: Path, settings: Data) -> dict[str, Any] | None:
    """Return the facts of the set that is there if it is the one that is wanted."""
    if arrays.read_facts(directory) is None:
        return None
    facts = arrays.load(directory).facts
    source = facts["source"]
    wanted = _request(settings, source.get("kind")) | {"md5": settings.md5 or source.get("official_md5")}
    return facts if all(source.get(key) == value for key, value in wanted.items()) else None


def _request(settings: Data, kind: str) -> dict[str, Any]:
    """Return what a set is made of besides a checksum."""
    listing = None
    if kind == "function" and settings.root is not None:  # raw files of torchvision sets have checksums
        base = Path(settings.root).expanduser()
        found = [(name, os.stat(f"{base}/{name}")) for name in files(base)]
        lines = json.dumps([(name, status.st_size, status.st_mtime_ns) for name, status in found])
        listing = hashlib.sha256(lines.encode()).hexdigest()[:16]
    return {
        "reader": settings._target_,
        "code": own_code_version(settings._target_),
        "kind": kind,
        "test_size": settings.test_size,
        "image_size": settings.image_size,
        "options": dict(settings.options),
        "listing": listing,
    }


def _make(directory: Path, settings: Data) -> dict[str, Any]:
    target = settings._target_
    reader = locate("data", target)
    kind = "torchvision" if isinstance(reader, type) else "function"
    request = _request(settings, kind)
    try:
        raw = torchvision_set(reader, settings) if kind == "torchvision" else reader(settings)
    except (UserError, OSError):
        raise
    except Exception as error:  # whatever a function of a person's own raises
        raise DataError(f"data._target_={target}: {one_line(error)}") from error
    if not isinstance(raw, RawData):
        raise DataError(f"data._target_={target}: must return a whyrelu.data.sources.RawData")
    if settings.md5 not in (None, raw.md5):
        raise DataError(f"data.md5={settings.md5}: {target} does not read a file with this checksum")
    if raw.test_images is None:
        raw = _with_test_split(raw, settings)
    for part in ("train", "test"):
        _check(f"{target}: {part}", getattr(raw, f"{part}_images"), getattr(raw, f"{part}_labels"), raw)
    absent = np.setdiff1d(np.arange(len(raw.classes)), raw.train_labels)
    if len(raw.classes) < 2 or len(absent):
        what = f"class {raw.classes[absent[0]]!r} has no training image" if len(absent) else "there is only one class"
        raise DataError(f"{target}: {what}")
    source = request | {"md5": raw.md5, "official_md5": raw.official_md5}
    found = {name: getattr(raw, name) for name in arrays.FILES}
    return arrays.write(directory, classes=raw.classes, source=source, **found)


def _with_test_split(raw: RawData, settings: Data) -> RawData:
    if settings.test_size is None:
        raise DataError(f"data.test_size is missing: {settings._target_} has no test split; give its number of images")
    draw = np.random.RandomState(TEST_SEED)
    test, train = stratified(raw.train_labels, settings.test_size, draw, "data.test_size")
    images, labels = raw.train_images, raw.train_labels
    return dataclasses.replace(
        raw, train_images=images[train], train_labels=labels[train], test_images=images[test], test_labels=labels[test]
    )


def _check(what: str, images: npt.NDArray[Any], labels: npt.NDArray[Any], raw: RawData) -> None:
    """Make sure that images and labels of a part are what a network can learn from."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != raw.train_images.shape[1:]:
        raise DataError(f"{what} images are {images.dtype} of shape {images.shape}, not uint8 of shape (N, H, W, C)")
    if labels.shape != images.shape[:1] or len(labels) == 0:
        raise DataError(f"{what}: {len(images)} images with {labels.size} labels")
    if labels.min() < 0 or labels.max() >= len(raw.classes):
        found = f"labels from {labels.min()} to {labels.max()}"
        raise DataError(f"{what}: {found} do not fit {len(raw.classes)} classes (0 to {len(raw.classes) - 1})")
