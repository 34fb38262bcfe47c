"""CIFAR-10 and CIFAR-100 in their "python version": pickles in an archive, read without running what they contain."""

from __future__ import annotations

import io
import lzma
import pickle
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyrelu.data.archives import members
from whyrelu.data.downloads import RawFile, checksum, obtain
from whyrelu.data.raw_data import RawData
from whyrelu.errors import DataError

# All that a pickle of lists, strings, numbers and arrays needs. Old archives name NumPy's modules as they were then.
_ADMITTED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
}


class ArrayUnpickler(pickle.Unpickler):
    """Reads pickles of plain values and arrays, and refuses those that name anything else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few functions that arrays are put together with.

        Raises:
            pickle.UnpicklingError: for any other name.
        """
        module = module.replace("numpy.core.", "numpy._core.")
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which image data do not need")
        # the other codecs compress, or are modules to import
        return _latin1 if name == "encode" else super().find_class(module, name)


def _latin1(text: str, codec: str) -> bytes:
    """What `_codecs.encode` does for bytes in pickles of protocol 2."""
    if codec not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it asks for the codec {codec}, which image data do not need")
    return text.encode(codec)


def read(cifar: Any, root: Path, url: str | None, md5: str | None) -> RawData:
    """Read torchvision.datasets.CIFAR10, CIFAR100 or a class derived from them.

    Args:
        cifar: the class, whose attributes describe the archive.
        root: where raw files are kept.
        url: data.url.
        md5: data.md5, the checksum of another archive in the same layout; None for the official one.

    Raises:
        DataError: there is no intact archive, or it does not hold what it should.
    """
    train = [name for name, _ in cifar.train_list]
    test = [name for name, _ in cifar.test_list]
    names = [*train, *test, cifar.meta["filename"]]
    wanted = md5 or cifar.tgz_md5
    folder = root / cifar.base_folder
    if wanted == cifar.tgz_md5 and _is_intact(cifar, folder):
        where, pages = folder, {name: (folder / name).read_bytes() for name in names}
    else:
        official = wanted == cifar.tgz_md5
        where = obtain(RawFile(cifar.filename, (cifar.url,), wanted, alone=True, official=official), root, url)
        pages = _members(where, cifar.base_folder, names)
    classes = _classes(_unpickle(pages[cifar.meta["filename"]], where), cifar.meta["key"], where)
    train_images, train_labels = _batches((_unpickle(pages.pop(name), where) for name in train), where)
    test_images, test_labels = _batches((_unpickle(pages.pop(name), where) for name in test), where)
    return RawData(train_images, train_labels, classes, test_images, test_labels, wanted, cifar.tgz_md5)


def _is_intact(cifar: Any, folder: Path) -> bool:
    """Tell whether the extracted archive is there, file by file as torchvision checks it."""
    expected = [*cifar.train_list, *cifar.test_list, (cifar.meta["filename"], cifar.meta["md5"])]
    return all((folder / name).is_file() for name, _ in expected) and all(
        checksum(folder / name) == md5 for name, md5 in expected
    )


def _members(archive: Path, folder: str, names: Iterable[str]) -> dict[str, bytes]:
    """Return the contents of the named members. Nothing is extracted to disk, wherever a member's name may point."""
    wanted = {f"{folder}/{name}": name for name in names}
    pages = {}
    try:
        for tar, member in members(archive):
            if member.name in wanted and member.isreg():
                content = tar.extractfile(member)
                assert content is not None  # a regular file has content
                pages[wanted[member.name]] = content.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{archive} is not a complete tar archive: {error}; fetch it again") from error
    missing = sorted(set(wanted.values()) - set(pages))
    if missing:
        raise DataError(f"{archive} has no {folder}/{missing[0]}; it is not in the layout of the official archive")
    return pages


def _unpickle(page: bytes, where: Path) -> dict[str, Any]:
    try:
        content = ArrayUnpickler(io.BytesIO(page), encoding="bytes").load()
        return {key.decode() if isinstance(key, bytes) else key: value for key, value in content.items()}
    # a damaged pickle can make the machine that reads it raise anything
    except Exception as error:
        raise DataError(f"{where} holds a pickle that is not read: {error}") from error


def _batches(batches: Iterable[dict[str, Any]], where: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return images (N, 32, 32, 3) and labels (N,) of batches with data (n, 3072), channel by channel."""
    images, labels = [], []
    for batch in batches:
        data = batch.get("data")
        values = np.array(batch.get("labels", batch.get("fine_labels")))
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
            raise DataError(f"{where} holds a batch without uint8 images of 3072 values")
        if values.shape != (len(data),) or values.dtype.kind not in "iu":
            raise DataError(f"{where} holds a batch of {len(data)} images without as many whole numbers as labels")
        images.append(data)
        labels.append(values.astype(np.int64))
    return np.concatenate(images).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.concatenate(labels)


def _classes(meta: dict[str, Any], key: str, where: Path) -> tuple[str, ...]:
    names = meta.get(key)
    if not isinstance(names, list) or not names:
        raise DataError(f"{where} names no classes ({key})")
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)
