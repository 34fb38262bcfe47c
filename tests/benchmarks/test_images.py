import collections

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.nn import functional

from benchmarks import bare, synthetic
from benchmarks.setting import PADDING
from whyrelu.data.augment import augment
from whyrelu.data.prepare import prepare

pytestmark = pytest.mark.usefixtures("one_thread")
DRAWS = 162 * 60


@pytest.fixture
def image():
    """(32, 32, 3) uint8, every crop and mirror image of which is another."""
    return torch.from_numpy(np.random.default_rng(0).integers(1, 256, (32, 32, 3), dtype=np.uint8))


def outcomes(image):
    padded = functional.pad(image, (0, 0, PADDING, PADDING, PADDING, PADDING))
    places = range(2 * PADDING + 1)
    crops = [padded[top : top + 32, left : left + 32] for top in places for left in places]
    return {each.numpy().tobytes() for crop in crops for each in (crop, crop.flip(1))}


def ours(image, draws):
    images = image.expand(draws, *image.shape).permute(0, 3, 1, 2)
    generator = torch.Generator().manual_seed(0)
    return augment(images, padding=PADDING, flip=True, generator=generator).permute(0, 2, 3, 1)


def of_the_bare_loop(image, draws):
    torch.manual_seed(0)
    return bare.Loader(image[None], torch.zeros(1, dtype=torch.int64)).crops(torch.zeros(draws, dtype=torch.int64))


@pytest.mark.parametrize("augmentation", [ours, of_the_bare_loop])
def test_every_crop_and_mirror_image_comes_equally_often(augmentation, image):
    counts = collections.Counter(crop.numpy().tobytes() for crop in augmentation(image, DRAWS))
    assert set(counts) == outcomes(image)
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_an_epoch_of_the_bare_loop_has_every_label_once_and_normalised_images():
    images, labels = synthetic.generate(300, 0)
    batches = list(bare.Loader(torch.from_numpy(images), torch.arange(300)))
    assert [len(batch[1]) for batch in batches] == [128, 128, 44]
    assert sorted(torch.cat([batch[1] for batch in batches]).tolist()) == list(range(300))
    pixels = torch.cat([batch[0] for batch in batches])
    assert pixels.shape == (300, 3, 32, 32)
    assert batches[0][0].is_contiguous(memory_format=torch.channels_last)
    # but for the zeros that padding brings in
    assert abs(pixels[:, :, 8:24, 8:24].mean()) < 0.2
    assert labels.tolist()[:11] == [*range(10), 0]


def test_the_synthetic_set_is_read_alike_by_torchvision_and_whyrelu(data, tmp_path):
    facts = prepare(
        {
            "name": "cifar10",
            "_target_": "torchvision.datasets.CIFAR10",
            "root": str(data.root),
            "url": str(data.archive),
            "md5": data.md5,
            "validation_size": 100,
        },
        tmp_path,
    )
    assert (facts["train"], facts["test"], facts["shape"]) == (800, 20, [32, 32, 3])
    theirs = synthetic.SyntheticCIFAR10(data.root, train=True)
    own = np.load(tmp_path / "cifar10" / "train_images.npy")
    assert np.array_equal(theirs.data, own)
    assert theirs.targets == np.load(tmp_path / "cifar10" / "train_labels.npy").tolist()


def test_the_synthetic_set_is_the_same_everywhere(data, tmp_path):
    assert synthetic.make(tmp_path, train=800, test=20).md5 == data.md5
    assert synthetic.make(tmp_path, train=800, test=40).md5 != data.md5
