import itertools
from pathlib import Path

import numpy as np
import pytest

from whyrelu.report.panels import balanced_columns, lowest_percent
from whyrelu.report.style import style_of
from whyrelu.report.text import (
    at_depths,
    estimate,
    listing,
    number,
    percent,
    plural,
    points,
    probability,
    sentence,
)

ACTIVATIONS = sorted(path.stem for path in Path(__file__).parents[2].glob("conf/activation/*.yaml"))
HEADLINE = ("relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "elu")
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
# Machado, Oliveira and Fernandes 2009, severity 1, on linear red, green and blue.
SIGHTS = {
    "usual": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def test_every_activation_of_conf_has_a_style_of_its_own():
    styles = {name: style_of(name) for name in ACTIVATIONS}
    assert len(set(styles.values())) == len(ACTIVATIONS) >= 20
    # the line of those that are derived from a name
    assert not [name for name, style in styles.items() if style.line == "-."]


def test_the_activations_of_the_headline_differ_in_colour_and_in_marker():
    styles = [style_of(name) for name in HEADLINE]
    assert len({style.colour for style in styles}) == len({style.marker for style in styles}) == len(styles)


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_colours_of_the_headline_are_told_apart(sight):
    colours = {name: _lab(style_of(name).colour, np.array(SIGHTS[sight])) for name in HEADLINE}
    for one, other in itertools.combinations(HEADLINE, 2):
        # two blues, #0072B2 and #56B4E9, are 26 apart for all; less than 15 is one colour on a thin line
        least = 28 if sight == "usual" else 15
        assert np.linalg.norm(colours[one] - colours[other]) > least, (one, other)


def test_colours_stand_out_from_white():
    for name in [*ACTIVATIONS, *(f"own.activation{i}" for i in range(50))]:
        assert _contrast_with_white(style_of(name).colour) > 2, name


def _contrast_with_white(colour: str) -> float:
    """Contrast as defined by WCAG 2."""
    return float(1.05 / (_linear(colour) @ TO_XYZ[1] + 0.05))


def _lab(colour: str, sight: np.ndarray) -> np.ndarray:
    """CIELAB 1976 of a colour as seen by someone."""
    white = TO_XYZ.sum(axis=1)
    relative = TO_XYZ @ np.clip(sight @ _linear(colour), 0, 1) / white
    x, y, z = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _linear(colour: str) -> np.ndarray:
    """Linear red, green and blue of an sRGB colour."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def test_other_names_have_a_style_that_does_not_change():
    assert style_of("my.package.swish") == style_of("my.package.swish")
    assert len({style_of(f"mine{i}") for i in range(20)}) > 12


@pytest.mark.parametrize(
    ("count", "most", "columns"), [(1, 3, 1), (3, 3, 3), (4, 3, 2), (5, 3, 3), (10, 4, 4), (20, 4, 4)]
)
def test_grids_are_filled_evenly(count, most, columns):
    assert balanced_columns(count, most) == columns


@pytest.mark.parametrize(("lowest", "start"), [(0.1, 0), (0.49, 0), (0.72, 70), (0.95, 90), (1.0, 95)])
def test_an_axis_starts_at_zero_or_below_the_lowest_run(lowest, start):
    assert lowest_percent(np.array([1.0, lowest])) == start


def test_numbers_in_words():
    assert (percent(0.97349), number(0.5), number(float("nan")), number(-1e-9)) == ("97.3%", "50.0", "-", "0.0")
    assert (points(0.032), points(-0.1), points(0.00001), points(float("nan"))) == ("+3.2", "-10.0", "0.0", "-")
    assert (plural(1, "run"), plural(1200, "run")) == ("1 run", "1,200 runs")
    assert (listing([2]), listing([2, 4]), listing([2, 4, 8], "or")) == ("2", "2 and 4", "2, 4 or 8")


NAN = float("nan")


def test_effects_in_words():
    assert estimate(67.04, 61.4, 72.68, "points") == "67.0 [61.4, 72.7] points"
    assert estimate(0.35719, 0.355, 0.3598, "factor per layer") == "0.357 [0.355, 0.36] factor per layer"
    assert estimate(8.713, NAN, NAN, "units of x") == "8.71 units of x"
    assert estimate(NAN, NAN, NAN, "") == "-"
    assert [probability(p) for p in (0.0002, 0.01234, 0.95, 1.0, 1e-7, NAN)] == [
        "0.0002",
        "0.012",
        "0.95",
        "1",
        "<0.0001",
        "-",
    ]


def test_depths_and_sentences():
    assert (at_depths([2]), at_depths([2, 4], [2, 4, 8])) == ("at depth 2", "at depth 2 and 4")
    assert (at_depths([2, 4], [2, 4]), at_depths([2], [2])) == ("at every depth tried (2 and 4)", "at depth 2")
    assert (sentence("so it is"), sentence("relu wins", ["relu"])) == ("So it is.", "relu wins.")
