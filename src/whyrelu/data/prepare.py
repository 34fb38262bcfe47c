"""From the settings of a data set to its prepared arrays, made once and then only opened."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import OmegaConf

from whyrelu.config.schema import Data
from whyrelu.config.targets import locate
from whyrelu.data import arrays
from whyrelu.errors import DataError, notice, one_line

if TYPE_CHECKING:
    from whyrelu.data.raw_data import RawData

# Sets without a test split get the same one everywhere, whatever the seeds of a study are.
TEST_SEED = 0


def prepare(data: Data | Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Make <root>/<data.name>/, unless it is there and was made with the same settings from the same source.

    Any number of processes may call this at once: one prepares, the others wait for it. Nothing half-written is ever
    left in place of a set; one that is there stays until its successor is complete. A set that is damaged is named and
    made anew.

    Args:
        data: the settings, as `Data` or as a mapping with its keys.
        root: where prepared sets are kept.

    Returns:
        The facts of the set (`arrays.read_facts`). Their `source` has the reader, kind ("torchvision" or "function"),
        md5 and official_md5 (None where there is no single file), test_size, image_size, options and listing.

    Raises:
        DataError: the set cannot be made, in one line.
    """
    settings = _settings(data)
    directory = root / settings.name
    facts, _ = _current(directory, settings)
    if facts is not None:
        return facts
    from filelock import FileLock

    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{settings.name}.lock"):
            facts, damage = _current(directory, settings)
            if facts is not None:
                return facts
            if damage is not None:
                notice(f"{damage}: it is prepared again")
            return _make(directory, settings)
    except OSError as error:
        raise DataError(f"cannot prepare {directory}: {error.strerror or error}") from error


def write_note(facts: Mapping[str, Any], path: Path) -> None:
    """Write what identifies a prepared set, and nothing that differs between machines, to a small JSON file.

    Its keys are name, fingerprint, classes, shape, train, test, md5 and official_md5.

    Raises:
        DataError: the disk is full or read-only.
    """
    note = {key: facts[key] for key in ("name", "fingerprint", "classes", "shape", "train", "test")}
    note |= {key: facts["source"][key] for key in ("md5", "official_md5")}
    # a name of its own, because another process may be writing the same
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(note, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def _settings(data: Data | Mapping[str, Any]) -> Data:
    settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Data), data))
    assert isinstance(settings, Data)
    if not re.fullmatch(r"\w[\w.-]*", settings.name):
        raise DataError(f"data.name={settings.name}: becomes the name of a folder: letters, digits, _, - and . only")
    settings.md5 = None if settings.md5 is None else settings.md5.strip().lower()
    return settings


def _current(directory: Path, settings: Data) -> tuple[dict[str, Any] | None, str | None]:
    """Return the facts of the set that is there if it is the one that is wanted, and what damage it has."""
    try:
        facts = arrays.load(directory).facts
    except DataError as error:
        is_there = (directory / arrays.FACTS).exists()
        return None, str(error).partition(";")[0] if is_there else None
    source = facts["source"]
    wanted = _request(settings, source.get("kind")) | {"md5": settings.md5 or source.get("official_md5")}
    if any(source.get(key) != value for key, value in wanted.items()):
        return None, None
    return facts, None


def _request(settings: Data, kind: str) -> dict[str, Any]:
    """Return what a set is made of besides a checksum, in the form of the facts' source."""
    return {
        "reader": settings._target_,
        "kind": kind,
        "test_size": settings.test_size,
        "image_size": settings.image_size,
        "options": dict(settings.options),
        # raw files of torchvision sets have checksums
        "listing": _listing(settings.root) if kind == "function" else None,
    }


def _listing(root: str | None) -> str | None:
    """Return a hash of names, sizes and times of change of all files below a directory."""
    from whyrelu.data.sources import files

    if root is None:
        return None
    base = Path(root).expanduser()
    found = [(path.relative_to(base).as_posix(), path.stat()) for path in sorted(files(base))]
    lines = json.dumps([(name, status.st_size, status.st_mtime_ns) for name, status in found])
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _make(directory: Path, settings: Data) -> dict[str, Any]:
    arrays.refuse_foreign(directory)
    for leftover in directory.parent.glob(f"{arrays.workshop_prefix(directory)}*"):
        shutil.rmtree(leftover, ignore_errors=True)  # of a process that was killed; this one holds the lock
    reader = _reader(settings._target_)
    request = _request(settings, "torchvision" if isinstance(reader, type) else "function")
    try:
        raw = _checked(_resized(_read(reader, settings), settings), settings)
    except DataError as error:
        raise DataError(f"{error}{_alternative(directory, settings)}") from error
    assert raw.test_images is not None and raw.test_labels is not None  # _checked has seen to it
    return arrays.write(
        directory,
        train_images=raw.train_images,
        train_labels=raw.train_labels.astype(np.int64),
        test_images=raw.test_images,
        test_labels=raw.test_labels.astype(np.int64),
        classes=raw.classes,
        source=request | {"md5": raw.md5, "official_md5": raw.official_md5},
    )


def _alternative(directory: Path, settings: Data) -> str:
    """Return what to type to use the set that is there instead of the one that cannot be made."""
    try:
        source = arrays.load(directory).facts["source"]
    except DataError:
        return ""
    if source.get("md5") is None or source.get("reader") != settings._target_ or settings.md5 == source["md5"]:
        return ""
    return f"; {directory} holds the set made from md5 {source['md5']}: data.md5={source['md5']} uses it"


def _reader(target: str) -> Callable[..., Any]:
    return locate("data", target)


def _read(reader: Callable[..., Any], settings: Data) -> RawData:
    from whyrelu.data.raw_data import RawData

    if isinstance(reader, type):
        from whyrelu.data.torchvision_sets import read

        raw = read(reader, settings)
    else:
        try:
            raw = reader(settings)
        except DataError:
            raise
        except Exception as error:  # whatever a function of a person's own raises
            raise DataError(f"data._target_={settings._target_}: {one_line(error)}") from error
    if not isinstance(raw, RawData):
        raise DataError(f"data._target_={settings._target_}: must return a whyrelu.data.raw_data.RawData")
    if settings.md5 is not None and raw.md5 != settings.md5:
        raise DataError(f"data.md5={settings.md5}: {settings._target_} does not read a file with this checksum")
    return raw


def _resized(raw: RawData, settings: Data) -> RawData:
    size = settings.image_size
    if size is None or raw.train_images.shape[1:3] == (size, size):
        return raw
    if size < 1:
        raise DataError(f"data.image_size={size}: must be at least 1 pixel")
    from whyrelu.data.images import resize

    test_images = None if raw.test_images is None else resize(raw.test_images, size)
    return replace(raw, train_images=resize(raw.train_images, size), test_images=test_images)


def _checked(raw: RawData, settings: Data) -> RawData:
    """Return the set with a test split, after making sure that it is one that a network can learn from."""
    from whyrelu.data.split import stratified

    name, classes = settings._target_, len(raw.classes)
    if raw.test_images is None or raw.test_labels is None:
        if settings.test_size is None:
            raise DataError(f"data.test_size is missing: {name} has no test split; give its number of images")
        draw = np.random.RandomState(TEST_SEED)
        test, train = stratified(raw.train_labels, settings.test_size, draw, "data.test_size")
        raw = replace(
            raw,
            train_images=raw.train_images[train],
            train_labels=raw.train_labels[train],
            test_images=raw.train_images[test],
            test_labels=raw.train_labels[test],
        )
    assert raw.test_images is not None and raw.test_labels is not None
    for part, images, labels in (
        ("training", raw.train_images, raw.train_labels),
        ("test", raw.test_images, raw.test_labels),
    ):
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != raw.train_images.shape[1:]:
            found = f"{images.dtype} of shape {images.shape}"
            raise DataError(f"{name}: {part} images are {found}, not uint8 of shape (N, H, W, C)")
        if labels.shape != images.shape[:1] or len(labels) == 0:
            raise DataError(f"{name}: {len(images)} {part} images with {labels.size} labels")
        if labels.min() < 0 or labels.max() >= classes:
            found = f"labels from {labels.min()} to {labels.max()}"
            raise DataError(f"{name}: {part} {found} do not fit {classes} classes (0 to {classes - 1})")
    absent = np.setdiff1d(np.arange(classes), raw.train_labels)
    if classes < 2 or len(absent):
        what = f"class {raw.classes[absent[0]]!r} has no training image" if len(absent) else "there is only one class"
        raise DataError(f"{name}: {what}")
    return raw
