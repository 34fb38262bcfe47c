import json

import pytest

from benchmarks import breakdown, peak
from benchmarks.breakdown_kinds import ALL, REST, kind_of
from benchmarks.machine import moment
from benchmarks.parts import same_machine
from whyrelu.data.batches import ImageDataModule
from whyrelu.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


def test_operations_of_a_shallow_network_are_those_counted_by_hand():
    convolution = 2 * 9 * 3 * 16 * 32 * 32
    linear = 2 * 16 * 10
    # the images need no gradient, the features do
    assert peak.flops_per_sample(1) == 2 * convolution + 3 * linear


def test_matrix_multiplication_is_timed_for_every_precision_and_size():
    found = peak.measure(1, sizes=(8, 16), seconds=0.01)
    assert [(row["precision"], row["size"]) for row in found] == [
        (precision, size) for precision in ("32-true", "bf16-mixed") for size in (8, 16)
    ]
    assert all(row["flops_per_second"] > 0 for row in found)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("aten::mkldnn_convolution", "convolution"),
        ("aten::convolution_backward", "convolution"),
        ("aten::max_pool2d_with_indices_backward", "pooling"),
        ("aten::threshold_backward", "activation"),
        ("aten::addmm", "linear layer"),
        ("aten::_fused_sgd_", "optimizer"),
        ("aten::copy_", "conversion between formats"),
        ("aten::sum", "loss, mean and other small operations"),
        ("autograd::engine::evaluate_function: ConvolutionBackward0", None),
        ("Optimizer.step#SGD.step", None),
    ],
)
def test_operations_are_sorted_by_kind(name, kind):
    assert kind_of(name) == kind


def test_the_kinds_of_operations_add_up_to_the_time_of_the_steps(data):
    original = ImageDataModule.train_dataloader
    (found,) = breakdown.measure(data, 1, depths=(2,), precisions=("32-true",), steps=1)
    assert set(found["kinds"]) == set(ALL)
    assert sum(found["kinds"].values()) == pytest.approx(found["seconds"])
    for kind in ("convolution", "pooling", "activation", "data and augmentation", "optimizer", REST):
        assert found["kinds"][kind] > 0, kind
    assert ImageDataModule.train_dataloader is original


def test_parts_of_another_machine_are_not_mixed_with_those_of_this_one(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"measured": {"sweep": {"cpu": "another"}, "peak": {"cpu": moment()["cpu"]}}}))
    with pytest.raises(UserError, match=r"sweep in .* measured on another, not on"):
        same_machine(path, ["peak"])
    # whatever is measured anew does not matter
    same_machine(path, ["peak", "sweep"])
    same_machine(tmp_path / "none.json", ["peak"])
