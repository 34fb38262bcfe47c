import os
from unittest.mock import DEFAULT, Mock

import numpy as np
import pytest
import torch

from raw_files import CLASSES, image_set
from whyrelu.data import arrays
from whyrelu.errors import DataError


def content(seed=0):
    train, test = image_set(12, 8, seed=seed), image_set(6, 8, seed=seed + 1)
    images = {"train_images": train[0], "train_labels": train[1], "test_images": test[0], "test_labels": test[1]}
    return {**images, "classes": tuple(CLASSES), "source": {"md5": None}}


@pytest.fixture
def folder(tmp_path):
    arrays.write(tmp_path / "set", **content())
    return tmp_path / "set"


def test_what_is_written_is_loaded_as_tensors_without_a_copy(folder):
    loaded = arrays.load(folder)
    for name in arrays.FILES:
        assert np.array_equal(getattr(loaded, name), content()[name])
    facts = loaded.facts
    assert facts == arrays.read_facts(folder)
    assert (facts["train"], facts["test"], facts["shape"], facts["name"]) == (12, 6, [8, 8, 3], "set")
    assert (loaded.classes, loaded.fingerprint) == (tuple(CLASSES), facts["fingerprint"])
    tensor = torch.from_numpy(loaded.train_images)  # warns, which fails the test, where an array is not writable
    tensor[0] = 0
    assert not loaded.train_images[0].any()
    assert np.array_equal(arrays.load(folder).train_images, content()["train_images"])


def test_the_fingerprint_depends_on_pixels_labels_classes_and_shape(tmp_path):
    given = content()
    pixel = given["test_images"].copy()
    pixel[5, 7, 7, 2] ^= 1
    changes = [
        {},
        {"test_images": pixel},
        {"train_labels": np.roll(given["train_labels"], 1)},
        {"classes": ("cat", "dog", "toad")},
        {"train_images": given["train_images"].reshape(12, 4, 16, 3)},
        {name: given[name][:-1] for name in ("test_images", "test_labels")},
    ]
    same = [{"source": {"md5": "another"}}, {"train_images": np.asfortranarray(given["train_images"])}]
    prints = [arrays.write(tmp_path / "set", **given | change)["fingerprint"] for change in changes + same]
    assert len(set(prints)) == len(changes)
    assert prints[-2] == prints[-1] == prints[0]


def test_a_set_that_is_not_there_is_told_with_the_command(tmp_path):
    assert arrays.read_facts(tmp_path / "digits") is None
    with pytest.raises(DataError, match=r"not prepared: run python src/prepare\.py data=digits"):
        arrays.load(tmp_path / "digits")


@pytest.mark.parametrize("name", [*arrays.FILES.values(), arrays.FACTS])
def test_a_file_that_is_missing_or_cut_is_named_with_what_mends_it(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(DataError, match=r"set is damaged \(.*python src/prepare\.py data=set mends it") as caught:
        arrays.load(folder)
    assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(DataError, match=name if name != arrays.FACTS else "not prepared"):
        arrays.load(folder)


@pytest.mark.parametrize("name", arrays.FILES.values())
def test_a_changed_bit_is_found_wherever_it_is(folder, name):
    arrays.load(folder)
    path = folder / name
    whole = path.read_bytes()
    for place in range(0, len(whole), 1 + len(whole) // 10):
        page = bytearray(whole)
        page[place] ^= 1
        path.write_bytes(page)
        os.utime(path, ns=(place, place))
        with pytest.raises(DataError, match="is damaged"):
            arrays.load(folder)


def test_a_set_is_read_from_end_to_end_once(folder, monkeypatch):
    arrays.load(folder)
    monkeypatch.setattr(arrays, "fingerprint", lambda *args: pytest.fail("read again"))
    arrays.load(folder)


@pytest.mark.parametrize("there_before", [False, True])
@pytest.mark.parametrize("failing", range(5))
def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch, there_before, failing):
    """One of the four arrays or the facts cannot be written."""
    before = arrays.write(tmp_path / "set", **content()) if there_before else None
    outcomes = iter([DEFAULT] * failing + [OSError("5 requested and 4 written")])
    for module, name in ((np, "save"), (arrays, "write_json")):
        monkeypatch.setattr(module, name, Mock(wraps=getattr(module, name), side_effect=outcomes))
    with pytest.raises(OSError, match="requested"):
        arrays.write(tmp_path / "set", **content(seed=5))
    assert arrays.read_facts(tmp_path / "set") == before
    assert [path.name for path in tmp_path.iterdir()] == (["set"] if there_before else [])


def test_a_new_set_takes_the_place_of_the_old_and_of_what_a_killed_process_left(folder):
    old = arrays.load(folder)
    (folder.parent / ".set.new").mkdir()
    (folder.parent / ".set.new" / "train_images.npy").write_bytes(b"half")
    arrays.write(folder, **content(seed=5))
    assert np.array_equal(arrays.load(folder).train_images, content(seed=5)["train_images"])
    assert np.array_equal(old.train_images, content()["train_images"])
    assert [path.name for path in folder.parent.iterdir()] == ["set"]


def test_a_folder_with_other_files_is_not_overwritten(tmp_path):
    (tmp_path / "set").mkdir()
    for path in (tmp_path / "set" / "holiday.jpg", tmp_path / "file"):
        path.write_text("mine")
    for name, what in (("set", r"holiday\.jpg"), ("file", "file")):
        with pytest.raises(DataError, match=rf"{what} .*is not overwritten.*another data\.name"):
            arrays.write(tmp_path / name, **content())
    assert (tmp_path / "set" / "holiday.jpg").read_text() == (tmp_path / "file").read_text() == "mine"
