"""What benchmarks/gpu.py makes of what it measured, which `--tiny` cannot show without a GPU."""

from types import SimpleNamespace

from benchmarks.gpu import Measured, faults, tally
from benchmarks.report import rendered


def event(device, name, microseconds=0, annotation=False):
    duration = SimpleNamespace(elapsed_us=lambda: microseconds)
    kind = SimpleNamespace(name=device)
    return SimpleNamespace(device_type=kind, name=name, time_range=duration, is_user_annotation=annotation)


def test_kernels_count_and_waits_do_but_what_only_names_them_does_not():
    events = [
        event("CUDA", "a kernel", 3),
        event("CUDA", "Memcpy HtoD", 2),
        event("CUDA", "Optimizer.step", 50, annotation=True),
        event("CPU", "aten::add", 9),
        event("CPU", "cudaStreamSynchronize", 7),
    ]
    assert tally(events) == (2, 5, 1)


def test_what_fails_is_a_row_and_a_fault_and_the_rest_stays(tmp_path):
    measured = Measured(tmp_path / "gpu.json", tiny=True)
    good = {"convolution": 1e-7, "same bits on repeat": True, "images per second": 12345.6}
    for part in ("repeats", "accuracy", "speed", "launches", "workers"):
        measured.add(part, {"depth": 4, "precision": "fp32"}, lambda: 1 / 0)
    for part in ("rounding", "repeats", "workers"):
        measured.add(part, {"precision": "bf16"}, good.copy)
    assert "division by zero" in rendered("gpu.md.jinja", gpu=measured.found)
    assert "| 12350.0 |" in rendered("gpu.md.jinja", gpu=measured.found)
    assert list(faults(measured.found)) == ["ZeroDivisionError: division by zero"] * 5
    measured.add("repeats", {}, lambda: {"same bits on repeat": False})
    measured.found["rounding"][0]["convolution"] = 1e-3
    assert list(faults(measured.found))[5:] == ["a run does not repeat itself bit by bit", "fp32 is not float32"]
