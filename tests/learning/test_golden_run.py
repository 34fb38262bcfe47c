"""The numbers of training, pinned: they may change only with `TRAINING_VERSION`, which makes every run another run.

After it was raised, `python tests/learning/test_golden_run.py` writes golden.json anew.
"""

import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from whyrelu.config.grid import compose
from whyrelu.data.arrays import load
from whyrelu.data.prepare import prepare
from whyrelu.diagnostics.callback import COLUMNS
from whyrelu.runs.identity import TRAINING_VERSION
from whyrelu.runs.provenance import provenance
from whyrelu.training import fit as training

GOLDEN = Path(__file__).with_name("golden.json")
SMALL = ["trainer.max_epochs=2", "data.train_size=256", "width=4", "batch_size=32", "diagnostics=full", "study=golden"]
RUNS = {
    "relu, depth 2": ["activation=relu", "depth=2"],
    "relu, depth 3": ["activation=relu", "depth=3"],
    "sigmoid, depth 2": ["activation=sigmoid", "depth=2"],
    "sigmoid, depth 3": ["activation=sigmoid", "depth=3", "init=pytorch"],
    "clipped, shortcuts, until two epochs are good enough": [
        *("activation=tanh", "model=shortcut", "clip=0.5", "depth=4", "trainer.max_epochs=9", "trainer.stop_at=0.2")
    ],
    "adam, batch norm": ["activation=tanh", "depth=2", "optimizer=adam", "norm=batch", "data.augmentation.flip=true"],
}
# Another kind of processor sums in another order. Shares of units and of images jump by one where that tips a scale.
RELATIVE, SHARES = 1e-4, 0.01
COUNTED = ("accuracy", "/saturated", "dead")


def train(root: Path, overrides: list[str]) -> dict[str, Any]:
    """All that a run finds, but times; what is no number is None."""
    with tempfile.TemporaryDirectory() as folder:
        config = compose([*SMALL, *overrides])
        result = training.fit(config, load(root / config["data"]["name"]), Path(folder) / "checkpoint")
    assert result.findings is not None
    times = ("train_seconds", "samples_per_second")
    return {
        "outcome": result.outcome,
        "metrics": {key: plain(value) for key, value in result.metrics.items() if key not in times},
        "history": result.history,
        "layers": {
            name: [[plain(value) for value in epoch] for epoch in result.findings.layers[:, :, k].tolist()]
            for k, name in enumerate(COLUMNS)
        },
    }


def plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{path}/{key}")
    else:
        yield path, value


def differences(golden: Any, found: Any, same: Callable[[str, Any, Any], bool]) -> list[str]:
    first, second = dict(leaves(golden)), dict(leaves(found))
    assert first.keys() == second.keys()
    return [f"{at}: {first[at]}, now {second[at]}" for at in first if not same(at, first[at], second[at])]


def nearly(at: str, first: Any, second: Any) -> bool:
    if not isinstance(first, float) or not isinstance(second, float):
        return bool(first == second)
    if any(word in at for word in COUNTED):
        return abs(first - second) <= SHARES
    return math.isclose(first, second, rel_tol=RELATIVE, abs_tol=1e-9)


def machine() -> dict[str, str]:
    """Where numbers are the same to the last bit."""
    made = provenance()
    return {"cpu": made["cpu"], "instructions": torch.backends.cpu.get_cpu_capability(), **made["libraries"]}


@pytest.mark.parametrize("name", RUNS)
def test_training_gives_the_numbers_that_its_version_stands_for(root: Path, name: str) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert golden["training_version"] == TRAINING_VERSION, "write golden.json anew, as the top of this file says"
    found = json.loads(json.dumps(train(root, RUNS[name])))
    same = (lambda _, first, second: first == second) if golden["machine"] == machine() else nearly
    different = differences(golden["runs"][name], found, same)
    assert not different, f"if {len(different)} numbers, {different[:3]}, are meant to change: raise TRAINING_VERSION"


def perturbed(network: nn.Module) -> nn.Module:
    """A network whose weights are others in their last bits."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1 + 1e-7 * torch.randn(parameter.shape, generator=generator))
    return network


def as_text(golden: dict[str, Any]) -> str:
    """JSON with a run on a line, so that a difference is found at a glance."""
    lines = [f"{json.dumps(name)}: {json.dumps(run, allow_nan=False)}" for name, run in golden["runs"].items()]
    head = json.dumps(golden | {"runs": {}}).removesuffix("{}}")
    return head + "{\n" + ",\n".join(lines) + "\n}}\n"


def write() -> None:
    """Write golden.json, unless runs are so chaotic that another processor could not repeat them."""
    if GOLDEN.exists() and json.loads(GOLDEN.read_text())["training_version"] == TRAINING_VERSION:
        sys.exit("error: raise TRAINING_VERSION in src/whyrelu/runs/identity.py first")
    build = training.build_network
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prepare(compose([])["data"], root)
        runs = {name: train(root, overrides) for name, overrides in RUNS.items()}
        training.build_network = lambda *given: perturbed(build(*given))
        for name, overrides in RUNS.items():
            again = train(root, overrides)
            chaotic = differences(runs[name], again, nearly)
            if chaotic:
                sys.exit(f"error: {name} is too chaotic: {chaotic[:3]}")
    GOLDEN.write_text(as_text({"training_version": TRAINING_VERSION, "machine": machine(), "runs": runs}))


if __name__ == "__main__":
    write()
