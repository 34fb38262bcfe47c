"""What readers call activations, initialisations and other settings, and numbers in words."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from whyrelu.results.labels import label

_ACTIVATIONS = {
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "relu_squared": "squared ReLU",
    "relu6": "ReLU6",
    "gelu": "GELU",
    "silu": "SiLU",
    "elu": "ELU",
    "selu": "SELU",
    "rescaled_sigmoid": "4 sigmoid - 2",
    "centred_sigmoid": "sigmoid - 0.5",
}
INITS = {
    "pytorch": "PyTorch's initialisation",
    "xavier": "Xavier's initialisation",
    "lecun": "LeCun's initialisation",
    "he": "He's initialisation",
    "edge": "edge of chaos",
    "variance": "variance-preserving",
}
# Beside a line of a figure.
SHORT_INITS = {"pytorch": "PyTorch", "xavier": "Xavier", "lecun": "LeCun", "he": "He"}
_DATA = {"digits": "digits", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "mnist": "MNIST", "svhn": "SVHN"}
_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TENS = ("ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_GROUPS = ("", "thousand", "million", "billion", "trillion")
FACTORS = {
    "init": "initialisation",
    "init.gain": "weight gain",
    "norm": "normalisation",
    "model": "shortcuts",
    "clip": "clipping",
    "lr": "learning rate",
    "lr_given": "how the rate was given",
}
_VALUES = {
    "init": INITS,
    "data": _DATA,
    "norm": {"batch": "batch normalisation", "none": ""},
    "model": {"shortcut": "shortcuts", "cnn": ""},
    "optimizer": {"sgd": "SGD", "adam": "Adam"},
    "lr_given": {"tuned": "tuned learning rate"},
}


def data_name(name: str) -> str:
    """The name of a data set."""
    return _DATA.get(name, name)


def in_words(text: str) -> str:
    """A text of the tables with the names of activations as readers know them."""
    return re.sub(r"[a-z]\w+", lambda found: str(_ACTIVATIONS.get(found[0], found[0])), text)


def activation_name(cell: Mapping[Any, Any]) -> str:
    """The name of a cell's activation, with its own settings: "leaky ReLU", "sigmoid - 0.25"."""
    shift = cell.get("activation.shift")
    if cell["activation"] == "shifted_sigmoid" and shift is not None and not pd.isna(shift):
        return f"sigmoid - {shift:g}"
    name = _ACTIVATIONS.get(cell["activation"], cell["activation"])
    own = label(cell, [key for key in cell if str(key).startswith("activation.")])
    return f"{name} ({own})" if own else str(name)


def setting_name(cell: Mapping[Any, Any], factors: Iterable[str]) -> str:
    """Some factors of a cell, activation and depth aside, in words; "" for what is plain."""
    words = []
    for factor in factors:
        value = cell[factor]
        if factor == "depth" or factor.startswith("activation") or pd.isna(value):
            continue
        if factor == "clip":
            words.append(f"gradient clipped at {value:g}")
        elif factor == "init.gain":
            words.append(f"gain {value:g}")
        elif factor == "lr_given" and value != "tuned":
            words.append(f"learning rate {value}")
        else:
            words.append(_VALUES.get(factor, {}).get(value, label(cell, [factor])))
    return ", ".join(filter(None, words))


def percent(fraction: float) -> str:
    """97.3%."""
    return f"{100 * fraction:.1f}%"


def part_of(ratio: float) -> str:
    """A ratio before a noun, with one digit if it is small: "60% of", "one three-millionth of", "12 times"."""
    if ratio >= 1.095:
        return f"{ratio:.2g} times" if ratio < 10 else f"{float(f'{ratio:.1g}'):,.0f} times"
    if ratio >= 0.01:
        return f"{100 * min(ratio, 1):.2g}% of" if ratio < 0.995 else "100% of"
    if ratio < 1e-12:
        return "less than a trillionth of"
    digit, power = f"{1 / ratio:.0e}".split("e+")
    group, rest = divmod(int(power), 3)
    words = [(_TENS if rest == 1 else _ONES)[int(digit) - 1], "hundred" if rest == 2 else "", _GROUPS[group]]
    return f"one {'-'.join(filter(None, words)).removeprefix('one-')}th of"


def number(value: float | None, unit: str = "") -> str:
    """A number of a claim in its unit: shares as percent, points times 100, others with three digits; "-" for none."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "no limit"
    if unit == "share":
        return f"{100 * value:.0f}%"
    if unit == "points":
        return f"{100 * value:.1f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def span(values: Iterable[float]) -> str:
    """The least and the largest number: "0.98 to 1.04", or one where they look the same."""
    texts = [f"{value:.2f}" if value < 10 else f"{value:.0f}" for value in sorted(values)]
    return " to ".join(dict.fromkeys([texts[0], texts[-1]]))


def listing(items: Iterable[object]) -> str:
    """a, b and c."""
    *first, last = [str(item) for item in items]
    return f"{', '.join(first)} and {last}" if first else last
