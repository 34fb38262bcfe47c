from dataclasses import dataclass, field
from typing import Any

import pytest
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import MISSING, OmegaConf

from whyrelu.config.error_messages import explain
from whyrelu.errors import DataError, UnknownNameError


@dataclass
class Inner:
    count: int = 1
    share: float = 0.5
    on: bool = False
    needed: int = MISSING


@dataclass
class Outer:
    inner: Inner = field(default_factory=Inner)
    total: int = 0


def error_of(key: str, value: Any) -> Exception:
    """What OmegaConf raises when a setting gets a value."""
    with pytest.raises(Exception) as caught:
        OmegaConf.update(OmegaConf.structured(Outer), key, value)
    return caught.value


def unresolved(content: Any) -> Exception:
    with pytest.raises(Exception) as caught:
        OmegaConf.to_container(content, resolve=True, throw_on_missing=True)
    return caught.value


def within_hydras() -> Exception:
    error = ConfigCompositionException("Could not override 'inner.cuont'.\nTo append ...")
    error.__cause__ = error_of("inner.cuont", 1)
    return error


UNKNOWN = (
    "unknown setting 'inner.cuont': did you mean 'inner.count'? Valid: inner.count, inner.needed, inner.on, inner.share"
)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            error_of("inner.count", "many"),
            "setting inner.count: Value 'many' of type 'str' could not be converted to Integer",
        ),
        (error_of("inner.cuont", 1), UNKNOWN),
        (within_hydras(), UNKNOWN),
        # at the top a person may also choose an experiment
        (error_of("totl", 1), "unknown setting 'totl': did you mean 'total'? Valid: experiment, inner, total"),
        (unresolved(OmegaConf.create({"a": "${b.c}"})), "setting a: Interpolation key 'b.c' not found"),
        (
            MissingConfigException("...", "activation/relo", ["tanh", "relu"]),
            "unknown activation 'relo': did you mean 'relu'? Valid: relu, tanh",
        ),
        (
            MissingConfigException("...", "init/critical", ["edge", "variance"]),
            "init=critical matched the variance, not the gradient: use init=variance, or init=edge",
        ),
        (
            OverrideParseException("depth=[", "mismatched input\nSee https://..."),
            "cannot read 'depth=[': mismatched input",
        ),
        (HydraException("no such thing\nmore"), "no such thing (in: a=1 b=2)"),
        # one that was not foreseen is given with its type
    ],
)
def test_an_error_of_composing_is_one_line(error: Exception, line: str) -> None:
    assert str(explain(error, ["a=1", "b=2"])) == line


@pytest.mark.parametrize(("key", "value"), [("inner.on", "maybe"), ("inner", 3)])
def test_other_errors_of_a_value_name_the_setting(key: str, value: Any) -> None:
    message = str(explain(error_of(key, value), []))
    assert message.startswith(f"setting {key}")
    assert "\n" not in message


def test_what_is_explained_already_passes() -> None:
    for error in (DataError("no such file"), UnknownNameError("activation", "relo", ["relu"])):
        assert explain(error, ["depth=3"]) is error
