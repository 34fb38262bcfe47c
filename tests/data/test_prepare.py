"""Preparation: once, whole, from what was asked for; whatever is wrong is one line and leaves nothing."""

import json
import os
import runpy
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from raw_files import cifar_archive, image_set, leftovers, md5
from whyrelu.config.schema import Data
from whyrelu.data import arrays, sources
from whyrelu.data.prepare import prepare, write_note
from whyrelu.errors import DataError, UserError

PROJECT = Path(__file__).parents[2]
DIGITS = {"name": "digits", "_target_": "whyrelu.data.sources.digits", "validation_size": 237, "test_size": 360}


def of_cifar(root, archive):
    return {
        "name": "cifar10",
        "_target_": "torchvision.datasets.CIFAR10",
        "root": str(root),
        "url": str(archive),
        "md5": md5(archive),
    }


def stamp(root):
    return (root / "digits" / "facts.json").stat().st_mtime_ns


def test_digits_are_those_of_the_published_runs_and_made_once(tmp_path):
    facts = prepare(DIGITS, tmp_path)
    assert facts["fingerprint"] == "af2588347dbaa9b2"
    assert (facts["train"], facts["test"], facts["shape"]) == (1437, 360, [8, 8, 1])
    loaded = arrays.load(tmp_path / "digits")
    assert np.abs(np.bincount(loaded.test_labels) / 360 - np.bincount(loaded.train_labels) / 1437).max() < 0.003
    everything = np.concatenate([loaded.train_images, loaded.test_images]).reshape(1797, -1)
    assert len(np.unique(everything, axis=0)) == 1797
    written = stamp(tmp_path)
    # splits of a run are made later
    assert prepare(DIGITS | {"validation_size": 100, "train_size": 50}, tmp_path) == facts
    assert stamp(tmp_path) == written


def test_other_settings_make_another_set(tmp_path):
    first = prepare(DIGITS, tmp_path)
    assert prepare(DIGITS | {"test_size": 300}, tmp_path)["train"] == 1497
    assert prepare(DIGITS, tmp_path) == first


@pytest.mark.parametrize("name", ["facts.json", "train_images.npy"])
@pytest.mark.parametrize("damage", [lambda page: page[:-10], lambda page: page[:-3] + b"~" + page[-2:]])
def test_a_damaged_set_is_named_and_mended(tmp_path, capsys, name, damage):
    facts = prepare(DIGITS, tmp_path)
    path = tmp_path / "digits" / name
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert prepare(DIGITS, tmp_path) == facts
    assert path.read_bytes() == whole
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert f"{tmp_path / 'digits'} is damaged" in line and "prepared again" in line


def test_those_that_start_at_once_prepare_once(tmp_path, monkeypatch):
    """Threads stand for processes: locks of a file do not tell them apart."""
    calls, digits = [], sources.digits

    def slow(data):
        calls.append(data)
        time.sleep(0.3)
        return digits(data)

    monkeypatch.setattr(sources, "digits", slow)
    with ThreadPoolExecutor(3) as pool:
        assert len({facts["fingerprint"] for facts in pool.map(lambda _: prepare(DIGITS, tmp_path), range(3))}) == 1
    assert len(calls) == 1


def test_nothing_heavy_is_imported_when_all_is_there(tmp_path):
    data = of_cifar(tmp_path, cifar_archive(tmp_path))
    prepare(data, tmp_path / "prepared")
    code = f"""
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from whyrelu.data.prepare import prepare
prepare({data!r}, Path({str(tmp_path / "prepared")!r}))
print({{"torch", "torchvision", "sklearn", "scipy", "PIL"}} & set(sys.modules))
"""
    environment = {"PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "set()"


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
    os.utime(paths[0], ns=(1, 1))
    second = prepare(data, tmp_path)
    assert second["source"]["listing"] != first["source"]["listing"]
    assert second["fingerprint"] == first["fingerprint"]
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
        (
            {"test_size": 5},
            r"data\.test_size=5: .*greater or equal to the number of classes = 10",
        ),
        ({"md5": "abc"}, r"data\.md5=abc"),
        ({"root": "/somewhere"}, r"data\.root=/somewhere"),
        ({"image_size": 16}, r"data\.image_size=16"),
        ({"_target_": "whyrelu.data.sources.digit"}, "is not found: did you mean whyrelu.data.sources.digits"),
        ({"_target_": "no_such_package.read"}, "'no_such_package.read' is not found"),
        ({"_target_": "whyrelu.data.sources.EXTENSIONS"}, "is not callable"),
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
        ((IMAGES, LABELS * 0, ("a",), IMAGES, LABELS * 0), "there is only one class"),
        ((IMAGES, LABELS % 2, ("a", "b", "c")), "class 'c' has no training image"),
        ((IMAGES, LABELS, ("a", "b")), "labels from 0 to 2 do not fit 2 classes"),
        ((IMAGES / 255, LABELS, ("a", "b", "c")), "images are float64 of shape"),
        ((IMAGES, LABELS[:29], ("a", "b", "c")), "30 images with 29 labels"),
        ((IMAGES, LABELS, ("a", "b", "c"), IMAGES[:, 1:], LABELS), r"test images are uint8 of shape \(30, 7, 8, 1\)"),
        (ValueError("no luck"), "ValueError: no luck"),
    ],
)
def test_what_a_reader_returns_is_checked(tmp_path, monkeypatch, raw, message):
    def reader(data):
        if isinstance(raw, Exception):
            raise raw
        parts = (IMAGES, LABELS) if raw and len(raw) == 3 else ()
        return raw and sources.RawData(*raw, *parts)

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
    assert note["md5"] == md5(path)
    write_note(arrays.read_facts(root / "cifar10"), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (root / "cifar10.json").read_bytes()
    with pytest.raises(SystemExit, match="1"):
        run("data=cifar10", "data.name=other", f"data.url={tmp_path}/none")
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "No such file or directory" in error


def test_every_configuration_names_a_reader_and_keys_of_the_schema():
    found = {path.stem: OmegaConf.load(path) for path in (PROJECT / "conf" / "data").glob("*.yaml")}
    assert set(found) == {"cifar10", "cifar100", "digits", "fashion_mnist", "mnist", "svhn", "image_folder"}
    for name, config in found.items():
        merged = OmegaConf.merge(OmegaConf.structured(Data), config)
        module, _, reader = merged._target_.rpartition(".")
        assert merged.name == name and callable(getattr(__import__(module, fromlist=[reader]), reader))
