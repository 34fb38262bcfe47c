import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from raw_files import cifar_archive, image_set, md5
from whyrelu.config.schema import Data
from whyrelu.data import arrays
from whyrelu.data.prepare import prepare, write_note
from whyrelu.errors import DataError, UserError

PROJECT = Path(__file__).parents[2]


def settings(**changes):
    given = {"name": "digits", "_target_": "whyrelu.data.sources.digits", "validation_size": 237, "test_size": 360}
    return Data(**given | changes)


def stamp(root):
    return (root / "digits" / "facts.json").stat().st_mtime_ns


def test_digits_are_divided_evenly_and_always_alike(tmp_path):
    facts = prepare(settings(), tmp_path / "a")
    assert (facts["train"], facts["test"], facts["shape"]) == (1437, 360, [8, 8, 1])
    assert prepare(settings(), tmp_path / "b")["fingerprint"] == facts["fingerprint"]
    loaded = arrays.load(tmp_path / "a" / "digits")
    assert loaded.train_images.max() == 16
    assert np.abs(np.bincount(loaded.test_labels) / 360 - np.bincount(loaded.train_labels) / 1437).max() < 0.003
    everything = np.concatenate([loaded.train_images, loaded.test_images]).reshape(1797, -1)
    assert len(np.unique(everything, axis=0)) == 1797


def test_any_mapping_with_the_keys_will_do(tmp_path):
    facts = prepare(settings(), tmp_path)
    written = stamp(tmp_path)
    as_config = OmegaConf.structured(settings())
    for data in (as_config, OmegaConf.to_container(as_config)):
        assert prepare(data, tmp_path) == facts
    assert stamp(tmp_path) == written


def test_other_settings_make_another_set(tmp_path):
    first = prepare(settings(), tmp_path)
    second = prepare(settings(test_size=300), tmp_path)
    assert (second["test"], second["train"]) == (300, 1497)
    third = prepare(settings(image_size=16), tmp_path)
    assert third["shape"] == [16, 16, 1]
    assert prepare(settings(), tmp_path) == first


def test_splits_that_are_made_later_do_not_matter(tmp_path):
    facts = prepare(settings(), tmp_path)
    written = stamp(tmp_path)
    assert prepare(settings(validation_size=100, train_size=50), tmp_path) == facts
    assert stamp(tmp_path) == written


def flip(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("name", ["facts.json", "train_images.npy"])
@pytest.mark.parametrize("damage", [lambda content: content[:-10], flip])
def test_a_damaged_set_is_named_and_mended(tmp_path, capsys, name, damage):
    facts = prepare(settings(), tmp_path)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "digits").iterdir()}
    assert not capsys.readouterr().err
    path = tmp_path / "digits" / name
    path.write_bytes(damage(path.read_bytes()))
    assert prepare(settings(), tmp_path) == facts
    assert {path.name: path.read_bytes() for path in (tmp_path / "digits").iterdir()} == whole
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert f"{tmp_path / 'digits'} is damaged" in line and "prepared again" in line


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    leftover = tmp_path / ".digits.new-abc123" / "new"
    leftover.mkdir(parents=True)
    (leftover / "train_images.npy").write_bytes(b"half")
    prepare(settings(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".digits.lock", "digits"]


def test_processes_that_start_at_once_prepare_once(tmp_path):
    code = f"""
from pathlib import Path
from whyrelu.config.schema import Data
from whyrelu.data.prepare import prepare
data = Data(name="mine", _target_="readers.mine_slowly", validation_size=3)
print(prepare(data, Path({str(tmp_path / "prepared")!r}))["fingerprint"])
"""
    paths = os.pathsep.join(str(PROJECT / name) for name in ("src", "tests"))
    environment = {"PYTHONPATH": paths, "READER_LOG": str(tmp_path / "log")}
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(3)]
    told = {process.communicate(timeout=60)[0] for process in running}
    assert told == {arrays.load(tmp_path / "prepared" / "mine").fingerprint + "\n"}
    assert (tmp_path / "log").read_text() == "read\n"


def test_nothing_heavy_is_imported_when_all_is_there(tmp_path):
    path, _, _ = cifar_archive(tmp_path)
    data = {
        "name": "cifar10",
        "_target_": "torchvision.datasets.CIFAR10",
        "root": str(tmp_path),
        "validation_size": 3,
        "url": str(path),
        "md5": md5(path),
    }
    prepare(data, tmp_path / "prepared")
    code = f"""
import sys
from pathlib import Path
from whyrelu.data.prepare import prepare
prepare({data!r}, Path({str(tmp_path / "prepared")!r}))
print({{"torch", "torchvision", "sklearn", "scipy", "PIL"}} & set(sys.modules))
"""
    environment = {"PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a/b"}, "becomes the name of a folder"),
        ({"name": "../x"}, "becomes the name of a folder"),
        ({"name": ""}, "becomes the name of a folder"),
        ({"test_size": None}, r"data\.test_size is missing"),
        ({"test_size": 5}, r"data\.test_size=5: must be between 10 and 1787"),
        ({"test_size": 1797}, r"data\.test_size=1797: must be between 10 and 1787"),
        ({"image_size": 0}, r"data\.image_size=0"),
        ({"md5": "abc"}, r"data\.md5=abc"),
        ({"root": "/somewhere"}, r"data\.root=/somewhere"),
        ({"_target_": "whyrelu.data.sources.digit"}, r"data\._target_=whyrelu\.data\.sources\.digit: .*digit"),
        ({"_target_": "no_such_package.read"}, r"data\._target_=no_such_package\.read: No module"),
        ({"_target_": "whyrelu.data.sources.EXTENSIONS"}, "must name a class of torchvision.datasets or a function"),
        ({"_target_": "torchvision.datasets.CIFAR11"}, "did you mean 'CIFAR10'"),
        ({"_target_": "readers.not_data"}, "must return a whyrelu.data.raw_data.RawData"),
        ({"_target_": "readers.one_class"}, "there is only one class"),
        ({"_target_": "readers.no_such_label"}, "training labels from 0 to 2 do not fit 2 classes"),
        ({"_target_": "readers.floats"}, "training images are float64 of shape"),
        ({"_target_": "readers.few_labels"}, "30 training images with 29 labels"),
    ],
)
def test_settings_that_cannot_work_are_explained_and_leave_nothing(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        prepare(settings(**changes), tmp_path)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_function_of_ones_own_is_a_data_set(tmp_path):
    data = Data(name="mine", _target_="readers.mine", validation_size=3)
    facts = prepare(data, tmp_path)
    assert (facts["train"], facts["test"], facts["classes"]) == (30, 9, ["a", "b", "c"])
    assert np.array_equal(arrays.load(tmp_path / "mine").train_images, image_set(30, 8, 1)[0])


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot prepare .*file"):
        prepare(settings(), tmp_path / "file")


def test_the_note_tells_the_data_and_nothing_of_the_machine(tmp_path):
    prepare(settings(), tmp_path / "a")
    path = tmp_path / "notes" / "study.json"
    write_note(arrays.read_facts(tmp_path / "a" / "digits"), path)
    first = path.read_bytes()
    note = json.loads(first)
    assert note["fingerprint"] == arrays.read_facts(tmp_path / "a" / "digits")["fingerprint"]
    assert list(note) == ["name", "fingerprint", "classes", "shape", "train", "test", "md5", "official_md5"]
    write_note(prepare(settings(), tmp_path / "b"), path)
    assert path.read_bytes() == first
    assert [path.name for path in path.parent.iterdir()] == ["study.json"]


def run_script(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["prepare.py", *arguments])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    runpy.run_path(str(PROJECT / "src" / "prepare.py"), run_name="__main__")


def test_the_command_prepares_and_says_what(tmp_path, monkeypatch, capsys):
    path, _, _ = cifar_archive(tmp_path)
    root = tmp_path / "prepared"
    arguments = ["experiment=cifar10", f"data.url={path.as_uri()}", f"data.md5={md5(path)}", f"data.root={tmp_path}"]
    run_script(monkeypatch, *arguments, f"prepared_root={root}")
    line = capsys.readouterr().out
    assert "30 training and 9 test images of 32 x 32 x 3, 3 classes" in line
    assert f"not the official archive but md5 {md5(path)}" in line
    note = json.loads((root / "cifar10.json").read_text())
    assert note["fingerprint"] in line
    assert note["md5"] == md5(path)


def test_the_command_fails_in_one_line(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as caught:
        run_script(
            monkeypatch,
            "data=cifar10",
            f"data.url={tmp_path}/none",
            f"prepared_root={tmp_path}",
            f"data.root={tmp_path}",
        )
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert "does not exist" in error


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "digits", "fashion_mnist", "mnist", "svhn", "image_folder"])
def test_every_configuration_names_a_reader(name):
    """The readers exist, and the keys of every file are those of the schema."""
    config = OmegaConf.load(PROJECT / "conf" / "data" / f"{name}.yaml")
    merged = OmegaConf.merge(OmegaConf.structured(Data), config)
    assert merged.name == name
    code_path = merged._target_.rpartition(".")
    module = __import__(code_path[0], fromlist=[code_path[2]])
    assert callable(getattr(module, code_path[2]))


def test_no_configuration_is_untested():
    found = {path.stem for path in (PROJECT / "conf" / "data").glob("*.yaml")}
    assert found == {"cifar10", "cifar100", "digits", "fashion_mnist", "mnist", "svhn", "image_folder"}
