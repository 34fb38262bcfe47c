"""Numbers and settings in the words of readers."""

import math

import pytest

from whyrelu.report.names import activation_name, in_words, listing, number, part_of, percent, setting_name, span


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (3.4e-7, "one three-millionth of"),
        (1e-10, "one ten-billionth of"),
        (1e-6, "one millionth of"),
        (0.003, "one three-hundredth of"),
        (1e-5, "one hundred-thousandth of"),
        (0.00995, "one hundredth of"),
        (0.0987, "9.9% of"),
        (0.6, "60% of"),
        (0.998, "100% of"),
        (1.0, "100% of"),
        (1.5, "1.5 times"),
        (12.3, "10 times"),
        (4321.0, "4,000 times"),
        (1e-40, "less than a trillionth of"),
        (0.0, "less than a trillionth of"),
    ],
)
def test_parts(ratio, words):
    assert part_of(ratio) == words


def test_numbers():
    assert (percent(0.97349), number(0.5, "share"), number(0.0321, "points")) == ("97.3%", "50%", "3.2")
    assert (number(1234.5), number(-0.0012)) == ("1,234", "-0.0012")
    assert (number(None), number(math.nan), number(math.inf, "ratio")) == ("-", "-", "no limit")
    assert (span([1.014, 0.98]), span([1.001, 1.002]), span([2.5, 31.2])) == ("0.98 to 1.01", "1.00", "2.50 to 31")
    assert (listing([2]), listing([2, 4]), listing([2, 4, 8])) == ("2", "2 and 4", "2, 4 and 8")


def test_names_of_activations_and_settings():
    assert activation_name({"activation": "relu_squared", "activation.shift": math.nan}) == "squared ReLU"
    assert activation_name({"activation": "shifted_sigmoid", "activation.shift": 0.45}) == "sigmoid - 0.45"
    assert activation_name({"activation": "mine", "activation.slope": 2}) == "mine (slope 2)"
    assert in_words("relu - leaky_relu, 60 epochs") == "ReLU - leaky ReLU, 60 epochs"
    cell = {"activation": "relu", "depth": 8, "init": "xavier", "norm": "none", "model": "shortcut", "clip": 1.0}
    cell |= {"epochs": 60, "lr_given": "0.001", "init.gain": math.nan, "schedule": "cosine"}
    words = "Xavier's initialisation, shortcuts, gradient clipped at 1, 60 epochs, learning rate 0.001, cosine"
    assert setting_name(cell, [name for name in cell if name != "activation"]) == words
