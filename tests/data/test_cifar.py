import os
import pickle

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, CIFAR100

from raw_files import CLASSES, cifar_archive, cifar_pages, image_set, leftovers, md5, tar
from whyrelu.config.schema import Data
from whyrelu.data.arrays import load
from whyrelu.data.cifar import read
from whyrelu.data.prepare import prepare
from whyrelu.errors import DataError


def settings(root, **changes):
    return Data(name="cifar10", _target_="torchvision.datasets.CIFAR10", root=str(root), validation_size=5, **changes)


def test_images_come_out_as_they_went_in(tmp_path):
    path, train, test = cifar_archive(tmp_path)
    raw = read(CIFAR10, tmp_path / "raw", str(path), md5(path))
    assert np.array_equal(raw.train_images, train[0])
    assert raw.train_labels.tolist() == train[1].tolist()
    assert np.array_equal(raw.test_images, test[0])
    assert raw.test_labels.tolist() == test[1].tolist()
    assert raw.classes == tuple(CLASSES)
    assert (raw.md5, raw.official_md5) == (md5(path), "c58f30108f718f92721af3b95e74349a")
    assert not (tmp_path / "raw").exists()


def test_cifar100_has_its_own_layout(tmp_path):
    train, test = image_set(30), image_set(9, seed=1)
    pages = cifar_pages(train, test, labels_key=b"fine_labels", classes_key=b"fine_label_names")
    pages = {"meta": pages["batches.meta"], "train": pages["data_batch_1"], "test": pages["test_batch"]}
    path = tar(tmp_path / "cifar-100-python.tar.gz", pages, "cifar-100-python")
    raw = read(CIFAR100, tmp_path, None, md5(path))
    assert np.array_equal(raw.train_images, train[0][::5])
    assert raw.test_labels.tolist() == test[1].tolist()


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_every_form_of_pickle_is_read(tmp_path, protocol):
    train, test = image_set(30), image_set(9, seed=1)
    path = tar(tmp_path / "cifar-10-python.tar.gz", cifar_pages(train, test, protocol=protocol))
    assert np.array_equal(read(CIFAR10, tmp_path, None, md5(path)).test_images, test[0])


def test_the_old_name_of_numpys_module_is_read(tmp_path):
    """The official archive names numpy.core, where numpy 2 writes numpy._core."""
    train, test = image_set(30), image_set(9, seed=1)
    pages = {name: page.replace(b"numpy._core", b"numpy.core") for name, page in cifar_pages(train, test).items()}
    assert b"numpy.core.multiarray" in pages["test_batch"]
    path = tar(tmp_path / "cifar-10-python.tar.gz", pages)
    assert np.array_equal(read(CIFAR10, tmp_path, None, md5(path)).test_images, test[0])


class Attack:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_a_pickle_that_would_run_something_is_refused(tmp_path):
    train, test = image_set(30), image_set(9)
    pages = cifar_pages(train, test)
    pages["data_batch_3"] = pickle.dumps({b"data": Attack(str(tmp_path / "owned")), b"labels": []})
    path = tar(tmp_path / "cifar-10-python.tar.gz", pages)
    with pytest.raises(DataError, match="mkdir, which image data do not need"):
        read(CIFAR10, tmp_path, None, md5(path))
    assert not (tmp_path / "owned").exists()


def test_members_that_point_elsewhere_are_not_extracted(tmp_path):
    train, test = image_set(30), image_set(9)
    pages = {f"cifar-10-batches-py/{name}": page for name, page in cifar_pages(train, test).items()}
    outside = tmp_path / "outside"
    path = tar(tmp_path / "a" / "x.tar.gz", pages | {"../outside": b"owned", str(outside): b"owned"}, folder="")
    read(CIFAR10, tmp_path / "raw", str(path), md5(path))
    assert not outside.exists()


def test_an_extracted_archive_is_used_if_every_file_is_intact(tmp_path):
    train, test = image_set(30), image_set(9)
    pages = cifar_pages(train, test)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name, page in pages.items():
        (folder / name).write_bytes(page)

    checksums = {name: md5(folder / name) for name in pages}
    content = {
        "url": "http://127.0.0.1:1/x",
        "train_list": [[name, checksums[name]] for name in pages if name.startswith("data")],
        "test_list": [["test_batch", checksums["test_batch"]]],
        "meta": CIFAR10.meta | {"md5": checksums["batches.meta"]},
    }
    known = type("CIFAR10", (CIFAR10,), content)
    raw = read(known, tmp_path, None, None)
    assert np.array_equal(raw.test_images, test[0])
    assert raw.md5 == raw.official_md5
    (folder / "data_batch_2").write_bytes(pages["data_batch_2"][:-9])
    with pytest.raises(DataError, match="cannot download"):
        read(known, tmp_path, None, None)


def spoil(name, **changes):
    def spoiled(pages):
        return pages | {
            name: pickle.dumps(
                pickle.loads(pages[name], encoding="bytes") | {k.encode(): v for k, v in changes.items()}
            )
        }

    return spoiled


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda pages: {n: p for n, p in pages.items() if n != "data_batch_4"},
            "has no cifar-10-batches-py/data_batch_4",
        ),
        (lambda pages: pages | {"data_batch_4": b"garbage"}, "holds a pickle that is not read"),
        (lambda pages: pages | {"data_batch_4": pickle.dumps([1])}, "holds a pickle that is not read"),
        (spoil("data_batch_1", labels=[0, 1]), "without as many whole numbers"),
        (spoil("data_batch_1", labels=[0.5] * 6), "without as many whole numbers"),
        (spoil("data_batch_1", data=[1, 2, 3]), "without uint8 images of 3072"),
        (
            spoil("data_batch_1", labels=[0, 1, 2, 0, 1, 3]),
            r"training labels from 0 to 3 do not fit 3 classes \(0 to 2\)",
        ),
        (spoil("test_batch", labels=[-1] * 9), "test labels from -1 to -1 do not fit"),
        (spoil("batches.meta", label_names=[]), "names no classes"),
        (spoil("batches.meta", label_names=[b"a", b"b", b"c", b"d"]), "class 'd' has no training image"),
    ],
)
def test_an_archive_with_other_content_is_explained(tmp_path, change, message):
    path = tar(tmp_path / "x.tar.gz", change(cifar_pages(image_set(30), image_set(9))))
    with pytest.raises(DataError, match=message) as caught:
        prepare(settings(tmp_path / "raw", url=str(path), md5=md5(path)), tmp_path / "prepared")
    assert "\n" not in str(caught.value)
    assert leftovers(tmp_path / "prepared") == []


def test_a_truncated_archive_leaves_nothing_behind(tmp_path):
    path, _, _ = cifar_archive(tmp_path)
    whole = md5(path)
    page = path.read_bytes()
    for size in (0, 10, len(page) // 2, len(page) - 20):
        path.write_bytes(page[:size])
        with pytest.raises(DataError, match=f"{size} bytes with md5 {md5(path)}, expected {whole}"):
            prepare(settings(tmp_path / "raw", url=str(path), md5=whole), tmp_path / "prepared")
        with pytest.raises(DataError, match="is not a complete tar archive"):
            prepare(settings(tmp_path / "raw", url=str(path), md5=md5(path)), tmp_path / "prepared")
    assert leftovers(tmp_path / "prepared") == leftovers(tmp_path / "raw") == []


def test_a_prepared_set_is_tied_to_its_checksum(tmp_path):
    path, train, _ = cifar_archive(tmp_path / "a")
    facts = prepare(settings(tmp_path / "raw", url=str(path), md5=md5(path)), tmp_path / "prepared")
    assert np.array_equal(load(tmp_path / "prepared" / "cifar10").train_images, train[0])
    assert prepare(settings(tmp_path / "raw", md5=md5(path)), tmp_path / "prepared") == facts
    assert prepare(settings("/nowhere", url="/nowhere", md5=md5(path)), tmp_path / "prepared") == facts

    # without data.md5 the official archive is meant
    with pytest.raises(DataError, match=rf"holds the set made from md5 {md5(path)}: data\.md5={md5(path)} uses it"):
        prepare(settings(tmp_path / "raw", url=str(path)), tmp_path / "prepared")
    assert load(tmp_path / "prepared" / "cifar10").facts == facts

    other, train, _ = cifar_archive(tmp_path / "b", seed=5)
    changed = prepare(settings(tmp_path / "raw", url=other.as_uri(), md5=md5(other)), tmp_path / "prepared")
    assert changed["fingerprint"] != facts["fingerprint"]
    assert changed["source"]["md5"] == md5(other)
    assert np.array_equal(load(tmp_path / "prepared" / "cifar10").train_images, train[0])
