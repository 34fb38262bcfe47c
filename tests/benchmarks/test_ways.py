"""All ways of training do the same: the same network, images, steps and schedule give the same loss."""

import collections

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.nn import functional

from benchmarks import bare, commands, data, template
from benchmarks.setting import PADDING, VALIDATION_IMAGES, Setting
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


def test_the_stand_in_has_the_memory_format_of_pytorch_until_it_is_tuned():
    for tuned in (False, True):
        model = template.LitModel(template.ours.network(2), channels_last=tuned)
        weights = model.net.get_parameter("blocks.1.convolution.weight")
        assert weights.is_contiguous(memory_format=torch.channels_last) is tuned


def test_the_bare_loop_crops_and_mirrors_every_image_equally_often():
    image = torch.from_numpy(np.random.default_rng(0).integers(1, 256, (32, 32, 3), dtype=np.uint8))
    padded = functional.pad(image, (0, 0, PADDING, PADDING, PADDING, PADDING))
    crops = [padded[top : top + 32, left : left + 32] for top in range(9) for left in range(9)]
    expected = {each.numpy().tobytes() for crop in crops for each in (crop, crop.flip(1))}
    torch.manual_seed(0)
    batches = bare.Batches(image[None], torch.zeros(1, dtype=torch.int64), 1, augment=True)
    counts = collections.Counter(crop.numpy().tobytes() for crop in batches.crops(torch.zeros(162 * 60).long()))
    assert set(counts) == expected
    assert chisquare(list(counts.values())).pvalue > 0.001
