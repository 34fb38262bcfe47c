"""Attacks through archives and images: paths and links out of their folder, devices, and bombs."""

import gzip
import io
import tarfile
import zipfile
import zlib

import pytest
from PIL import Image
from torchvision import datasets
from torchvision.datasets.utils import extract_archive

from raw_files import cifar_archive, cifar_settings, md5, mnist_files
from whyrelu.config.schema import Data
from whyrelu.data import archives
from whyrelu.data.archives import safe_extraction
from whyrelu.data.images import read_image
from whyrelu.data.torchvision_sets import read
from whyrelu.errors import DataError


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / "owned"
    yield path
    assert not path.exists()


def member(name, **changes):
    info = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(info, key, value)
    return info


OUT = {
    "a path upwards": [member("../owned")],
    "an absolute path": [member("{marker}")],
    "a symbolic link out": [member("link", type=tarfile.SYMTYPE, linkname="..")],
    "a file through a link": [member("link", type=tarfile.SYMTYPE, linkname=".."), member("link/owned")],
    "an absolute link": [member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
    "a hard link out": [member("link", type=tarfile.LNKTYPE, linkname="../secret")],
    "a device": [member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a pipe": [member("pipe", type=tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("compression", ["", ".gz"])
@pytest.mark.parametrize("infos", OUT.values(), ids=OUT)
def test_a_tar_cannot_write_outside_its_folder(tmp_path, marker, infos, compression):
    (tmp_path / "secret").write_text("secret")
    archive, folder = tmp_path / f"evil.tar{compression}", tmp_path / "folder"
    with tarfile.open(archive, f"w:{compression[1:]}") as evil:
        for info in infos:
            info.name = info.name.format(marker=marker)
            evil.addfile(info, io.BytesIO())
    folder.mkdir()
    # an absolute name loses its root and stays inside; the others are refused
    try:
        with safe_extraction():
            extract_archive(str(archive), str(folder))
    except tarfile.FilterError:
        pass
    else:
        assert infos is OUT["an absolute path"]
    assert not any(path.is_symlink() or path.is_fifo() or path.is_char_device() for path in folder.rglob("*"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([archive.name, "folder", "secret"])


@pytest.mark.parametrize("name", ["../owned", "/{marker}", "a/../../owned", "..\\owned"])
def test_a_zip_cannot_write_outside_its_folder(tmp_path, marker, name):
    folder = tmp_path / "folder"
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as evil:
        evil.writestr(name.format(marker=marker), "x")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        evil.writestr(link, "..")
    with safe_extraction():
        extract_archive(str(tmp_path / "evil.zip"), str(folder))
    assert not (folder / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.zip", "folder"]


class Zeros(io.RawIOBase):
    def readable(self):
        return True

    def readinto(self, buffer):
        buffer[:] = bytes(len(buffer))
        return len(buffer)


@pytest.fixture
def small_limit(monkeypatch):
    """Bombs of tens of megabytes, which a test can make in a moment, in place of gigabytes."""
    monkeypatch.setattr(archives, "LEAST_BYTES", 2**20)
    monkeypatch.setattr(archives, "LEAST_FILES", 1000)


def bombs(folder):
    """Small files that hold 32 MB, or 3000 files."""
    size = 2**25
    with tarfile.open(folder / "one.tar.gz", "w:gz") as bomb:
        bomb.addfile(member("zeros", size=size), Zeros())
    with tarfile.open(folder / "header.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as bomb:
        bomb.addfile(member("a", pax_headers={"comment": "0" * size}))
    with tarfile.open(folder / "many.tar.gz", "w:gz") as bomb:
        for i in range(3000):
            bomb.addfile(member(f"{i}"))
    with zipfile.ZipFile(folder / "one.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(size))
    with gzip.open(folder / "plain.gz", "wb") as bomb:
        bomb.write(bytes(size))
    return ["one.tar.gz", "header.tar.gz", "many.tar.gz", "one.zip", "plain.gz"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, small_limit):
    for name in bombs(tmp_path):
        folder = tmp_path / f"{name}.folder"
        folder.mkdir()
        with safe_extraction(), pytest.raises(DataError, match=r"holds more than \d+ (bytes|files): it is a bomb"):
            extract_archive(str(tmp_path / name), str(folder))
        assert sum(path.stat().st_size for path in folder.rglob("*")) <= 2**20


def test_a_gigabyte_in_a_megabyte_is_refused_with_the_real_limits(tmp_path):
    # the header says how much there is; nobody needs to write it
    with gzip.open(tmp_path / "bomb.tar.gz", "wb") as bomb:
        bomb.write(member("zeros", size=2**40).tobuf())
    with pytest.raises(DataError, match="it is a bomb"):
        list(archives.members(tmp_path / "bomb.tar.gz"))


def test_bombs_among_the_official_layouts_are_refused(tmp_path, small_limit):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as bomb:
        bomb.addfile(member("cifar-10-batches-py/data_batch_1", size=2**25), Zeros())
    with pytest.raises(DataError, match="it is a bomb"):
        read(datasets.CIFAR10, cifar_settings(tmp_path / "raw", tmp_path / "cifar-10-python.tar.gz"))
    mirror = tmp_path / "mnist"
    mnist_files(mirror)
    name = "train-images-idx3-ubyte.gz"
    with gzip.open(mirror / name, "wb") as bomb:
        bomb.write(bytes(2**25))
    resources = [(n, md5(mirror / n)) for n, _ in datasets.MNIST.resources]
    mnist = type("MNIST", (datasets.MNIST,), {"resources": resources})
    with pytest.raises(DataError, match="it is a bomb"):
        read(mnist, Data("mnist", "torchvision.datasets.MNIST", str(tmp_path), str(mirror), validation_size=5))


def test_archives_as_they_should_be_are_read(tmp_path):
    archive, _, _ = cifar_archive(tmp_path)
    assert len(read(datasets.CIFAR10, cifar_settings(tmp_path / "raw", archive)).train_images) == 30


def test_an_image_that_unfolds_to_gigabytes_is_refused(tmp_path):
    page = io.BytesIO()
    Image.new("1", (1, 1)).save(page, "PNG")
    content = page.getvalue()
    width = content.index(b"IHDR") + 4
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + content[width + 8 : width + 13]
    (tmp_path / "bomb.png").write_bytes(
        content[: width - 4] + header + zlib.crc32(header).to_bytes(4, "big") + content[width + 17 :]
    )
    with pytest.raises(DataError, match="decompression bomb"):
        read_image(tmp_path / "bomb.png", 32)
