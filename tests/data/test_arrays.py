import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from raw_files import CLASSES, image_set
from whyrelu.data import arrays
from whyrelu.errors import DataError


def content(seed=0):
    (train_images, train_labels), (test_images, test_labels) = (
        image_set(12, 8, seed=seed),
        image_set(6, 8, seed=seed + 1),
    )
    return {
        "train_images": train_images,
        "train_labels": train_labels,
        "test_images": test_images,
        "test_labels": test_labels,
        "classes": tuple(CLASSES),
        "source": {"md5": None},
    }


def test_what_is_written_is_loaded(tmp_path):
    given = content()
    facts = arrays.write(tmp_path / "set", **given)
    loaded = arrays.load(tmp_path / "set")
    for name in arrays.FILES:
        assert np.array_equal(getattr(loaded, name), given[name])
    assert loaded.classes == tuple(CLASSES)
    assert loaded.facts == facts == arrays.read_facts(tmp_path / "set")
    assert (facts["train"], facts["test"], facts["shape"], facts["name"]) == (12, 6, [8, 8, 3], "set")
    assert loaded.fingerprint == facts["fingerprint"]


def test_arrays_become_tensors_without_a_copy_and_changes_stay_in_memory(tmp_path):
    given = content()
    arrays.write(tmp_path / "set", **given)
    loaded = arrays.load(tmp_path / "set")
    tensor = torch.from_numpy(loaded.train_images)  # warns, which fails the test, where an array is not writable
    tensor[0] = 0
    assert not loaded.train_images[0].any()
    assert np.array_equal(arrays.load(tmp_path / "set").train_images, given["train_images"])


def test_the_fingerprint_depends_on_pixels_labels_classes_and_division(tmp_path):
    def fingerprint(**changes):
        return arrays.write(tmp_path / "set", **content() | changes)["fingerprint"]

    given = content()
    pixel = given["test_images"].copy()
    pixel[5, 7, 7, 2] ^= 1
    label = given["train_labels"].copy()
    label[0] = 1
    both = np.concatenate([given["train_images"], given["test_images"]])
    other_division = {
        "train_images": both[:11],
        "train_labels": given["train_labels"][:11],
        "test_images": both[11:],
        "test_labels": np.append(given["train_labels"][11:], given["test_labels"]),
    }
    prints = [
        fingerprint(),
        fingerprint(test_images=pixel),
        fingerprint(train_labels=label),
        fingerprint(classes=("cat", "dog", "toad")),
        fingerprint(train_images=given["train_images"].reshape(12, 4, 16, 3)),
        fingerprint(**other_division),
    ]
    assert len(set(prints)) == len(prints)
    assert fingerprint(source={"md5": "another"}) == prints[0]
    assert fingerprint(train_images=np.asfortranarray(given["train_images"])) == prints[0]


def test_no_facts_of_a_set_that_is_not_there(tmp_path):
    assert arrays.read_facts(tmp_path / "digits") is None
    with pytest.raises(DataError, match=r"not prepared: run python src/prepare\.py data=digits"):
        arrays.load(tmp_path / "digits")


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def reshape(path):
    array = np.load(path)
    np.save(path, array.reshape(array.shape[::-1]))


def retype(path):
    np.save(path, np.load(path).view(np.int8))


@pytest.mark.parametrize(
    ("name", "damage", "what"),
    [
        ("train_images.npy", cut, "bytes instead of"),
        ("test_labels.npy", cut, "bytes instead of"),
        ("train_images.npy", reshape, r"uint8 of shape \(3, 8, 8, 12\) instead of uint8 of shape \(12, 8, 8, 3\)"),
        ("train_images.npy", retype, "int8 of shape"),
        ("test_images.npy", lambda path: path.unlink(), "is missing"),
        ("train_labels.npy", lambda path: path.write_bytes(b"x" * path.stat().st_size), "cannot be read"),
        ("facts.json", cut, "cannot be read"),
        ("facts.json", lambda path: path.write_text("[]"), "not of format"),
        ("facts.json", lambda path: path.write_text(json.dumps({"format": 1})), "damaged|cannot be read"),
    ],
)
def test_damage_is_named_with_what_mends_it(tmp_path, name, damage, what):
    arrays.write(tmp_path / "set", **content())
    damage(tmp_path / "set" / name)
    with pytest.raises(DataError, match=what) as caught:
        arrays.load(tmp_path / "set")
    assert "python src/prepare.py data=set" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [*arrays.FILES.values(), arrays.FACTS])
def test_any_changed_bit_is_found(tmp_path, name):
    arrays.write(tmp_path / "set", **content())
    path = tmp_path / "set" / name
    whole = path.read_bytes()
    draw = np.random.RandomState(0)
    for i in range(40):
        page = bytearray(whole)
        page[draw.randint(len(page))] ^= 1 << draw.randint(8)
        path.write_bytes(page)
        os.utime(path, ns=(i, i))
        try:
            arrays.load(tmp_path / "set")
        except DataError as error:
            assert "is damaged" in str(error)
        else:
            # white space between two facts is not what they say
            assert name == arrays.FACTS and json.loads(page) == json.loads(whole)
    path.write_bytes(whole)
    arrays.load(tmp_path / "set")


def test_a_set_whose_facts_have_no_checksum_is_as_good_as_its_arrays(tmp_path):
    facts = arrays.write(tmp_path / "set", **content())
    facts.pop("checksum")
    (tmp_path / "set" / "facts.json").write_text(json.dumps(facts))
    assert arrays.load(tmp_path / "set").facts == facts


def test_a_set_is_read_from_end_to_end_once(tmp_path, monkeypatch):
    arrays.write(tmp_path / "set", **content())
    arrays.load(tmp_path / "set")
    monkeypatch.setattr(arrays, "fingerprint", lambda *args: pytest.fail("read again"))
    arrays.load(tmp_path / "set")


@pytest.mark.parametrize("there_before", [False, True])
@pytest.mark.parametrize("failing", ["save", "rename"])
def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch, there_before, failing):
    if there_before:
        before = arrays.write(tmp_path / "set", **content())
    calls = []

    def interrupted(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    if failing == "save":
        original = np.lib.format.write_array_header_1_0
        monkeypatch.setattr(np.lib.format, "write_array_header_1_0", interrupted)
    else:
        original = arrays.Path.rename
        monkeypatch.setattr(arrays.Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        arrays.write(tmp_path / "set", **content(seed=5))
    monkeypatch.undo()
    assert arrays.read_facts(tmp_path / "set") == (before if there_before else None)
    assert [path.name for path in tmp_path.iterdir()] == (["set"] if there_before else [])


def test_a_new_set_takes_the_place_of_the_old(tmp_path):
    arrays.write(tmp_path / "set", **content())
    old = arrays.load(tmp_path / "set")
    arrays.write(tmp_path / "set", **content(seed=5))
    assert np.array_equal(arrays.load(tmp_path / "set").train_images, content(seed=5)["train_images"])
    assert np.array_equal(old.train_images, content()["train_images"])
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_with_other_files_is_not_overwritten(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "holiday.jpg").write_text("mine")
    with pytest.raises(DataError, match=r"holiday\.jpg .*another data\.name"):
        arrays.write(tmp_path / "set", **content())
    assert (tmp_path / "set" / "holiday.jpg").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="not overwritten"):
        arrays.write(tmp_path / "file", **content())


def test_other_types_are_refused(tmp_path):
    with pytest.raises(ValueError, match="train_images must be uint8, not float64"):
        arrays.write(tmp_path / "set", **content() | {"train_images": np.zeros((12, 8, 8, 3))})


def test_facts_are_read_without_torch():
    code = "import sys, whyrelu.data.arrays, whyrelu.data.prepare; print({'torch', 'sklearn'} & set(sys.modules))"
    source = str(Path(arrays.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": source}
    )
    assert done.stdout.strip() == "set()"
