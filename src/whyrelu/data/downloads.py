"""Raw files: found where they are kept, in a local copy, or on the network; always checked."""

from __future__ import annotations

import http.client
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from whyrelu.errors import DataError

# Seconds without a byte after which an address counts as unreachable.
TIMEOUT = 30.0


@dataclass(frozen=True)
class RawFile:
    """A file that a data set is read from.

    Attributes:
        path: where it is kept below data.root, in torchvision's layout.
        addresses: where it is downloaded from; the first that works.
        md5: its checksum.
        alone: whether the whole set is this one file, so that data.url and data.md5 mean the file itself.
        official: whether the checksum is that of the publisher. Other downloads are kept in a folder of their own.
    """

    path: str
    addresses: tuple[str, ...]
    md5: str
    alone: bool
    official: bool = True

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.path.rpartition("/")[2]


def obtain(file: RawFile, root: Path, url: str | None) -> Path:
    """Return the path of an intact copy: the one kept below `root`, the local one that `url` names, or a download.

    Args:
        file: which file.
        root: where raw files are kept.
        url: data.url: an http(s) address or local path (also as file:///...) that replaces the official addresses; of
            the file, or of the folder that holds it.

    Raises:
        DataError: there is no intact copy to be had. Nothing incomplete is left behind.
    """
    kept = root / file.path
    fresh = kept if file.official else root / file.md5 / file.name
    for path in (kept, fresh):
        if is_intact(path, file.md5):
            return path
    local = local_path(url) if url is not None else None
    if local is not None:
        return _check_local(file, local)
    addresses = file.addresses if url is None else (_join(url, file),)
    problems = []
    with exclusive_folder(root, file.name) as folder:
        if is_intact(fresh, file.md5):  # another process was faster
            return fresh
        for address in addresses:
            try:
                _download(address, folder / file.name)
                _check(folder / file.name, file, f"the download of {address}", accept=url is not None)
            except DataError as error:
                problems.append(str(error))
                continue
            fresh.parent.mkdir(parents=True, exist_ok=True)
            (folder / file.name).replace(fresh)
            return fresh
    if kept.is_file():
        problems.append(_difference(kept, file, str(kept), accept=True))
    example = f"/path/to/{file.name}" if file.alone else "/path/to/its/folder"
    problems.append(f"without a network put an intact copy at {kept}, or name one: data.url={example}")
    raise DataError("; ".join(problems))


def is_intact(path: Path, md5: str) -> bool:
    """Tell whether a file is there and has the checksum."""
    return path.is_file() and checksum(path) == md5


def checksum(path: Path) -> str:
    """Return the MD5 of a file as hexadecimal digits."""
    from torchvision.datasets.utils import calculate_md5

    try:
        return str(calculate_md5(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def local_path(url: str) -> Path | None:
    """Return the path that data.url names, or None if it is an address on the network."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https", "ftp"):
        return None
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise DataError(f"data.url={url}: a file address has three slashes, file:///{parts.netloc}{parts.path}")
        return Path(url2pathname(parts.path))
    if "://" in url:
        raise DataError(f"data.url={url}: must begin with https://, http:// or file:///, or be a path")
    return Path(url).expanduser()


@contextmanager
def exclusive_folder(root: Path, name: str) -> Iterator[Path]:
    """Give an empty temporary folder below `root`, one process at a time; it is removed whatever happens.

    What an earlier process left there when it was killed is removed as well.
    """
    from filelock import FileLock

    folder = root / f".{name}.partial"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{name}.lock"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise DataError(f"cannot keep raw files in {root}: {error}; data.root=... names another folder") from error


@contextmanager
def timeout() -> Iterator[None]:
    """Give up on addresses that do not answer, which torchvision's downloads would wait for."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _download(address: str, path: Path) -> None:
    from torchvision.datasets.utils import download_url

    try:
        with timeout():
            download_url(address, path.parent, path.name)
    except (OSError, RuntimeError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(f"cannot download {address}: {reason}") from error


def _check_local(file: RawFile, local: Path) -> Path:
    path = local
    if local.is_dir():
        candidates = [local / file.path, local / file.name]
        path = next((path for path in candidates if path.is_file()), local / file.name)
    elif not file.alone:
        raise DataError(f"data.url={local}: must be the folder that holds {file.name} and its companions")
    if not path.is_file():
        raise DataError(f"{path} does not exist; data.url must name {file.name} or the folder that holds it")
    _check(path, file, str(path), accept=True)
    return path


def _check(path: Path, file: RawFile, what: str, accept: bool) -> None:
    difference = _difference(path, file, what, accept)
    if difference:
        raise DataError(difference)


def _difference(path: Path, file: RawFile, what: str, accept: bool) -> str:
    """Return what is wrong with a copy, or nothing if its checksum is right."""
    found = checksum(path)
    if found == file.md5:
        return ""
    size = path.stat().st_size
    line = f"{what} is damaged, incomplete or another version: {size} bytes with md5 {found}, expected {file.md5}"
    return f"{line} (if it is the one you mean: data.md5={found})" if accept and file.alone else line


def _join(url: str, file: RawFile) -> str:
    return url if file.alone and not url.endswith("/") else f"{url.rstrip('/')}/{file.name}"
