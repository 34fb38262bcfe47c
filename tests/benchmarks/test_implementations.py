import importlib
import math

import pytest
import torch

from benchmarks import bare, network, ours, template
from benchmarks.processes import Worker
from benchmarks.setting import CLASSES, IMAGE_SHAPE, Setting
from configured import configured
from whyrelu.network.initialisation import build_network

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # Lightning advises the template to do otherwise
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]
SMALL = Setting(depth=2, precision="32-true", images=300, epochs=2)


@pytest.mark.parametrize("name", ["ours", "bare", "template"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_every_implementation_does_the_same_number_of_steps_on_the_same_number_of_images(name, precision, data):
    setting = Setting(depth=2, precision=precision, images=300, epochs=2)
    found = importlib.import_module(f"benchmarks.{name}").measure(setting, data)
    assert (found.steps, found.samples) == (6, 600) == (setting.steps, setting.epochs * setting.images)
    assert found.seconds > 0
    # no worse than a guess, so it did learn
    assert found.loss < math.log(CLASSES) + 0.1


def test_the_threads_of_a_setting_are_those_of_the_process(data):
    for implementation in (bare, ours, template):
        implementation.measure(Setting(1, "32-true", threads=2, images=130, epochs=1), data)
        assert torch.get_num_threads() == 2, implementation
        torch.set_num_threads(1)


@pytest.mark.parametrize("depth", [1, 4, 16])
def test_the_network_is_the_one_that_whyrelu_trains(depth, data, tmp_path):
    (config,) = configured(tmp_path, *ours.overrides(Setting(depth, "32-true"), data, tmp_path))
    theirs = build_network(config, IMAGE_SHAPE, CLASSES)
    own = network.build(depth)
    common = template.build(depth).net
    assert repr(theirs) == repr(own) == repr(common)
    for name, weights in theirs.named_parameters():
        assert own.get_parameter(name).shape == weights.shape
        # uniform with the same bound; the classifier has the fewest draws, 160
        if weights.dim() > 1:
            greatest = [float(each.abs().max()) for each in (own.get_parameter(name), weights)]
            assert greatest[0] == pytest.approx(greatest[1], rel=0.05)
        assert torch.equal(own.get_parameter(name), common.get_parameter(name))


def test_only_the_template_has_the_memory_format_that_pytorch_gives_by_default():
    weights = network.build(4).blocks[1].convolution.weight
    assert weights.is_contiguous(memory_format=torch.channels_last) and not weights.is_contiguous()
    assert template.build(4).net.get_parameter("blocks.1.convolution.weight").is_contiguous()


def test_a_worker_answers_what_is_measured_and_tells_why_it_died(data):
    with Worker("bare", data.root) as worker:
        worker.wait()
        found = worker.ask({"setting": SMALL.as_dict()})
        assert (found["steps"], found["samples"]) == (6, 600)
        with pytest.raises(RuntimeError, match=r"(?s)worker of bare died.*unknown_key"):
            worker.ask({"setting": SMALL.as_dict() | {"unknown_key": 1}})
