"""A prepared data set: four arrays and a page of facts in one folder, memory-mapped when it is read."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyrelu.errors import DataError, one_line
from whyrelu.files import write_json

FACTS = "facts.json"
FILES = {name: f"{name}.npy" for name in ("train_images", "train_labels", "test_images", "test_labels")}
# Sets that this process has read from end to end, with the states of their files.
_intact: set[tuple[Any, ...]] = set()


@dataclass(frozen=True)
class Arrays:
    """A data set as it lies on disk: images (N, H, W, C), labels (N,), which are positions in `classes`, and facts."""

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    fingerprint: str
    facts: dict[str, Any]


def read_facts(directory: Path) -> dict[str, Any] | None:
    """Return what `write` wrote about a set, None if there is none; a DataError if it cannot be read."""
    try:
        facts: dict[str, Any] = json.loads((directory / FACTS).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _damaged(directory, error) from error
    return facts


def load(directory: Path) -> Arrays:
    """Open a prepared set, memory-mapped; a DataError if it is not there, or not what was written.

    A process reads a set from end to end once, and again when a file has changed.
    """
    facts = read_facts(directory)
    if facts is None:
        raise DataError(f"{directory} is not prepared: run python src/prepare.py data={directory.name}")
    try:
        classes, expected = tuple(facts["classes"]), facts["fingerprint"]
        stats = [(directory / file).stat() for file in FILES.values()]
        # the same memory without numpy's memmap class, which slows every later operation
        arrays = {name: np.load(directory / FILES[name], mmap_mode="c").view(np.ndarray) for name in FILES}
        # the numbers of the files tell the folder
        seen = expected, classes, *((stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns) for stat in stats)
        if seen not in _intact and fingerprint(arrays, classes) != expected:
            raise DataError("its images, labels or classes are not those that were written")
        _intact.add(seen)
    except Exception as error:  # whatever a damaged header makes numpy's parser raise
        raise _damaged(directory, error) from error
    return Arrays(**arrays, classes=classes, fingerprint=expected, facts=facts)


def _damaged(directory: Path, error: Exception) -> DataError:
    mends = f"python src/prepare.py data={directory.name} mends it"
    return DataError(f"{directory} is damaged ({one_line(error)}); {mends}")


def fingerprint(arrays: Mapping[str, npt.NDArray[Any]], classes: tuple[str, ...]) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of the classes and of C-contiguous arrays, their shapes and types."""
    digest = hashlib.sha256(json.dumps(classes).encode())
    for name in FILES:
        array = arrays[name]
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]


def write(
    directory: Path, *, classes: tuple[str, ...], source: Mapping[str, Any], **arrays: npt.NDArray[Any]
) -> dict[str, Any]:
    """Write a set, as a whole or not at all, in place of the one that is there, and return its facts.

    Only one process may do this at a time. The facts keep `source`, which says where the images came from. Anything
    else at the place of the folder is a DataError; a disk that is full or read-only an OSError.
    """
    found = {path.name for path in directory.iterdir()} if directory.is_dir() else {directory.name}
    if directory.exists() and (foreign := found - {FACTS, *FILES.values()}):
        raise DataError(
            f"{directory} is not a prepared data set ({min(foreign)} does not belong to one) and is not overwritten: "
            "give another data.name or prepared_root"
        )
    arrays = {name: np.ascontiguousarray(arrays[name], np.int64 if "labels" in name else None) for name in FILES}
    facts = {
        "name": directory.name,
        "fingerprint": fingerprint(arrays, classes),
        "classes": list(classes),
        "shape": list(arrays["train_images"].shape[1:]),
        "train": len(arrays["train_labels"]),
        "test": len(arrays["test_labels"]),
        "source": dict(source),
    }
    new = directory.with_name(f".{directory.name}.new")
    shutil.rmtree(new, ignore_errors=True)  # of a process that was killed
    try:
        new.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(new / FILES[name], array)
        write_json(facts, new / FACTS)
        if directory.exists():
            shutil.rmtree(directory)
        new.rename(directory)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return facts
