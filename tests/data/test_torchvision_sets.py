import gzip

import numpy as np
import pytest
from scipy.io import savemat
from torchvision import datasets

from raw_files import idx, image_set, leftovers, md5, mnist_files
from whyrelu.config.schema import Data
from whyrelu.data.torchvision_sets import read
from whyrelu.errors import DataError


def settings(root, **changes):
    return Data(name="x", _target_="torchvision.datasets.X", root=str(root), validation_size=5, **changes)


def mnist(sums, parent=datasets.FashionMNIST):
    """A class like torchvision's own, with the checksums of files made here and an address where nobody answers."""
    content = {"resources": list(sums.items()), "mirrors": ["http://127.0.0.1:1/"]}
    return type(parent.__name__, (parent,), content)


def svhn(folder, labels):
    folder.mkdir(parents=True, exist_ok=True)
    images = image_set(len(labels), 32)[0]
    parts = {}
    for split in ("train", "test"):
        path = folder / f"{split}_32x32.mat"
        savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": np.array(labels, np.uint8)[:, None]})
        parts[split] = [f"http://127.0.0.1:1/{path.name}", path.name, md5(path)]
    return type("SVHN", (datasets.SVHN,), {"split_list": parts}), images


@pytest.mark.parametrize("where", ["kept", "mirror"])
def test_mnist_is_read_from_its_four_files(tmp_path, where):
    folder = tmp_path / "raw" / "FashionMNIST" / "raw" if where == "kept" else tmp_path / "mirror"
    sums, train, test = mnist_files(folder)
    url = None if where == "kept" else folder.as_uri()
    raw = read(mnist(sums), settings(tmp_path / "raw", url=url))
    assert np.array_equal(raw.train_images, train[0])
    assert raw.train_images.shape[1:] == (28, 28, 1)
    assert raw.train_labels.tolist() == train[1].tolist()
    assert np.array_equal(raw.test_images, test[0])
    assert raw.test_labels.tolist() == test[1].tolist()
    assert raw.classes[0] == "T-shirt/top"
    assert (raw.md5, raw.official_md5) == (None, None)


def test_mnist_is_read_as_torchvision_extracts_it(tmp_path):
    folder = tmp_path / "FashionMNIST" / "raw"
    sums, train, _ = mnist_files(folder)
    for path in list(folder.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert np.array_equal(read(mnist(sums), settings(tmp_path)).train_images, train[0])
    assert datasets.FashionMNIST(str(tmp_path)).data.shape == (12, 28, 28)
    labels = folder / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(DataError, match="train-labels-idx1-ubyte is not a complete IDX file"):
        read(mnist(sums), settings(tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08", b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", idx(np.zeros((2, 28, 28)))[:-1]]
)
def test_a_damaged_mnist_file_with_the_right_checksum_is_named(tmp_path, content):
    sums, _, _ = mnist_files(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is not a complete IDX file"):
        read(mnist(sums | {path.name: md5(path)}), settings(tmp_path / "raw", url=str(tmp_path)))
    path.write_bytes(gzip.compress(content)[:-4])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is not a complete IDX file"):
        read(mnist(sums | {path.name: md5(path)}), settings(tmp_path / "raw", url=str(tmp_path)))


def test_a_missing_or_wrong_file_of_several_is_named(tmp_path):
    sums, _, _ = mnist_files(tmp_path / "mirror")
    labels = tmp_path / "mirror" / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(b"wrong")
    with pytest.raises(
        DataError, match=rf"t10k-labels-idx1-ubyte\.gz is damaged.*expected {sums[labels.name]}"
    ) as caught:
        read(mnist(sums), settings(tmp_path / "raw", url=str(tmp_path / "mirror")))
    assert "data.md5" not in str(caught.value)
    labels.unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz does not exist"):
        read(mnist(sums), settings(tmp_path / "raw", url=str(tmp_path / "mirror")))
    with pytest.raises(
        DataError, match=r"cannot download http://127\.0\.0\.1:1/train-images.*data\.url=/path/to/its/folder"
    ):
        read(mnist(sums), settings(tmp_path / "raw"))
    assert leftovers(tmp_path / "raw") == []


def test_svhn_is_read_from_its_two_files(tmp_path):
    labels = [10, *range(1, 10), 10, 5]
    dataset, images = svhn(tmp_path, labels)
    raw = read(dataset, settings(tmp_path))
    assert np.array_equal(raw.train_images, images)
    assert raw.train_labels.tolist() == [*range(10), 0, 5]
    assert raw.classes == tuple("0123456789")
    own = dataset(str(tmp_path), split="test")
    assert np.array_equal(raw.test_images, own.data.transpose(0, 2, 3, 1))
    assert raw.test_labels.tolist() == own.labels.tolist()


def test_a_file_that_is_not_matlabs_is_named(tmp_path):
    dataset, _ = svhn(tmp_path, [1, 2])
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(path.read_bytes()[:200])
    dataset.split_list["train"][2] = md5(path)
    with pytest.raises(DataError, match=r"train_32x32\.mat is not an SVHN file"):
        read(dataset, settings(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"md5": "abc"}, r"data\.md5=abc: .* has 4 files with a checksum each"),
        ({"test_size": 100}, r"data\.test_size=100: .* comes with its own test split"),
        ({"options": {"split": "letters"}}, r"data\.options\.split: .* takes no options"),
    ],
)
def test_settings_that_do_not_fit_the_set_are_refused(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        read(datasets.MNIST, settings(tmp_path, **changes))
