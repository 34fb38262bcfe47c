"""Activations: any callable of torch or of a person's own."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from whyrelu.errors import UserError
from whyrelu.network.activations import activation_factory

OWN = """
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

def detached(x):
    return x.detach() * 2
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module of a person where Python finds it."""
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own", None)


def made(target: str, **arguments: Any) -> nn.Module:
    return activation_factory({"name": "any", "_target_": target, **arguments})()


@pytest.mark.usefixtures("own")
def test_any_function_class_or_callable_is_an_activation():
    x = torch.linspace(-2, 2, 9)
    for module, expected in (
        (made("torch.tanh"), torch.tanh(x)),
        (made("torch.nn.functional.leaky_relu", negative_slope=0.3), torch.where(x > 0, x, 0.3 * x)),
        (made("torch.clamp", min=-0.5, max=0.5), x.clamp(-0.5, 0.5)),
        (made("torch.nn.Hardshrink", lambd=1), torch.where(x.abs() > 1, x, 0 * x)),
        # a step has a derivative, which is zero
        (made("torch.sign"), torch.sign(x)),
        (made("own.wave", frequency=2.0), torch.sin(2 * x)),
        (made("own.in_place"), x.clamp(0)),
        (made("own.Learned", start=3), 3 * x),
        (made("own.Plain", power=3), x**3),
    ):
        assert isinstance(module, nn.Module)
        assert torch.allclose(module(x.clone()), expected)
    assert [name for name, _ in made("own.Learned", start=3).named_parameters()] == ["scale"]


def test_each_call_makes_its_own_state():
    make = activation_factory({"name": "any", "_target_": "torch.nn.PReLU"})
    (first,), (second,) = make().parameters(), make().parameters()
    assert first is not second


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("torch.nn.GLU", "maps a tensor of shape (2, 3, 4, 4) to (2, 3, 4, 2)"),
        ("torch.numel", "maps a tensor of shape (2, 3, 4, 4) to int"),
        ("torch.nn.Threshold", "fails on a float tensor"),
        ("own.detached", "has no derivative"),
        ("torch.log", "is not finite at -2"),
    ],
)
def test_what_no_network_could_learn_with_is_refused(target, message):
    with torch.no_grad(), pytest.raises(UserError) as caught:
        made(target)
    assert str(caught.value).startswith(f"activation '{target}' {message}")
