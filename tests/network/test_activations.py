"""Activations: those of conf/, and any callable of a person's own."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from whyrelu.config.grid import CONFIG_DIRECTORY
from whyrelu.errors import UnknownNameError, UserError
from whyrelu.network.activations import activation_factory

NAMES = sorted(path.stem for path in (CONFIG_DIRECTORY / "activation").glob("*.yaml"))

OwnModule = Callable[[str], None]


def configured(name: str) -> dict[str, Any]:
    return OmegaConf.to_container(OmegaConf.load(CONFIG_DIRECTORY / "activation" / f"{name}.yaml"))  # type: ignore


def any_of(target: str, **arguments: Any) -> dict[str, Any]:
    return {"name": "any", "_target_": target, **arguments}


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnModule:
    """Writes the module `own` of a person where Python finds it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    return lambda source: (tmp_path / "own.py").write_text(source) and None


@pytest.mark.parametrize("name", NAMES)
def test_every_file_makes_a_module_that_maps_shape_to_shape(name: str) -> None:
    make = activation_factory(configured(name))
    for shape in ((5,), (2, 3, 7, 5)):
        output = make()(torch.linspace(-30, 30, int(np.prod(shape))).reshape(shape))
        assert output.shape == shape and output.dtype == torch.float32 and output.isfinite().all()


def test_arguments_reach_the_function() -> None:
    for name, argument, value, expected in (
        ("leaky_relu", "negative_slope", 0.2, -0.4),
        ("elu", "alpha", 2.0, 2 * np.expm1(-2)),
        ("celu", "alpha", 2.0, 2 * np.expm1(-1)),
        ("softplus", "beta", 2.0, np.log1p(np.exp(-4)) / 2),
        ("prelu", "init", 0.5, -1.0),
    ):
        module = activation_factory(configured(name) | {argument: value})()
        assert module(torch.tensor([-2.0])).item() == pytest.approx(expected, rel=1e-6), name


def test_any_function_or_class_of_torch_is_an_activation() -> None:
    x = torch.linspace(-2, 2, 9)
    for group, expected in (
        (any_of("torch.tanh"), torch.tanh(x)),
        (any_of("torch.nn.functional.leaky_relu", negative_slope=0.3), torch.where(x > 0, x, 0.3 * x)),
        (any_of("torch.clamp", min=-0.5, max=0.5), x.clamp(-0.5, 0.5)),
        (any_of("torch.nn.Hardshrink", lambd=1), torch.where(x.abs() > 1, x, 0 * x)),
        # a step has a derivative, which is zero
        (any_of("torch.sign"), torch.sign(x)),
    ):
        module = activation_factory(group)()
        assert isinstance(module, nn.Module) and not list(module.parameters())
        assert torch.allclose(module(x), expected)


def test_each_call_makes_its_own_state() -> None:
    make = activation_factory(any_of("torch.nn.PReLU", init=0.1))
    first, second = make(), make()
    with torch.no_grad():
        next(first.parameters()).fill_(9)
    assert next(second.parameters()).item() == pytest.approx(0.1)


def test_a_persons_own_function_class_and_callable(own_module: OwnModule) -> None:
    own_module("""
import torch
from torch import nn

def wave(x, frequency=1.0):
    return torch.sin(frequency * x)

def in_place(x):
    return x.clamp_(0)

class Learned(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(start)))

    def forward(self, x):
        return self.scale * x

class Plain:
    def __init__(self, power=2):
        self.power = power

    def __call__(self, x):
        return x ** self.power
""")
    x = torch.linspace(-2, 2, 5)
    for group, expected in (
        (any_of("own.wave", frequency=2.0), torch.sin(2 * x)),
        (any_of("own.in_place"), x.clamp(0)),
        (any_of("own.Learned", start=3), 3 * x),
        (any_of("own.Plain", power=3), x**3),
    ):
        module = activation_factory(group)()
        assert isinstance(module, nn.Module)
        assert torch.allclose(module(x.clone()), expected)
        assert [name for name, _ in module.named_parameters()] == ["scale"] * (group["_target_"] == "own.Learned")


# what can be wrong


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("torch.nn.Hardshrnk", "'torch.nn.Hardshrnk' is not found: did you mean torch.nn.Hardshrink?"),
        ("torch.nn.xyzzy", "'torch.nn.xyzzy' is not found"),
        # nothing is near to what is in a module that does not exist
        ("no_such_package.init", "'no_such_package.init' is not found"),
        ("relu", "'relu' is not found"),
        ("torch..nn", "'torch..nn' "),
        ("torch.nn.functional", "'torch.nn.functional' is not callable"),
        ("torch.nn.GLU", "'torch.nn.GLU' maps a tensor of shape (2, 3, 4, 4) to (2, 3, 4, 2)"),
        ("torch.sum", "'torch.sum' maps a tensor of shape (2, 3, 4, 4) to ()"),
        ("torch.numel", "'torch.numel' maps a tensor of shape (2, 3, 4, 4) to int"),
        ("torch.nn.Threshold", "'torch.nn.Threshold' fails on a float tensor"),
        ("torch.isnan", "'torch.isnan' has no derivative"),
    ],
)
def test_targets_that_cannot_be_an_activation_say_why(
    target: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UserError) as caught:
        activation_factory(any_of(target))
    assert str(caught.value).startswith(f"activation {message}")
    # what is logged ends up on the terminal beside it
    assert not caplog.records


def test_misspelt_arguments_get_the_nearest_and_the_list() -> None:
    for target, typed, nearest in (
        ("torch.nn.LeakyReLU", "negative_slop", "negative_slope"),
        ("torch.nn.functional.elu", "alhpa", "alpha"),
        ("whyrelu.network.activations.rescaled_sigmoid", "y", "x"),
    ):
        with pytest.raises(UnknownNameError) as caught:
            activation_factory(any_of(target, **{typed: 1.0}))
        assert nearest in str(caught.value).partition("Valid: ")[2].split(", ")
    with pytest.raises(UserError, match=r"^activation 'torch.tanh' fails .*slope"):
        activation_factory(any_of("torch.tanh", slope=2))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return x.detach() * 2", "activation 'own.f' has no derivative"),
        ("return torch.ones_like(x)", "activation 'own.f' has no derivative"),
        ("return torch.from_numpy(x.detach().numpy())", "activation 'own.f' has no derivative"),
        ("return torch.log(x)", "activation 'own.f' is not finite at -2"),
        ("return x.mean(1, keepdim=True)", "activation 'own.f' maps a tensor of shape (2, 3, 4, 4) to (2, 1,"),
        ("return x[:1]", "activation 'own.f' maps a tensor of shape (2, 3, 4, 4) to (1, 3, 4, 4)"),
        ("raise RuntimeError('not today')", "activation 'own.f' fails on a float tensor"),
        ("return (", "activation 'own.f' cannot be imported"),
    ],
)
def test_functions_that_no_network_could_learn_with_are_refused(own_module: OwnModule, body: str, message: str) -> None:
    own_module(f"import torch\n\ndef f(x):\n    {body}\n")
    with torch.no_grad(), pytest.raises(UserError) as caught:
        activation_factory(any_of("own.f"))
    assert str(caught.value).startswith(message)
