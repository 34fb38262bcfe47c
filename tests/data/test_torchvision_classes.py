import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets
from torchvision.datasets.utils import check_integrity, download_and_extract_archive

from raw_files import image_set, leftovers, md5, tar
from whyrelu.config.schema import Data
from whyrelu.data.prepare import prepare
from whyrelu.data.torchvision_sets import read
from whyrelu.errors import DataError


def settings(root, **changes):
    return Data(
        **{"name": "x", "_target_": "torchvision.datasets.X", "root": str(root), "validation_size": 5} | changes
    )


class Shapes(datasets.VisionDataset):
    """A set written as torchvision's are: one archive, extracted to a folder of its own."""

    url = "http://127.0.0.1:1/shapes.tar.gz"
    md5 = "0" * 32
    classes = (("round", "circular"), ("square",), ("missing",))

    def __init__(self, root, split="train", transform=None, download=False):
        super().__init__(root, transform=transform)
        if split not in ("train", "val"):
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are train, val.")
        folder = Path(root) / "shapes"
        if download and not check_integrity(folder / "done"):
            download_and_extract_archive(self.url, root, md5=self.md5)
        if not folder.is_dir():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.paths = sorted((folder / split).iterdir())

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return Image.open(self.paths[index]), int(self.paths[index].name[0])


def picture(value, mode="L", size=(8, 8)):
    page = io.BytesIO()
    Image.new(mode, size, value).save(page, "PNG")
    return page.getvalue()


@pytest.fixture
def archive(tmp_path):
    pages = {
        f"shapes/{split}/{i % 2}-{i}.png": picture(i + 50 * (split == "val"))
        for split in ("train", "val")
        for i in range(6)
    }
    return tar(tmp_path / "mirror" / "shapes.tar.gz", pages | {"shapes/done": b"x"}, folder="")


def official(archive):
    return type("Shapes", (Shapes,), {"md5": md5(archive)})


def test_a_set_is_downloaded_kept_and_then_read_without_a_network(tmp_path, archive):
    dataset = official(archive)
    raw = read(dataset, settings(tmp_path / "raw", url=str(archive)))
    assert raw.train_images.shape == (6, 8, 8, 1)
    assert sorted(raw.train_images[:, 0, 0, 0].tolist()) == list(range(6))
    assert sorted(raw.test_images[:, 0, 0, 0].tolist()) == list(range(50, 56))
    assert raw.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert raw.classes == ("round", "square")
    assert raw.md5 == raw.official_md5 == md5(archive)
    archive.unlink()
    assert np.array_equal(read(dataset, settings(tmp_path / "raw")).train_images, raw.train_images)
    assert "shapes.tar.gz" in leftovers(tmp_path / "raw")
    assert not list((tmp_path / "raw").glob(".*.partial"))


@pytest.mark.parametrize("url", ["{}", "file://{}", "folder"])
def test_another_archive_is_used_once_and_not_kept_as_the_official_one(tmp_path, archive, url):
    url = str(archive.parent) if url == "folder" else url.format(archive)
    data = settings(tmp_path / "raw", url=url, md5=md5(archive))
    raw = read(Shapes, data)
    assert (raw.md5, raw.official_md5) == (md5(archive), "0" * 32)
    assert len(raw.train_images) == 6
    assert leftovers(tmp_path / "raw") == []


def test_failures_leave_nothing_behind(tmp_path, archive):
    with pytest.raises(DataError, match=r"refused; without a network put intact files below .*raw"):
        read(Shapes, settings(tmp_path / "raw"))
    with pytest.raises(DataError, match="corrupted"):
        read(Shapes, settings(tmp_path / "raw", url=str(archive)))
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"torchvision\.datasets\.X: "):
        read(Shapes, settings(tmp_path / "raw", url=str(archive), md5=md5(archive)))
    with pytest.raises(DataError, match="nowhere does not exist"):
        read(Shapes, settings(tmp_path / "raw", url=str(tmp_path / "nowhere")))
    assert leftovers(tmp_path / "raw") == []


def test_an_archive_cannot_write_outside_its_folder(tmp_path, archive):
    before = tarfile.TarFile.extraction_filter
    with tarfile.open(archive, "w:gz") as evil:
        info = tarfile.TarInfo("../../owned")
        info.size = 5
        evil.addfile(info, io.BytesIO(b"owned"))
    with pytest.raises(DataError, match="outside the destination"):
        read(Shapes, settings(tmp_path / "raw" / "deep", url=str(archive), md5=md5(archive)))
    assert not list(tmp_path.rglob("owned"))
    assert tarfile.TarFile.extraction_filter is before


def test_a_set_without_a_test_split_is_divided(tmp_path):
    data = settings(
        tmp_path,
        _target_="torchvision.datasets.FakeData",
        options={"size": 60, "image_size": [3, 8, 8], "num_classes": 3},
        test_size=12,
    )
    facts = prepare(data, tmp_path / "prepared")
    assert (facts["train"], facts["test"], facts["shape"], facts["classes"]) == (48, 12, [8, 8, 3], ["0", "1", "2"])
    assert prepare(data, tmp_path / "prepared") == facts
    data.options = {"size": 70, "image_size": [3, 8, 8], "num_classes": 3}
    assert prepare(data, tmp_path / "prepared")["train"] == 58
    data.test_size = None
    with pytest.raises(DataError, match=r"data\.test_size is missing"):
        prepare(data, tmp_path / "prepared")


class Listed(datasets.VisionDataset):
    """A set whose items are given."""

    items = ()

    def __init__(self, root, train=True):
        self.listed = self.items

    def __len__(self):
        return len(self.listed)

    def __getitem__(self, index):
        return self.listed[index]


def listed(*items, **content):
    return type("Listed", (Listed,), {"items": items, **content})


def test_grey_images_become_colour_where_others_are(tmp_path):
    dataset = listed((Image.new("L", (4, 4), 9), 0), (Image.new("RGB", (4, 4), (1, 2, 3)), 1))
    raw = read(dataset, settings(tmp_path))
    assert raw.train_images[:, 0, 0].tolist() == [[9, 9, 9], [1, 2, 3]]


def test_images_of_several_sizes_need_a_size(tmp_path):
    dataset = listed((Image.new("L", (4, 4), 9), 0), (Image.new("L", (6, 5), 8), 1))
    with pytest.raises(DataError, match=r"image 1 is 6 x 5 pixels.*data\.image_size"):
        read(dataset, settings(tmp_path))
    assert read(dataset, settings(tmp_path, image_size=5)).train_images.shape == (2, 5, 5, 1)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (listed((Image.new("L", (4, 4)), (1, 2))), "item 0 is not an image with a class"),
        (listed(("text", 1)), "item 0 is not an image with a class"),
        (listed((Image.new("L", (4, 4)), 3), classes=["a", "b"]), "labels from 3 to 3 do not fit its 2 classes"),
        (listed((Image.new("L", (4, 4)), -1)), "labels from -1"),
        (listed(), "has no images"),
        (datasets.FER2013, "cannot be downloaded: put its files below"),
        (datasets.EMNIST, r"'split'; arguments are given as \+data\.options\.name=value"),
    ],
)
def test_what_is_not_a_classification_set_is_explained(tmp_path, dataset, message):
    with pytest.raises(DataError, match=message) as caught:
        read(dataset, settings(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dataset", "changes", "message"),
    [
        (datasets.EuroSAT, {"url": "https://example.org"}, "takes no other address"),
        (datasets.USPS, {"md5": "abc"}, "has checksums of its own"),
        (datasets.DTD, {"test_size": 10}, "comes with its own test split"),
        (datasets.EMNIST, {"options": {"split": "leters"}}, "Valid values are"),
    ],
)
def test_settings_that_do_not_fit_the_set_are_refused(tmp_path, dataset, changes, message):
    with pytest.raises(DataError, match=message):
        read(dataset, settings(tmp_path, **changes))


def test_usps_comes_from_a_mirror(tmp_path):
    """One of torchvision's own classes with several files, end to end."""
    import bz2

    images, labels = image_set(20, 16, 1, 10)
    parts = {}
    for split, name in (("train", "usps.bz2"), ("test", "usps.t.bz2")):
        lines = []
        for image, label in zip(images[..., 0], labels, strict=True):
            values = " ".join(f"{i + 1}:{value / 255 * 2 - 1:.6f}" for i, value in enumerate(image.reshape(-1)))
            lines.append(f"{label + 1} {values}\n")
        (tmp_path / name).write_bytes(bz2.compress("".join(lines).encode()))
        parts[split] = ["http://127.0.0.1:1/", name, md5(tmp_path / name)]
    dataset = type("USPS", (datasets.USPS,), {"split_list": parts})
    raw = read(dataset, settings(tmp_path / "raw", url=str(tmp_path)))
    assert np.abs(raw.train_images.astype(int) - images).max() <= 1
    assert raw.test_labels.tolist() == labels.tolist()
    assert leftovers(tmp_path / "raw") == ["usps.bz2", "usps.t.bz2"]
