from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import MISSING, OmegaConf

from whyrelu.config.explanation import explain
from whyrelu.errors import DataError, UnknownNameError, UserError


class Colour(Enum):
    RED = 1


@dataclass
class Inner:
    count: int = 1
    share: float = 0.5
    on: bool = False
    name: str = "a"
    colour: Colour = Colour.RED
    needed: int = MISSING


@dataclass
class Outer:
    inner: Inner = field(default_factory=Inner)
    total: int = 0


def error_of(key: str, value: Any) -> Exception:
    """What OmegaConf raises when a setting gets a value."""
    config = OmegaConf.structured(Outer)
    with pytest.raises(Exception) as caught:
        OmegaConf.update(config, key, value)
    return caught.value


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("inner.count", "many", "setting inner.count must be a whole number, not 'many'"),
        ("inner.count", 2.5, "setting inner.count must be a whole number, not '2.5'"),
        ("inner.share", "half", "setting inner.share must be a number, not 'half'"),
        ("total", "x", "setting total must be a whole number, not 'x'"),
    ],
)
def test_values_of_another_type(key: str, value: Any, message: str) -> None:
    assert str(explain(error_of(key, value), [])) == message


@pytest.mark.parametrize(
    ("key", "value"), [("inner.on", "maybe"), ("inner.colour", "GREY"), ("inner", 3), ("total", None)]
)
def test_other_errors_of_a_value_name_the_setting(key: str, value: Any) -> None:
    explained = explain(error_of(key, value), [])
    assert type(explained) is UserError
    assert str(explained).startswith(f"setting {key}")
    assert "\n" not in str(explained)


def test_unknown_settings_list_their_siblings() -> None:
    explained = explain(error_of("inner.cuont", 1), [])
    assert isinstance(explained, UnknownNameError)
    assert str(explained) == (
        "unknown setting 'inner.cuont': did you mean 'inner.count'? "
        "Valid: inner.colour, inner.count, inner.name, inner.needed, inner.on, inner.share"
    )
    # at the top, where a person may also choose an experiment
    assert str(explain(error_of("totl", 1), [])) == (
        "unknown setting 'totl': did you mean 'total'? Valid: experiment, inner, total"
    )


def test_missing_values_and_interpolations() -> None:
    config = OmegaConf.structured(Outer)
    with pytest.raises(Exception) as caught:
        OmegaConf.to_container(config, throw_on_missing=True)
    assert str(explain(caught.value, [])) == "setting inner.needed has no value; it must be given"
    config = OmegaConf.create({"a": "${b.c}"})
    with pytest.raises(Exception) as caught:
        OmegaConf.to_container(config, resolve=True)
    expected = r"setting a: Interpolation key 'b.c' not found; to use the text as it is, write \${...}"
    assert str(explain(caught.value, [])) == expected


def test_an_error_within_hydras_is_the_one_explained() -> None:
    outer = ConfigCompositionException("Could not override 'inner.cuont'.\nTo append ...")
    outer.__cause__ = error_of("inner.cuont", 1)
    assert isinstance(explain(outer, []), UnknownNameError)


def test_choices_that_do_not_exist() -> None:
    error = MissingConfigException("...", "activation/relo", ["tanh", "relu"])
    assert str(explain(error, [])) == "unknown activation 'relo': did you mean 'relu'? Valid: relu, tanh"
    assert str(explain(MissingConfigException("...", "train", None), [])).startswith("unknown configuration 'train'")
    assert str(explain(MissingConfigException("lost\nlines", None, None), ["a=b"])) == "lost (in: a=b)"


def test_what_cannot_be_parsed_is_quoted() -> None:
    error = OverrideParseException("depth=[", "mismatched input\nSee https://...")
    assert str(explain(error, ["seed=1", "depth=["])) == "cannot read 'depth=[': mismatched input"


def test_what_is_explained_already_passes() -> None:
    error = DataError("no such file")
    assert explain(error, ["depth=3"]) is error


def test_anything_else_is_its_first_line_with_what_was_typed() -> None:
    assert str(explain(HydraException("no such thing\nmore"), ["a=1", "b=2"])) == "no such thing (in: a=1 b=2)"
    assert str(explain(HydraException("no such thing"), [])) == "no such thing"
    # an error that was not foreseen is given with its type, and one without words by it
    assert str(explain(KeyError("x"), ["a=1"])) == "KeyError: 'x' (in: a=1)"
    assert "RecursionError" in str(explain(RecursionError(), []))
