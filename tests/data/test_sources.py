import os

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from whyrelu.config.schema import Data
from whyrelu.data.prepare import prepare
from whyrelu.data.sources import digits, image_folder
from whyrelu.errors import DataError


def folder_settings(root, **changes):
    settings = {
        "name": "mine",
        "_target_": "whyrelu.data.sources.image_folder",
        "root": str(root),
        "validation_size": 2,
        "test_size": 4,
        "image_size": 8,
    }
    return Data(**settings | changes)


def fill(root, count=6, size=(8, 8)):
    """Class folders of plain images: cat/0.png is (0, 0, 0), cat/1.png (10, 10, 10), dog/0.png (100, ...), ..."""
    for label, name in enumerate(["cat", "dog"]):
        (root / name).mkdir(parents=True)
        for index in range(count):
            Image.new("RGB", size, (100 * label + 10 * index,) * 3).save(root / name / f"{index}.png")
    return root


def test_digits_are_scikit_learns():
    raw = digits(Data(name="digits", _target_="whyrelu.data.sources.digits"))
    assert raw.train_images.shape == (1797, 8, 8, 1)
    assert raw.train_images.dtype == np.uint8
    assert raw.train_images.max() == 16
    assert np.array_equal(raw.train_images[..., 0], load_digits().images)
    assert np.array_equal(raw.train_labels, load_digits().target)


def test_folders_are_classes_and_subfolders_belong_to_them(tmp_path):
    fill(tmp_path, count=2)
    (tmp_path / "dog" / "more").mkdir()
    Image.new("RGB", (8, 8), (250, 0, 0)).save(tmp_path / "dog" / "more" / "x.PNG")
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    (tmp_path / "dog" / ".hidden.png").write_text("no image")
    (tmp_path / ".cache").mkdir()
    raw = image_folder(folder_settings(tmp_path))
    assert raw.classes == ("cat", "dog")
    assert raw.train_labels.tolist() == [0, 0, 1, 1, 1]
    assert raw.train_images[:, 0, 0].tolist() == [[0] * 3, [10] * 3, [100] * 3, [110] * 3, [250, 0, 0]]


def test_images_of_any_mode_become_colour(tmp_path):
    fill(tmp_path, count=1)
    grey = Image.new("L", (8, 8), 77)
    grey.save(tmp_path / "cat" / "a-grey.png")
    grey.convert("1", dither=Image.Dither.NONE).save(tmp_path / "cat" / "b-binary.png")
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 9, 8, 7])
    palette.save(tmp_path / "cat" / "c-palette.gif")
    palette.save(tmp_path / "cat" / "d-palette.png", transparency=bytes([0, 128]))
    Image.new("RGBA", (8, 8), (1, 2, 3, 100)).save(tmp_path / "cat" / "e-rgba.png")
    Image.fromarray(np.full((8, 8), 0xABCD, np.uint16)).save(tmp_path / "cat" / "f-16bit.png")
    Image.new("CMYK", (8, 8), (0, 0, 0, 255)).save(tmp_path / "cat" / "g-cmyk.tif")
    raw = image_folder(folder_settings(tmp_path))
    colours = raw.train_images[:, 4, 4].tolist()[1:-1]
    assert colours == [[77] * 3, [0] * 3, [9, 8, 7], [9, 8, 7], [1, 2, 3], [0xAB] * 3, [0] * 3]


def test_the_middle_of_a_long_image_is_kept_without_distortion(tmp_path):
    fill(tmp_path, count=1)
    for name, axis in (("wide", 1), ("high", 0)):
        # 40 x 120 pixels: black, a white square, black
        pixels = np.repeat(np.repeat(np.array([[0, 255, 0]], np.uint8), 40, 0), 40, 1)
        Image.fromarray(pixels if axis else pixels.T).save(tmp_path / "cat" / f"{name}.png")
    raw = image_folder(folder_settings(tmp_path))
    assert raw.train_images.shape == (4, 8, 8, 3)
    assert (raw.train_images[1:3, 2:6, 2:6] == 255).all()
    assert (raw.train_images[1:3] > 200).all()


def test_a_photograph_taken_sideways_is_turned(tmp_path):
    fill(tmp_path, count=1)
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[0] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # the camera's upper edge is at the right
    image.save(tmp_path / "cat" / "sideways.png", exif=exif)
    raw = image_folder(folder_settings(tmp_path))
    assert (raw.train_images[1, :, -1] == 255).all() and not raw.train_images[1, :, 0].any()


def test_without_a_size_images_must_be_equal_squares(tmp_path):
    fill(tmp_path, count=2, size=(9, 9))
    assert image_folder(folder_settings(tmp_path, image_size=None)).train_images.shape == (4, 9, 9, 3)
    Image.new("RGB", (9, 7)).save(tmp_path / "dog" / "odd.png")
    with pytest.raises(DataError, match=r"odd\.png is 9 x 7 pixels.*data\.image_size=32"):
        image_folder(folder_settings(tmp_path, image_size=None))


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n broken"])
def test_a_damaged_image_is_named(tmp_path, content):
    fill(tmp_path, count=2)
    (tmp_path / "dog" / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=r"dog/bad\.png cannot be read as an image") as caught:
        image_folder(folder_settings(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_truncated_image_is_named(tmp_path):
    fill(tmp_path, count=2)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    noise.save(tmp_path / "dog" / "whole.jpg")
    page = (tmp_path / "dog" / "whole.jpg").read_bytes()
    (tmp_path / "dog" / "half.jpg").write_bytes(page[: len(page) // 2])
    with pytest.raises(DataError, match=r"half\.jpg cannot be read"):
        image_folder(folder_settings(tmp_path))


def test_directories_that_are_not_class_folders_are_explained(tmp_path):
    with pytest.raises(DataError, match="is not a directory"):
        image_folder(folder_settings(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"data\.root is missing"):
        image_folder(Data(name="mine", _target_="whyrelu.data.sources.image_folder", validation_size=2))
    with pytest.raises(DataError, match="holds 0 folders"):
        image_folder(folder_settings(tmp_path))
    fill(tmp_path / "photos", count=1)
    (tmp_path / "photos" / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no images"):
        image_folder(folder_settings(tmp_path / "photos"))
    for part in ("train", "val"):
        fill(tmp_path / "split" / part, count=1)
    with pytest.raises(DataError, match=r"holds splits, not classes: name one of them, data\.root=.*split/train"):
        image_folder(folder_settings(tmp_path / "split"))


@pytest.mark.parametrize(("key", "value"), [("url", "https://example.org"), ("md5", "abc"), ("options", {"a": 1})])
def test_settings_without_effect_are_refused(tmp_path, key, value):
    fill(tmp_path, count=1)
    with pytest.raises(DataError, match=rf"data\.{key}=.* has no use for it"):
        image_folder(folder_settings(tmp_path, **{key: value}))


def test_a_prepared_folder_follows_its_images(tmp_path):
    root = fill(tmp_path / "images")
    settings = folder_settings(root)
    first = prepare(settings, tmp_path / "prepared")
    written = (tmp_path / "prepared" / "mine" / "facts.json").stat().st_mtime_ns
    assert prepare(settings, tmp_path / "prepared") == first
    assert (tmp_path / "prepared" / "mine" / "facts.json").stat().st_mtime_ns == written
    assert (first["train"], first["test"], first["shape"]) == (8, 4, [8, 8, 3])

    changed = root / "cat" / "0.png"
    Image.new("RGB", (8, 8), (0, 255, 0)).save(changed)
    second = prepare(settings, tmp_path / "prepared")
    assert second["fingerprint"] != first["fingerprint"]

    # another image of the same size in bytes, at another time
    page = bytearray(changed.read_bytes())
    changed.write_bytes(page)
    os.utime(changed, ns=(1, 1))
    third = prepare(settings, tmp_path / "prepared")
    assert third["source"]["listing"] != second["source"]["listing"]
    assert third["fingerprint"] == second["fingerprint"]

    (root / "dog" / "5.png").unlink()
    assert prepare(settings, tmp_path / "prepared")["train"] == 7


def test_images_are_not_overwritten_by_the_arrays_made_from_them(tmp_path):
    root = fill(tmp_path / "data" / "mine")
    with pytest.raises(DataError, match=r"mine is not a prepared data set .*another data\.name"):
        prepare(folder_settings(root), tmp_path / "data")
    assert len(list((root / "cat").iterdir())) == 6
