import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from whyrelu.config.targets import bind, own_code_version
from whyrelu.errors import UserError

# Code of a person's own, by file: `package` is imported relatively, and nothing imports `other`.
OWN = {
    "mine.py": "from helping import VALUE\nimport os, torch\ndef scaled(x, *, by=1):\n    return by * x\n",
    "helping.py": "import deeper\nVALUE = 1\n",
    "deeper.py": "",
    "other.py": "",
    "broken.py": "import torch\ntorch.nowhere\n",
    "package/__init__.py": "from . import inside\n",
    "package/inside.py": "def f(x): return x\n",
}


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in OWN.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("mine", "helping", "deeper", "broken"):
        sys.modules.pop(name, None)


def test_arguments_stand_beside_the_target(mine):
    scaled = bind("activation", {"name": "x", "_target_": "mine.scaled", "by": 3})
    assert scaled(torch.tensor([1.0, -1.0])).tolist() == [3.0, -3.0]
    # what is of the group is no argument
    group = {"name": "sgd", "_target_": "torch.optim.SGD", "default_lr": 1, "lr_grid": [0, 1], "momentum": 0.9}
    assert bind("optimizer", group).keywords == {"momentum": 0.9}


@pytest.mark.parametrize(
    ("group", "fragment"),
    [
        ({"_target_": "torch.nn.Hardshrimp"}, "is not found: did you mean torch.nn.Hardshrink?"),
        ({"_target_": "nowhere.f"}, "is not found: _target_ is the import path"),
        ({"_target_": "relu"}, "is not found: _target_ is the import path"),
        ({"_target_": "a..b"}, "is not found: _target_ is the import path"),
        ({"_target_": "torch.nn.functional"}, "is not callable"),
        ({"_target_": "broken.f"}, "cannot be imported: module 'torch' has no attribute 'nowhere'"),
        ({"_target_": "torch.nn.LeakyReLU", "negative_slop": 0.1}, "did you mean 'negative_slope'?"),
    ],
)
def test_what_cannot_be_bound_is_told_in_one_line(mine, group, fragment):
    with pytest.raises(UserError) as caught:
        bind("activation", {"name": "x", **group})
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


def test_own_code_counts_with_what_it_imports_beside_it(mine):
    counts = {"mine.f": {"mine.py", "helping.py", "deeper.py"}, "package.inside.f": {n for n in OWN if "/" in n}}
    for target, files in counts.items():
        before = own_code_version(target)
        assert before is not None
        for name, text in OWN.items():
            (mine / name).write_text(f"{text}#\n")
            assert (own_code_version(target) != before) == (name in files), f"{target} {name}"
            (mine / name).write_text(text)
    assert not {"mine", "helping", "package"} & set(sys.modules), "nothing is executed for it"
    for target in ("torch.tanh", "whyrelu.network.model.CNN", "os.system", "yaml.load", "nowhere.f"):
        assert own_code_version(target) is None
