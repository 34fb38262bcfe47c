"""All ways of training do the same: the same network, images, steps and schedule give the same loss."""

import pytest

from benchmarks import commands, data, template
from benchmarks.setting import VALIDATION_IMAGES, Setting
from benchmarks.throughput import train

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # Lightning advises the stand-in to do otherwise
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]
WAYS = ("ours", "bare", "template", "tuned")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Images of which those of a class are all alike, so that every split and order has the same mean loss."""
    folder = tmp_path_factory.mktemp("images")
    data.make(folder, count=data.TEST + VALIDATION_IMAGES + 410, noise=0)
    commands.timed(["python", "src/prepare.py", *data.overrides(folder)])
    return folder


@pytest.mark.parametrize(("precision", "tolerance"), [("32-true", 1e-4), ("bf16-mixed", 2e-2)])
def test_every_way_of_training_takes_the_same_steps(root, monkeypatch, precision, tolerance):
    pixels = data.read(root)[0][:200].reshape(-1, 3) / 255
    # the other ways measure what the stand-in has written down
    monkeypatch.setattr(template, "MEAN", tuple(pixels.mean(0)))
    monkeypatch.setattr(template, "STD", tuple(pixels.std(0)))
    # a step per epoch, of which the last sees what two steps have changed
    setting = Setting(2, precision, images=200, epochs=3, batch_size=200, augment=False)
    found = {way: train(way, setting, root) for way in WAYS}
    assert {each.steps for each in found.values()} == {3}
    assert all(each.images_per_second > 0 for each in found.values())
    losses = [each.loss for each in found.values()]
    assert losses == pytest.approx([losses[0]] * len(WAYS), rel=tolerance)
