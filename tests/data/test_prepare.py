"""Preparation: once, whole, from what was asked for; whatever is wrong is one line and leaves nothing."""

import json
import runpy
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import DEFAULT, Mock

import numpy as np
import pytest
from omegaconf import OmegaConf

from raw_files import cifar_archive, image_set, leftovers, md5
from whyrelu.config.schema import Data
from whyrelu.config.targets import locate
from whyrelu.data import arrays, sources
from whyrelu.data.prepare import prepare
from whyrelu.errors import DataError, UserError

PROJECT = Path(__file__).parents[2]
DIGITS = {"name": "digits", "_target_": "whyrelu.data.sources.digits", "validation_size": 237, "test_size": 360}


def of_cifar(root, archive):
    target = "torchvision.datasets.CIFAR10"
    return {"name": "cifar10", "_target_": target, "root": str(root), "url": str(archive), "md5": md5(archive)}


def test_digits_are_those_of_the_published_runs_and_made_once(tmp_path):
    facts = prepare(DIGITS, tmp_path)
    assert facts["fingerprint"] == "af2588347dbaa9b2"
    assert (facts["train"], facts["test"], facts["shape"]) == (1437, 360, [8, 8, 1])
    loaded = arrays.load(tmp_path / "digits")
    assert np.abs(np.bincount(loaded.test_labels) / 360 - np.bincount(loaded.train_labels) / 1437).max() < 0.003
    everything = np.concatenate([loaded.train_images, loaded.test_images]).reshape(1797, -1)
    assert len(np.unique(everything, axis=0)) == 1797
    written = (tmp_path / "digits" / "facts.json").stat().st_mtime_ns
    # splits of a run are made later
    assert prepare(DIGITS | {"validation_size": 100, "train_size": 50}, tmp_path) == facts
    assert (tmp_path / "digits" / "facts.json").stat().st_mtime_ns == written
    assert prepare(DIGITS | {"test_size": 300}, tmp_path)["train"] == 1497


@pytest.mark.parametrize("name", ["facts.json", "train_images.npy"])
def test_a_damaged_set_is_named_and_mended(tmp_path, capsys, name):
    facts = prepare(DIGITS, tmp_path)
    path = tmp_path / "digits" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert prepare(DIGITS, tmp_path) == facts
    assert path.read_bytes() == whole
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert f"{tmp_path / 'digits'} is damaged" in line and "prepared again" in line


def test_those_that_start_at_once_prepare_once(tmp_path, monkeypatch):
    """Threads stand for processes: locks of a file do not tell them apart."""
    monkeypatch.setattr(sources, "digits", Mock(wraps=sources.digits, side_effect=lambda _: time.sleep(0.3) or DEFAULT))
    with ThreadPoolExecutor(3) as pool:
        assert len({facts["fingerprint"] for facts in pool.map(lambda _: prepare(DIGITS, tmp_path), range(3))}) == 1
    assert sources.digits.call_count == 1


def test_a_prepared_set_is_tied_to_its_checksum(tmp_path):
    path, root = cifar_archive(tmp_path / "a"), tmp_path / "prepared"
    data = of_cifar(tmp_path / "raw", path)
    facts = prepare(data, root)
    assert np.array_equal(arrays.load(root / "cifar10").train_images, image_set(30)[0])
    assert prepare(data | {"root": "/nowhere", "url": "/nowhere", "md5": f" {md5(path).upper()}"}, root) == facts
    # without data.md5 the official archive is meant
    with pytest.raises(DataError, match=rf"data\.md5={md5(path)}"):
        prepare(data | {"md5": None}, root)
    assert arrays.load(root / "cifar10").facts == facts
    changed = prepare(of_cifar(tmp_path / "raw", cifar_archive(tmp_path / "b", seed=5)), root)
    assert changed["fingerprint"] != facts["fingerprint"]
    assert np.array_equal(arrays.load(root / "cifar10").train_images, image_set(30, seed=5)[0])


def test_a_set_read_from_files_follows_them(tmp_path):
    from PIL import Image

    paths = [tmp_path / "photos" / label / f"{i}.png" for label in ("cat", "dog") for i in range(6)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (7, 7, 7)).save(path)
    target = "whyrelu.data.sources.image_folder"
    data = {"name": "mine", "_target_": target, "root": str(tmp_path / "photos"), "test_size": 4}
    first = prepare(data, tmp_path)
    assert (first["train"], first["test"], first["shape"]) == (8, 4, [8, 8, 3])
    assert prepare(data, tmp_path) == first
    Image.new("RGB", (8, 8), (0, 255, 0)).save(paths[0])
    assert prepare(data, tmp_path)["fingerprint"] != first["fingerprint"]
    paths[-1].unlink()
    assert prepare(data, tmp_path)["train"] == 7
    (tmp_path / "photos" / "empty").mkdir()
    with pytest.raises(DataError, match="class 'empty' has no training image"):
        prepare(data | {"image_size": 8}, tmp_path)
    (tmp_path / "photos" / "empty").rmdir()
    # images are not overwritten by the arrays made from them
    with pytest.raises(DataError, match=r"photos is not a prepared data set .*another data\.name"):
        prepare(data | {"name": "photos"}, tmp_path)


READER = """
import numpy as np
from whyrelu.data.sources import RawData

def read(data):
    images, labels = np.full((30, 8, 8, 1), VALUE, np.uint8), np.arange(30) % 3
    return RawData(images, labels, ("a", "b", "c"), images[:9], labels[:9])
"""


def test_a_function_of_ones_own_is_a_data_set_and_its_changes_are_noticed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    data = {"name": "mine", "_target_": "own_reader.read"}
    values = []
    for value in (1, 1, 22):
        (tmp_path / "own_reader.py").write_text(READER.replace("VALUE", str(value)))
        sys.modules.pop("own_reader", None)
        values.append(prepare(data, tmp_path / "data"))
    sys.modules.pop("own_reader")
    assert (values[0]["train"], values[0]["test"], values[0]["classes"]) == (30, 9, ["a", "b", "c"])
    assert values[0] == values[1] and values[1]["fingerprint"] != values[2]["fingerprint"]
    assert arrays.load(tmp_path / "data" / "mine").train_images.max() == 22


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_size": None}, r"data\.test_size is missing"),
        ({"test_size": 5}, r"data\.test_size=5: .*greater or equal to the number of classes = 10"),
        *(({key: "x"}, rf"data\.{key}=x") for key in ("root", "url", "md5", "image_size")),
        ({"_target_": "torchvision.datasets.CIFAR11"}, "did you mean torchvision.datasets.CIFAR10"),
    ],
)
def test_settings_that_cannot_work_are_explained_and_leave_nothing(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        prepare(DIGITS | changes, tmp_path)
    assert "\n" not in str(caught.value)
    assert leftovers(tmp_path) == []


IMAGES, LABELS = image_set(30, 8, 1)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "must return a whyrelu.data.sources.RawData"),
        ({"labels": LABELS * 0, "classes": ("a",)}, "there is only one class"),
        ({"labels": LABELS % 2}, "class 'c' has no training image"),
        ({"classes": ("a", "b")}, "labels from 0 to 2 do not fit 2 classes"),
        ({"images": IMAGES / 255}, "images are float64 of shape"),
        ({"labels": LABELS[:29]}, "30 images with 29 labels"),
        ({"test_images": IMAGES[:, 1:]}, r"test images are uint8 of shape \(30, 7, 8, 1\)"),
        (ValueError("no luck"), "ValueError: no luck"),
    ],
)
def test_what_a_reader_returns_is_checked(tmp_path, monkeypatch, raw, message):
    def reader(data):
        if isinstance(raw, Exception):
            raise raw
        return raw and sources.RawData(
            raw.get("images", IMAGES),
            labels := raw.get("labels", LABELS),
            raw.get("classes", ("a", "b", "c")),
            raw.get("test_images", IMAGES),
            labels,
        )

    monkeypatch.setattr(sources, "digits", reader)
    with pytest.raises(DataError, match=message):
        prepare(DIGITS, tmp_path)
    assert leftovers(tmp_path) == []


def test_a_place_that_takes_nothing_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot prepare .*file"):
        prepare(DIGITS, tmp_path / "file")

    def full(*args):
        raise OSError("92096 requested and 0 written")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(DataError, match=r"cannot prepare .*digits: the disk is full"):
        prepare(DIGITS, tmp_path)
    assert leftovers(tmp_path) == ["file"]


def test_the_command_prepares_notes_what_and_fails_in_one_line(tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["prepare.py", *arguments, f"prepared_root={root}", f"data.root={tmp_path}"])
        runpy.run_path(str(PROJECT / "src" / "prepare.py"), run_name="__main__")
        return capsys.readouterr().out

    root, path = tmp_path / "prepared", cifar_archive(tmp_path)
    line = run("experiment=cifar10", f"data.url={path.as_uri()}", f"data.md5={md5(path)}")
    assert "30 training and 9 test images" in line
    assert f"not the official archive but md5 {md5(path)}" in line
    note = json.loads((root / "cifar10.json").read_text())
    assert list(note) == ["name", "fingerprint", "classes", "shape", "train", "test", "md5", "official_md5"]
    with pytest.raises(SystemExit, match="1"):
        run("data=cifar10", "data.name=other", f"data.url={tmp_path}/none")
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "No such file or directory" in error


def test_every_configuration_names_a_reader_and_keys_of_the_schema():
    for path in (PROJECT / "conf" / "data").glob("*.yaml"):
        merged = OmegaConf.merge(OmegaConf.structured(Data), OmegaConf.load(path))
        assert callable(locate("data", merged._target_)), path
