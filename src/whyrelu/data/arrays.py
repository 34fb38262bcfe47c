"""A prepared data set: four arrays and a page of facts in one folder, memory-mapped when it is read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyrelu.errors import DataError, one_line

FACTS = "facts.json"
DTYPES = {"train_images": "uint8", "train_labels": "int64", "test_images": "uint8", "test_labels": "int64"}
FILES = {name: f"{name}.npy" for name in DTYPES}
# Raised when the files of a prepared set change their form; older sets are then prepared anew.
FORMAT = 1
# Of the facts themselves, which sets that were prepared before it was written do not have.
_CHECKSUM = "checksum"
_KEYS = frozenset({"name", "fingerprint", "classes", "shape", "train", "test", "source", "files"})
# Sets that this process has read from end to end, with the states of their files.
_intact: set[tuple[Any, ...]] = set()


@dataclass(frozen=True)
class Arrays:
    """A data set as it lies on disk.

    Attributes:
        train_images: (N, H, W, C) uint8; the validation images are among them.
        train_labels: (N,) int64, positions in `classes`.
        test_images: (M, H, W, C) uint8.
        test_labels: (M,) int64.
        classes: the names of the classes.
        fingerprint: hash of all of the above.
        facts: what `read_facts` returns.
    """

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    fingerprint: str
    facts: dict[str, Any]


def read_facts(directory: Path) -> dict[str, Any] | None:
    """Return what is known of a prepared set without opening its arrays, or None if there is none.

    The facts are: format, name, fingerprint, classes, shape ([H, W, C]), train and test (numbers of images), source
    (where the images came from, see `whyrelu.data.prepare`), files (bytes of every array file) and checksum.

    Raises:
        DataError: the facts cannot be read.
    """
    try:
        facts = json.loads((directory / FACTS).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _damaged(directory, f"{FACTS} cannot be read ({error})") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise _damaged(directory, f"{FACTS} is not of format {FORMAT}")
    if not facts.keys() >= _KEYS or facts.get(_CHECKSUM, _checksum(facts)) != _checksum(facts):
        raise _damaged(directory, f"{FACTS} is not what was written")
    return facts


def _checksum(facts: Mapping[str, Any]) -> str:
    said = {key: value for key, value in facts.items() if key != _CHECKSUM}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def load(directory: Path) -> Arrays:
    """Open a prepared set, memory-mapped; changes to it stay in memory.

    A process reads it from end to end the first time, a second for a gigabyte, and again when a file has changed.

    Raises:
        DataError: it is not prepared, or not what was written.
    """
    facts = read_facts(directory)
    if facts is None:
        raise DataError(f"{directory} is not prepared: run python src/prepare.py data={directory.name}")
    arrays = {name: _open(directory, name, facts) for name in FILES}
    classes = tuple(facts["classes"])
    seen = directory.resolve(), facts["fingerprint"], classes, *(_state(directory / file) for file in FILES.values())
    if seen not in _intact:
        if fingerprint(arrays, classes) != facts["fingerprint"]:
            raise _damaged(directory, "its images, labels or classes are not those that were written")
        _intact.add(seen)
    return Arrays(**arrays, classes=classes, fingerprint=facts["fingerprint"], facts=facts)


def _state(path: Path) -> tuple[int, int, int, int]:
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def fingerprint(arrays: Mapping[str, npt.NDArray[Any]], classes: tuple[str, ...]) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of the classes and of the arrays, their names, shapes and types.

    Args:
        arrays: C-contiguous arrays by the names of `FILES`.
        classes: names of the classes.
    """
    digest = hashlib.sha256(json.dumps(classes).encode())
    for name in FILES:
        array = arrays[name]
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]


def write(
    directory: Path,
    *,
    train_images: npt.NDArray[np.uint8],
    train_labels: npt.NDArray[np.int64],
    test_images: npt.NDArray[np.uint8],
    test_labels: npt.NDArray[np.int64],
    classes: tuple[str, ...],
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """Write a set, as a whole or not at all, in place of the one that is there.

    Args:
        directory: the folder to make; its name is the name of the set.
        train_images: (N, H, W, C).
        train_labels: (N,).
        test_images: (M, H, W, C).
        test_labels: (M,).
        classes: names of the classes.
        source: where the images came from; kept in the facts.

    Returns:
        The facts, as `read_facts` will return them.

    Raises:
        DataError: the folder exists and is not a prepared set.
        ValueError: an array of another type.
    """
    given: dict[str, npt.NDArray[Any]] = {
        "train_images": np.ascontiguousarray(train_images),
        "train_labels": np.ascontiguousarray(train_labels),
        "test_images": np.ascontiguousarray(test_images),
        "test_labels": np.ascontiguousarray(test_labels),
    }
    for name, array in given.items():
        if array.dtype != DTYPES[name]:
            raise ValueError(f"{name} must be {DTYPES[name]}, not {array.dtype}")
    refuse_foreign(directory)
    with replacing(directory) as new:
        for name, array in given.items():
            with (new / FILES[name]).open("wb") as file:
                # as np.save does it, which does not say why a disk takes no more
                np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
                file.write(array.data)
                _flush(file)
        facts: dict[str, Any] = {
            "format": FORMAT,
            "name": directory.name,
            "fingerprint": fingerprint(given, classes),
            "classes": list(classes),
            "shape": list(train_images.shape[1:]),
            "train": len(train_labels),
            "test": len(test_labels),
            "source": dict(source),
            "files": {file: (new / file).stat().st_size for file in FILES.values()},
        }
        # as they will be read
        facts = json.loads(json.dumps(facts))
        facts[_CHECKSUM] = _checksum(facts)
        with (new / FACTS).open("w", encoding="utf-8") as page:
            json.dump(facts, page, indent=2, ensure_ascii=False)
            _flush(page)
    return facts


@contextmanager
def replacing(directory: Path) -> Iterator[Path]:
    """Give a new folder to fill, which takes the place of `directory` when it is complete and vanishes otherwise."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f"{workshop_prefix(directory)}"))
    old = workshop / "old"
    try:
        new = workshop / "new"
        new.mkdir()
        yield new
        _flush_folder(new)
        try:
            with suppress(FileNotFoundError):
                directory.rename(old)
            new.rename(directory)
        except BaseException:
            if old.exists() and not directory.exists():
                old.rename(directory)
            raise
        _flush_folder(directory.parent)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def workshop_prefix(directory: Path) -> str:
    """Return how the names of the temporary folders beside `directory` begin."""
    return f".{directory.name}.new-"


def _open(directory: Path, name: str, facts: Mapping[str, Any]) -> npt.NDArray[Any]:
    path = directory / FILES[name]
    try:
        size, expected = path.stat().st_size, facts["files"][path.name]
        if size != expected:
            raise _damaged(directory, f"{path.name} has {size} bytes instead of {expected}")
        array: npt.NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
        count = facts[name.partition("_")[0]]
        shape = (count, *facts["shape"]) if name.endswith("images") else (count,)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise _damaged(directory, f"{path.name} is missing") from error
    except Exception as error:  # whatever a damaged header makes numpy's parser raise
        raise _damaged(directory, f"{path.name} cannot be read ({one_line(error)})") from error
    if array.shape != shape or array.dtype != DTYPES[name] or not array.flags.c_contiguous:
        found = f"{array.dtype} of shape {array.shape}"
        raise _damaged(directory, f"{path.name} holds {found} instead of {DTYPES[name]} of shape {shape}")
    # the same memory without numpy's memmap class, which slows every later operation
    return array.view(np.ndarray)


def _damaged(directory: Path, what: str) -> DataError:
    return DataError(f"{directory} is damaged: {what}; python src/prepare.py data={directory.name} mends it")


def refuse_foreign(directory: Path) -> None:
    """A person's own folder of the same name is not overwritten."""
    if not directory.exists():
        return
    ours = {FACTS, *FILES.values()}
    found = [path.name for path in directory.iterdir()] if directory.is_dir() else [directory.name]
    foreign = sorted(set(found) - ours)
    if foreign:
        raise DataError(
            f"{directory} is not a prepared data set ({foreign[0]} does not belong to one) and is not overwritten: "
            "give another data.name or prepared_root"
        )


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(directory: Path) -> None:
    """Make the names in a folder durable, where the system can (Windows cannot)."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
