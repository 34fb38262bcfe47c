import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from whyrelu.config.targets import bind, own_code_version
from whyrelu.errors import UserError


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Code of a person's own."""
    (tmp_path / "mine.py").write_text(
        "import os\nimport beside\nimport torch\n\n\ndef double(x):\n    return 2 * x\n\n\n"
        "def scaled(x, *, by=1):\n    return by * x\n\n\nmade = torch.nn.ReLU()\n"
    )
    (tmp_path / "beside.py").write_text("VALUE = 1\n")
    (tmp_path / "broken.py").write_text("import torch\ntorch.nowhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("mine", "beside", "broken"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "target",
    ["torch.tanh", "torch.nn.Hardshrink", "torch.nn.functional.relu", "whyrelu.data.sources.digits", "mine.made"],
)
def test_any_callable_can_be_named(mine: Path, target: str) -> None:
    assert callable(bind("activation", {"name": "x", "_target_": target}).func)


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
def test_what_cannot_be_bound_is_told_in_one_line(mine: Path, group: dict[str, object], fragment: str) -> None:
    with pytest.raises(UserError) as caught:
        bind("activation", {"name": "x", **group})
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arguments_stand_beside_the_target(mine: Path) -> None:
    x = torch.tensor([1.0, -1.0])
    scaled = bind("activation", {"name": "x", "_target_": "mine.scaled", "by": 3})
    assert scaled(x).tolist() == [3.0, -3.0]
    # what is of the group is no argument
    group = {"name": "sgd", "_target_": "torch.optim.SGD", "default_lr": 1, "lr_grid": [0, 1], "momentum": 0.9}
    assert bind("optimizer", group).keywords == {"momentum": 0.9}


def test_own_code_is_known_by_what_it_imports_beside_it(mine: Path) -> None:
    for target in ("torch.tanh", "os.system", "whyrelu.errors.UserError", "yaml.load", "nowhere.f"):
        assert own_code_version(target) is None
    before = own_code_version("mine.double")
    assert before is not None
    assert own_code_version("mine.scaled") == before
    (mine / "beside.py").write_text("VALUE = 2\n")
    after = own_code_version("mine.double")
    assert after != before
    (mine / "unrelated.py").write_text("")
    assert own_code_version("mine.double") == after


def test_own_packages_may_import_relatively(mine: Path) -> None:
    (mine / "relative_package").mkdir()
    (mine / "relative_package" / "__init__.py").write_text("from . import inner\nimport beside_it\n")
    versions = set()
    for name in ("relative_package/inner.py", "beside_it.py", "relative_package/inner.py"):
        (mine / name).write_text(f"VALUE = {len(versions)}\n")
        versions.add(own_code_version("relative_package.f"))
    assert len(versions) == 3 and None not in versions
