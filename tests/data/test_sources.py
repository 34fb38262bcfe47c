"""Readers: images come out as they went in, and what is wrong with raw files is said before anything is unpacked."""

import http.server
import pickle
import threading
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from raw_files import CLASSES, cifar_archive, cifar_pages, image_set, leftovers, md5, mnist_files, tar
from whyrelu.config.schema import Data
from whyrelu.data.sources import image_folder, torchvision_set
from whyrelu.errors import DataError

NOWHERE = "http://127.0.0.1:1/"


# folders of images


def read_folder(root, size=8, **changes):
    return image_folder(Data("mine", "whyrelu.data.sources.image_folder", str(root), image_size=size, **changes))


@pytest.fixture
def photos(tmp_path):
    """Class folders of plain images: cat/0.png is (0, 0, 0), cat/1.png (10, 10, 10), dog/0.png (100, ...), ..."""
    for label, name in enumerate(["cat", "dog"]):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(2):
            Image.new("RGB", (9, 9), (100 * label + 10 * index,) * 3).save(tmp_path / f"photos/{name}/{index}.png")
    return tmp_path / "photos"


def test_folders_are_classes_and_subfolders_belong_to_them(photos):
    (photos / "dog" / "more").mkdir()
    Image.new("RGB", (8, 8), (250, 0, 0)).save(photos / "dog" / "more" / "x.PNG")
    for name in ("notes.txt", ".hidden.png"):
        (photos / "dog" / name).write_text("no image")
    (photos / ".cache").mkdir()
    raw = read_folder(photos)
    assert raw.classes == ("cat", "dog")
    assert raw.train_labels.tolist() == [0, 0, 1, 1, 1]
    assert raw.train_images[:, 0, 0].tolist() == [[0] * 3, [10] * 3, [100] * 3, [110] * 3, [250, 0, 0]]


def test_images_of_any_mode_become_colour(photos):
    Image.new("L", (8, 8), 77).save(photos / "cat" / "a-grey.png")
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 9, 8, 7])
    palette.save(photos / "cat" / "b-palette.gif")
    Image.new("RGBA", (8, 8), (1, 2, 3, 100)).save(photos / "cat" / "c-rgba.png")
    colours = read_folder(photos).train_images[2:-2, 4, 4].tolist()
    assert colours == [[77] * 3, [9, 8, 7], [1, 2, 3]]
    Image.fromarray(np.full((8, 8), 0xABCD, np.uint16)).save(photos / "cat" / "16bit.png")
    with pytest.raises(DataError, match=r"16bit\.png cannot be read as an image: its pixels have more than 8 bits"):
        read_folder(photos)


def test_long_images_lose_their_ends_and_photographs_taken_sideways_are_turned(photos):
    # 40 x 120 pixels: black, a white square, black
    pixels = np.repeat(np.repeat(np.array([[0, 255, 0]], np.uint8), 40, 0), 40, 1)
    Image.fromarray(pixels).save(photos / "cat" / "wide.png")
    Image.fromarray(pixels.T).save(photos / "cat" / "high.png")
    image = Image.fromarray(np.eye(1, 8, dtype=np.uint8).repeat(8, 0).T * 255)  # white above
    exif = image.getexif()
    exif[0x0112] = 6  # the camera's upper edge is at the right
    image.save(photos / "cat" / "sideways.png", exif=exif)
    high, sideways, wide = read_folder(photos).train_images[2:5]
    assert (high > 200).all() and (wide > 200).all()
    assert (sideways[:, -1] == 255).all() and not sideways[:, 0].any()


def test_without_a_size_images_must_be_equal_squares(photos):
    assert read_folder(photos, None).train_images.shape == (4, 9, 9, 3)
    Image.new("RGB", (9, 7)).save(photos / "dog" / "odd.png")
    with pytest.raises(DataError, match=r"odd\.png is 9 x 7 pixels.*data\.image_size=32"):
        read_folder(photos, None)


@pytest.mark.parametrize("length", [0, 20, 40])
def test_a_damaged_image_is_named(photos, length):
    (photos / "dog" / "bad.png").write_bytes((photos / "cat" / "0.png").read_bytes()[:length])
    with pytest.raises(DataError, match=r"dog/bad\.png cannot be read as an image") as caught:
        read_folder(photos)
    assert "\n" not in str(caught.value)


def test_directories_that_are_not_class_folders_are_explained(photos):
    for root in (photos / "nowhere", photos / "cat", photos / "cat" / "0.png"):
        with pytest.raises(DataError, match=r"holds 0 folders with \d images .*; it must hold a folder"):
            read_folder(root)
    with pytest.raises(DataError, match=r"data\.root is missing"):
        read_folder("")
    for old, new in (("cat", "train"), ("dog", "val")):
        (photos / old).rename(photos / new)
    with pytest.raises(DataError, match=r"holds splits, not classes: name one of them, data\.root=.*photos/train"):
        read_folder(photos)


# torchvision's classes


def read(dataset, root, url=None, checksum=None, **changes):
    return torchvision_set(dataset, Data("x", "torchvision.datasets.X", str(root), url, checksum, **changes))


def like(parent, **content):
    """A class like torchvision's own, with other checksums and an address where nobody answers."""
    return type(parent.__name__, (parent,), content)


def mnist(sums):
    return like(datasets.FashionMNIST, resources=sums, mirrors=[NOWHERE])


@contextmanager
def server(folder):
    """Serve the files of a folder."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


# torchvision writes text where Python 3 writes bytes
@pytest.mark.parametrize("key", [str, str.encode])
def test_cifar_comes_out_as_it_went_in(tmp_path, key):
    path = cifar_archive(tmp_path, key=key)
    for url in (str(path), path.as_uri(), str(tmp_path)):
        raw = read(datasets.CIFAR10, tmp_path / "raw", url, md5(path))
        for images, labels, (given, given_labels) in (
            (raw.train_images, raw.train_labels, image_set(30)),
            (raw.test_images, raw.test_labels, image_set(9, seed=1)),
        ):
            assert np.array_equal(images, given) and labels.tolist() == given_labels.tolist()
        assert raw.classes == tuple(CLASSES)
        assert (raw.md5, raw.official_md5) == (md5(path), "c58f30108f718f92721af3b95e74349a")
    assert leftovers(tmp_path / "raw") == []


@pytest.mark.parametrize("where", ["kept", "folder"])
def test_mnist_is_read_from_its_four_files(tmp_path, where):
    folder = tmp_path / "raw" / "FashionMNIST" / "raw" if where == "kept" else tmp_path / "copy"
    sums, train, test = mnist_files(folder)
    raw = read(mnist(sums), tmp_path / "raw", None if where == "kept" else folder.as_uri())
    assert np.array_equal(raw.train_images, train[0]) and np.array_equal(raw.test_images, test[0])
    assert raw.train_labels.tolist() == train[1].tolist() and raw.test_labels.tolist() == test[1].tolist()
    assert (raw.classes[0], raw.md5, raw.official_md5) == ("T-shirt/top", None, None)
    assert len(leftovers(tmp_path / "raw")) == (4 if where == "kept" else 0)


def test_svhn_is_read_from_its_two_files(tmp_path):
    labels, images = [10, *range(1, 10), 10, 5], image_set(12)[0]
    parts = {}
    for part in ("train", "test"):
        path = tmp_path / f"{part}_32x32.mat"
        savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": np.array(labels, np.uint8)[:, None]})
        parts[part] = [f"{NOWHERE}{path.name}", path.name, md5(path)]
    raw = read(like(datasets.SVHN, split_list=parts), tmp_path)
    assert np.array_equal(raw.train_images, images) and np.array_equal(raw.test_images, images)
    assert raw.train_labels.tolist() == [*range(10), 0, 5]
    assert raw.classes == tuple("0123456789")


@pytest.mark.parametrize("ending", ["/cifar-10-python.tar.gz", "/"])
def test_a_download_is_checked_kept_and_then_read_without_a_network(tmp_path, ending):
    path = cifar_archive(tmp_path)
    official = like(datasets.CIFAR10, tgz_md5="0" * 32)
    with server(tmp_path) as address:
        first = read(official, tmp_path / "raw", address + ending, md5(path))
        # an archive that is not the official one does not take its place
        assert leftovers(tmp_path / "raw") == [f"{md5(path)}/cifar-10-python.tar.gz"]
        with pytest.raises(DataError, match=rf"md5 {md5(path)}, expected 0+; .*data\.md5={md5(path)}\)") as caught:
            read(official, tmp_path / "raw", address + ending)
    assert "\n" not in str(caught.value)
    assert np.array_equal(read(official, tmp_path / "raw", None, md5(path)).train_images, first.train_images)


@pytest.mark.parametrize("kept", [None, b"damaged"])
def test_an_address_that_does_not_answer_is_told_with_what_helps(tmp_path, kept):
    path = tmp_path / "cifar-10-python.tar.gz"
    if kept:
        path.write_bytes(kept)
    found = rf"{path.name} is damaged .*data\.md5=.*" if kept else ""
    with pytest.raises(DataError, match=rf"{found}refused.*put an intact copy at {path}") as caught:
        read(datasets.CIFAR10, tmp_path, NOWHERE)
    assert "\n" not in str(caught.value)
    assert leftovers(tmp_path) == ([path.name] if kept else [])


class Touch:
    """A pickle that makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_nothing_is_read_of_an_archive_with_another_checksum(tmp_path):
    page = pickle.dumps(Touch(tmp_path / "owned"))
    path = tar(tmp_path / "cifar-10-python.tar.gz", cifar_pages() | {"data_batch_1": page})
    for checksum in (None, "0" * 32):
        with pytest.raises(DataError, match=rf"md5 {md5(path)}, expected .*data\.md5={md5(path)}\)"):
            read(datasets.CIFAR10, tmp_path / "raw", str(path), checksum)
    assert not (tmp_path / "owned").exists() and leftovers(tmp_path / "raw") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pages: {name: page for name, page in pages.items() if name != "data_batch_4"}, "data_batch_4"),
        (lambda pages: pages | {"data_batch_4": pickle.dumps({"labels": []})}, "KeyError: 'data'"),
        (lambda pages: pages | {"../../../outside": b"owned"}, "OutsideDestinationError"),
        (None, "EOFError"),
    ],
)
def test_an_archive_with_other_content_is_explained_and_leaves_nothing(tmp_path, change, message):
    path = tar(tmp_path / "x.tar.gz", change(cifar_pages())) if change else cifar_archive(tmp_path)
    if change is None:
        path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=rf"cannot be read: .*{message}") as caught:
        read(datasets.CIFAR10, tmp_path / "raw", str(path), md5(path))
    assert "\n" not in str(caught.value)
    assert leftovers(tmp_path) == [path.name]


def test_a_missing_or_wrong_file_of_several_is_named(tmp_path):
    sums, _, _ = mnist_files(tmp_path / "copy")
    labels = tmp_path / "copy" / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(b"wrong")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz is damaged.*expected \w+\)"):
        read(mnist(sums), tmp_path / "raw", str(tmp_path / "copy"))
    labels.unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz: .*No such file"):
        read(mnist(sums), tmp_path / "raw", str(tmp_path / "copy"))
    assert leftovers(tmp_path / "raw") == []


def test_settings_and_classes_that_cannot_work_are_explained(tmp_path):
    with pytest.raises(DataError, match=r"data\.md5=abc: .* has no use for it; leave it out"):
        read(datasets.MNIST, tmp_path, checksum="abc")
    for dataset in (datasets.Food101, datasets.EMNIST):
        with pytest.raises(DataError, match=r"name a function of your own.*docs/usage\.md"):
            read(dataset, tmp_path)
