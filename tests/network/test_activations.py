import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from whyrelu.config.composition import CONFIG_DIRECTORY, compose

from formulas import FORMULAS
from whyrelu.errors import UnknownNameError, UserError
from whyrelu.network.activations import activation_factory

FILES = sorted((CONFIG_DIRECTORY / "activation").glob("*.yaml"))
NAMES = [path.stem for path in FILES]


def configured(name: str) -> dict[str, Any]:
    return OmegaConf.to_container(OmegaConf.load(CONFIG_DIRECTORY / "activation" / f"{name}.yaml"))  # type: ignore


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Writes a module of a person's own where Python finds it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))

    return write


# what conf/ names


def test_every_activation_of_the_design_is_there() -> None:
    assert set(FORMULAS) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_makes_a_module_that_maps_shape_to_shape(name: str) -> None:
    make = activation_factory(configured(name))
    for shape in ((5,), (2, 3, 7, 5)):
        x = torch.linspace(-30, 30, int(np.prod(shape))).reshape(shape)
        output = make()(x)
        assert output.shape == shape
        assert output.dtype == torch.float32
        assert output.isfinite().all()


@pytest.mark.parametrize("name", FORMULAS)
def test_values_are_those_of_the_formula(name: str) -> None:
    x = np.linspace(-9, 9, 721)  # contains every kink
    module = activation_factory(configured(name))().double()
    with torch.no_grad():
        found = module(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, FORMULAS[name](x), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", FORMULAS)
def test_gradients_flow_and_are_those_of_the_formula(name: str) -> None:
    x = np.linspace(-9, 9, 37) + 0.13  # clear of the kinks
    z = torch.from_numpy(x).requires_grad_()
    activation_factory(configured(name))().double()(z).sum().backward()
    assert z.grad is not None
    step = 1e-6
    slope = (FORMULAS[name](x + step) - FORMULAS[name](x - step)) / (2 * step)
    np.testing.assert_allclose(z.grad.numpy(), slope, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "argument", "value", "expected"),
    [
        ("leaky_relu", "negative_slope", 0.2, -0.4),
        ("elu", "alpha", 2.0, 2 * np.expm1(-2)),
        ("celu", "alpha", 2.0, 2 * np.expm1(-1)),
        ("softplus", "beta", 2.0, np.log1p(np.exp(-4)) / 2),
        ("prelu", "init", 0.5, -1.0),
    ],
)
def test_arguments_reach_the_function(name: str, argument: str, value: float, expected: float) -> None:
    module = activation_factory(configured(name) | {argument: value})()
    assert module(torch.tensor([-2.0])).item() == pytest.approx(expected, rel=1e-6)


# any other callable


def test_a_class_that_is_typed_instead_of_a_file() -> None:
    config = OmegaConf.to_container(compose(["activation._target_=torch.nn.Hardshrink", "+activation.lambd=1"]))
    module = activation_factory(config["activation"])()  # type: ignore
    assert isinstance(module, nn.Hardshrink)
    assert module(torch.tensor([-2.0, -0.7, 0.7, 2.0])).tolist() == [-2, 0, 0, 2]


@pytest.mark.parametrize(
    ("target", "arguments", "expected"),
    [
        ("torch.tanh", {}, torch.tanh),
        ("torch.nn.functional.leaky_relu", {"negative_slope": 0.3}, lambda x: torch.where(x > 0, x, 0.3 * x)),
        ("torch.clamp", {"min": -0.5, "max": 0.5}, lambda x: x.clamp(-0.5, 0.5)),
    ],
)
def test_plain_functions(target: str, arguments: dict[str, Any], expected: Callable[[Tensor], Tensor]) -> None:
    module = activation_factory({"name": "any", "_target_": target, **arguments})()
    x = torch.linspace(-2, 2, 9)
    assert isinstance(module, nn.Module)
    assert torch.allclose(module(x), expected(x))
    assert target.rpartition(".")[2] in repr(module)
    assert not list(module.parameters())


def test_each_call_makes_its_own_state() -> None:
    make = activation_factory({"name": "prelu", "_target_": "torch.nn.PReLU", "init": 0.1})
    first, second = make(), make()
    with torch.no_grad():
        next(first.parameters()).fill_(9)
    assert next(second.parameters()).item() == pytest.approx(0.1)


def test_a_persons_own_function_class_and_callable(own_module: Callable[[str, str], None]) -> None:
    own_module(
        "own_activations",
        """
        import torch
        from torch import nn

        def wave(x, frequency=1.0):
            return torch.sin(frequency * x)

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
        """,
    )
    x = torch.linspace(-2, 2, 5)
    wave = activation_factory({"name": "wave", "_target_": "own_activations.wave", "frequency": 2.0})()
    assert torch.allclose(wave(x), torch.sin(2 * x))
    learned = activation_factory({"name": "learned", "_target_": "own_activations.Learned", "start": 3})()
    assert [name for name, _ in learned.named_parameters()] == ["scale"]
    assert torch.allclose(learned(x), 3 * x)
    plain = activation_factory({"name": "plain", "_target_": "own_activations.Plain", "power": 3})()
    assert isinstance(plain, nn.Module)
    assert torch.allclose(plain(x), x**3)


# what can be wrong


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("torch.nn.Hardshrnk", "activation 'torch.nn.Hardshrnk' is not found: did you mean torch.nn.Hardshrink? "),
        ("torch.nn.functional.mihs", "activation 'torch.nn.functional.mihs' is not found: did you mean "),
        ("torch.nn.xyzzy", "activation 'torch.nn.xyzzy' is not found: _target_ is the import path"),
        # nothing is near to what is in a module that does not exist
        ("no_such_package.init", "activation 'no_such_package.init' is not found: _target_ is the import path"),
        ("relu", "activation 'relu' is not found: _target_ is the import path"),
        ("torch..nn", "activation 'torch..nn' "),
        ("torch.pi", "activation 'torch.pi' is not callable"),
        ("torch.nn.functional", "activation 'torch.nn.functional' is not callable"),
        ("torch.nn.GLU", "activation 'torch.nn.GLU' maps a tensor of shape (2, 3, 4, 4) to (2, 3, 4, 2)"),
        ("torch.sum", "activation 'torch.sum' maps a tensor of shape (2, 3, 4, 4) to ()"),
        ("torch.numel", "activation 'torch.numel' maps a tensor of shape (2, 3, 4, 4) to int"),
        ("torch.nn.Threshold", "activation 'torch.nn.Threshold' fails on a float tensor"),
        ("torch.linalg.cholesky_solve", "activation 'torch.linalg.cholesky_solve' "),
    ],
)
def test_targets_that_cannot_be_an_activation_say_why(target: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        activation_factory({"name": "wrong", "_target_": target})
    assert str(caught.value).startswith(message)


def test_a_function_that_gives_no_floating_point_numbers_is_refused() -> None:
    # the next convolution would fail on them, once for every run of a sweep
    with pytest.raises(UserError, match=r"^activation 'torch.isnan' "):
        activation_factory({"name": "isnan", "_target_": "torch.isnan"})


def test_a_bad_target_is_told_once_and_in_the_error_alone(caplog: pytest.LogCaptureFixture) -> None:
    # what is logged ends up on the terminal beside it
    with pytest.raises(UserError):
        activation_factory({"name": "wrong", "_target_": "torch.nn.Rleu"})
    assert not caplog.records


@pytest.mark.parametrize(
    ("target", "typed", "nearest"),
    [
        ("torch.nn.LeakyReLU", "negative_slop", "negative_slope"),
        ("torch.nn.functional.elu", "alhpa", "alpha"),
        ("whyrelu.network.activations.rescaled_sigmoid", "y", ""),
    ],
)
def test_misspelt_arguments_get_the_nearest_and_the_list(target: str, typed: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        activation_factory({"name": "any", "_target_": target, typed: 1.0})
    assert str(caught.value).startswith(f"unknown argument of activation {target} {typed!r}: ")
    assert nearest in str(caught.value).partition("Valid: ")[2].split(", ") or not nearest
    assert f"did you mean {nearest!r}" in str(caught.value) or not nearest


def test_arguments_that_a_builtin_refuses_are_told() -> None:
    with pytest.raises(UserError, match=r"^activation 'torch.tanh' fails .*slope"):
        activation_factory({"name": "tanh", "_target_": "torch.tanh", "slope": 2})


def test_a_module_with_a_mistake_says_which(own_module: Callable[[str, str], None]) -> None:
    own_module("own_mistake", "def wave(x: return x")
    with pytest.raises(UserError, match=r"activation 'own_mistake.wave' cannot be imported: .*syntax"):
        activation_factory({"name": "wave", "_target_": "own_mistake.wave"})
    own_module("own_failure", "def wave(x):\n    raise RuntimeError('not today')\n")
    with pytest.raises(UserError, match=r"activation 'own_failure.wave' fails .*not today"):
        activation_factory({"name": "wave", "_target_": "own_failure.wave"})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return x.detach() * 2", "activation 'wrong_activation.f' has no derivative that PyTorch can find"),
        ("return torch.ones_like(x)", "activation 'wrong_activation.f' has no derivative that PyTorch can find"),
        (
            "return torch.from_numpy(x.detach().numpy())",
            "activation 'wrong_activation.f' has no derivative that PyTorch",
        ),
        ("return torch.log(x)", "activation 'wrong_activation.f' is nan at -2; it must be a finite number"),
        (
            "return x.clamp(min=0).reciprocal()",
            "activation 'wrong_activation.f' is inf at -2; it must be a finite number",
        ),
        ("return torch.sqrt(x.clamp(min=0) * 0)", "the derivative of activation 'wrong_activation.f' is nan"),
        ("return x.double()", "activation 'wrong_activation.f' gives torch.float64 for torch.float32"),
        (
            "return x.mean(1, keepdim=True)",
            "activation 'wrong_activation.f' maps a tensor of shape (2, 3, 4, 4) to (2, 1,",
        ),
        ("return x[:1]", "activation 'wrong_activation.f' maps a tensor of shape (2, 3, 4, 4) to (1, 3, 4, 4)"),
    ],
)
@pytest.mark.parametrize("gradients", [True, False])
def test_functions_that_no_network_could_learn_with_are_refused(
    own_module: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    message: str,
    gradients: bool,
) -> None:
    monkeypatch.delitem(sys.modules, "wrong_activation", raising=False)
    own_module("wrong_activation", f"import torch\n\ndef f(x):\n    {body}\n")
    with torch.set_grad_enabled(gradients), pytest.raises(UserError) as caught:
        activation_factory({"name": "wrong", "_target_": "wrong_activation.f"})
    assert str(caught.value).startswith(message)


def test_a_step_function_has_a_derivative_which_is_zero() -> None:
    assert activation_factory({"name": "sign", "_target_": "torch.sign"})()(torch.tensor([-2.0, 3.0])).tolist() == [
        -1,
        1,
    ]


def test_an_activation_that_works_in_place_is_one(own_module: Callable[[str, str], None]) -> None:
    own_module("in_place_activation", "def f(x):\n    return x.clamp_(0)\n")
    module = activation_factory({"name": "in_place", "_target_": "in_place_activation.f"})()
    assert module(torch.tensor([-2.0, 3.0])).tolist() == [0, 3]
