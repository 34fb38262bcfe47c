"""Archives of others: what they hold stays in its folder, and is not much more than their size promises."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from whyrelu.errors import DataError

# Images are compressed already, and those that are not come to a tenth of their size; text comes to a twentieth.
# A bomb is a hundred to a thousand times as large inside, or holds as many files as it has bytes.
RATIO, LEAST_BYTES = 50, 256 * 2**20
LEAST_FILES, BYTES_PER_FILE = 100_000, 64


# How compressed files begin.
_OPENERS: tuple[tuple[bytes, Any], ...] = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))


class Bounded(io.RawIOBase):
    """What is read of a compressed file, up to what its size promises.

    Args:
        file: decompressed as it is read.
        path: of the compressed file.
    """

    def __init__(self, file: Any, path: Path) -> None:
        self._file = file
        self._path = path
        self._limit = most_bytes(path)
        self._given = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read as of any file.

        Raises:
            DataError: more than a file of this size should hold.
        """
        room = self._limit - self._given + 1
        # what asks for more than there is room for must not get it into memory first
        content: bytes = self._file.read(room if size is None or size < 0 else min(size, room))
        self._given += len(content)
        if self._given > self._limit:
            raise _bomb(self._path, f"more than {self._limit} bytes")
        return content

    def readable(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Close the file below too."""
        self._file.close()
        super().close()


def most_bytes(path: Path) -> int:
    """Return how many bytes a compressed file may hold."""
    return max(LEAST_BYTES, RATIO * path.stat().st_size)


def decompressed(path: Path) -> Bounded:
    """Open a file, whatever it is compressed with, for reading from its begin to its end."""
    with path.open("rb") as file:
        begin = file.read(8)
    return Bounded(next((opener for magic, opener in _OPENERS if begin.startswith(magic)), open)(path, "rb"), path)


def members(path: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the members of a tar archive, each to be read before the next, as far as they are what its size promises.

    The archive is read to its very end, where the checksum of its compression is.

    Raises:
        DataError: when a member's header says that they are more, before it is read.
    """
    size, limit = 0, most_bytes(path)
    with decompressed(path) as content:
        with tarfile.open(fileobj=content, mode="r|") as tar:
            for count, member in enumerate(tar, start=1):
                size += max(member.size, 0)
                if size > limit:
                    raise _bomb(path, f"more than {limit} bytes")
                if count > _most_files(path):
                    raise _bomb(path, f"more than {_most_files(path)} files")
                yield tar, member
        while content.read(2**20):
            pass


@contextmanager
def safe_extraction() -> Iterator[None]:
    """Have torchvision extract archives safely: nothing outside their folder, no links out of it, and no bombs."""
    from torchvision.datasets import utils

    extractors, openers = dict(utils._ARCHIVE_EXTRACTORS), dict(utils._COMPRESSED_FILE_OPENERS)
    utils._ARCHIVE_EXTRACTORS.update({".tar": _extract_tar, ".zip": _extract_zip(extractors[".zip"])})
    utils._COMPRESSED_FILE_OPENERS.update({suffix: _bounded(opener) for suffix, opener in openers.items()})
    # for classes that open archives themselves
    before = vars(tarfile.TarFile).get("extraction_filter")
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    try:
        yield
    finally:
        tarfile.TarFile.extraction_filter = before
        utils._ARCHIVE_EXTRACTORS.update(extractors)
        utils._COMPRESSED_FILE_OPENERS.update(openers)


def _extract_tar(path: str | Path, folder: str | Path, compression: str | None) -> None:
    for _ in members(Path(path)):
        pass
    with tarfile.open(path) as tar:
        tar.extractall(folder, filter="data")


def _extract_zip(extract: Any) -> Any:
    def extract_checked(path: str | Path, folder: str | Path, compression: str | None) -> None:
        archive = Path(path)
        with zipfile.ZipFile(archive) as content:
            entries = content.infolist()
        if sum(entry.file_size for entry in entries) > most_bytes(archive):
            raise _bomb(archive, f"more than {most_bytes(archive)} bytes")
        if len(entries) > _most_files(archive):
            raise _bomb(archive, f"more than {_most_files(archive)} files")
        # zipfile takes .. and roots out of names, makes no links, and reads no more than an entry says
        extract(path, folder, compression)

    return extract_checked


def _bounded(opener: Any) -> Any:
    return lambda path, mode="rb": Bounded(opener(path, mode), Path(path))


def _most_files(path: Path) -> int:
    return max(LEAST_FILES, path.stat().st_size // BYTES_PER_FILE)


def _bomb(path: Path, what: str) -> DataError:
    return DataError(f"{path} has {path.stat().st_size} bytes and holds {what}: it is a bomb, and is not unpacked")
