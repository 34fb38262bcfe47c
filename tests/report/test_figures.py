"""Figures: text, colours for dark and light, always the same bytes, and what they are drawn from."""

import re
from itertools import combinations
from xml.etree import ElementTree

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from whyrelu.report.answer_figure import answer_figure
from whyrelu.report.collapse_figure import collapse_figure
from whyrelu.report.depth_figure import depth_figure
from whyrelu.report.effects_figures import draw_effects, forest_figure, times_figure
from whyrelu.report.facts import Facts, all_studies
from whyrelu.report.gradients_figure import gradients_figure
from whyrelu.report.map_figure import map_figure
from whyrelu.report.remedies_figure import remedies_figure
from whyrelu.report.style import drawing, jitter, label_ends, spread, style_of, svg_of
from whyrelu.results.study import Study

DRAWN = {
    "what-learns": (depth_figure, "digits"),
    "gradients-at-init": (gradients_figure, "digits"),
    "collapse": (collapse_figure, "digits"),
    "times": (times_figure, "digits"),
    "map": (map_figure, "trainability"),
    "remedies": (remedies_figure, "remedies"),
    "steps": (depth_figure, "time_law"),
}
CLAIM = {"id": "C17", "claim": "ReLU gives better models.", "verdict": "partly"}
CLAIM |= {"parts": {key: {"says": "So."} for key in "abc"}}
RULES = {key: {"better": 0.005} for key in "abc"}


def pictures(results):
    studies = {facts.name: facts for facts in all_studies(results)}
    with drawing():
        yield from ((name, draw(studies[study])) for name, (draw, study) in DRAWN.items())
        yield "forest", forest_figure(CLAIM, RULES, list(studies.values()))
        yield "answer", answer_figure(studies)


def test_figures_are_svg_with_text_for_dark_and_light_and_always_the_same(results):
    first = pictures(results)
    again = svg_of(next(first)[1].figure)
    for i, (name, drawn) in enumerate(pictures(results)):
        svg = svg_of(drawn.figure)
        assert drawn.name == name and (i > 0 or svg == again)
        root = ElementTree.fromstring(svg)
        words = " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))
        assert drawn.title.split()[0] in words and (name == "forest" or drawn.shows.endswith(".")), name
        assert svg.count(b"prefers-color-scheme: dark") == 1 and b"<path" in svg
        # nothing paints the ground
        assert not re.search(rb"fill: #(fff|ffffff)\b", svg), name
        width, height = (float(root.get(side).removesuffix("pt")) for side in ("width", "height"))
        assert width == 600 and height < (1500 if name == "forest" else 800), name


def test_figures_are_drawn_only_of_what_there_is(results):
    digits, gains, remedies = (Facts(Study(results / name)) for name in ("digits", "trainability", "remedies"))
    with drawing():
        assert [map_figure(digits), remedies_figure(digits), depth_figure(gains), times_figure(gains)] == [None] * 4
        assert [collapse_figure(remedies), depth_figure(remedies)] == [None] * 2
        assert forest_figure({**CLAIM, "id": "C8"}, RULES, [digits]) is None
        assert answer_figure({"remedies": remedies, "trainability": gains}) is None


def contrast(first, second):
    """WCAG 2.1."""
    linear = [
        np.array(matplotlib.colors.to_rgb(colour)) ** 2.2 @ [0.2126, 0.7152, 0.0722] for colour in (first, second)
    ]
    return (max(linear) + 0.05) / (min(linear) + 0.05)


def test_colours_are_seen_on_dark_and_light_and_told_apart_without_red_and_green():
    names = ("relu", "tanh", "sigmoid", "leaky_relu", "gelu", "silu", "relu_squared", "mine", "other")
    for name in names:
        assert min(contrast(style_of(name).colour, ground) for ground in ("#ffffff", "#0d1117")) > 2.5, name
    # Machado, Oliveira and Fernandes 2009: deuteranopia, on linear red, green and blue
    seen = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    for first, second in combinations(("relu", "tanh", "sigmoid"), 2):
        colours = [seen @ np.array(matplotlib.colors.to_rgb(style_of(name).colour)) ** 2.2 for name in (first, second)]
        assert np.linalg.norm(np.subtract(*colours)) > 0.15, (first, second)


def test_points_are_spread_and_never_sorted():
    for count in (3, 5, 8):
        places = jitter(count)
        assert np.ptp(places) > 0.4 and (abs(places) <= 0.5).all()
        assert set(np.sign(np.diff(places))) == {-1, 1}


def test_labels_at_lines_keep_apart_and_in_order():
    axes = Figure().subplots()
    axes.set_ylim(0, 1)
    heights = [0.97, 0.96, 0.5, 0.97, 0.02, 0.0]
    label_ends(axes, [(height, str(i), "red") for i, height in enumerate(heights)], 0.1)
    places = {int(text.get_text()): text.get_position()[1] for text in axes.texts}
    ranked = sorted(places, key=lambda i: -places[i])
    assert ranked == [0, 3, 1, 2, 4, 5]
    assert np.diff([places[i] for i in ranked]).max() <= -0.1 + 1e-9 and places[2] == 0.5
    assert spread([0.0, 0.35, 3.0], 0.9) == [0.0, 0.9, 3.0]


@pytest.mark.parametrize(("low", "high"), [(1.5, np.inf), (np.nan, np.nan), (2.0, 2.0)])
def test_an_effect_lies_in_its_interval_and_one_without_a_limit_ends_in_an_arrow(low, high):
    axes = Figure().subplots()
    row = {"unit": "ratio", "estimate": 2.0, "low": low, "high": high, "n": 3, "colour": "red"}
    draw_effects(axes, [("a", pd.DataFrame([row]))], [0.5])
    markers = [line.get_marker() for line in axes.get_lines()]
    assert (">" in markers) == np.isinf(high) and "o" in markers
    assert axes.get_xlim()[0] < 0.5 < 2 < axes.get_xlim()[1]


def test_the_map_crosses_where_no_gradient_is_lost(results):
    with drawing():
        drawn = map_figure(Facts(Study(results / "trainability")))
    line = next(line for line in drawn.figure.axes[0].get_lines() if len(line.get_xdata()) == 3)
    # the synthetic ReLU keeps its gradient at a gain of 2
    np.testing.assert_allclose(line.get_xdata(), 1, atol=1e-6)
