"""What pages compute and what they refuse."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthetic import make_record, make_records
from synthetic_claims import claim, contrast, write_ledger, write_tuning
from synthetic_layers import write_tables
from whyrelu.errors import UserError
from whyrelu.report.accuracy_figure import place_in_cell
from whyrelu.report.convergence_figure import convergence_figures
from whyrelu.report.page import write_report
from whyrelu.report.panels import balanced_columns, lowest_percent
from whyrelu.report.rates import common_rates
from whyrelu.report.reading import read_study
from whyrelu.report.style import style_of
from whyrelu.report.text import estimate, listing, number, percent, plural, points, probability
from whyrelu.report.why.functions import sensitive_ranges
from whyrelu.report.why.moments import moment_epochs
from whyrelu.report.why.profiles import log_limits
from whyrelu.report.why.trainability import depth_scales

NAN = float("nan")
ROOT = Path(__file__).resolve().parents[2]
ACTIVATIONS = sorted(path.stem for path in ROOT.glob("conf/activation/*.yaml"))


def test_runs_that_diverge_at_once_never_reach_anything(tmp_path):
    # five of ten stop in the first epochs, the others learn
    records = [make_record(seed=i, epochs=12, outcome="diverged" if i < 5 else "learned") for i in range(10)]
    for record in records[:5]:
        record["history"]["val_accuracy"] = [0.1] * len(record["history"]["epoch"])
    write_tables(records, tmp_path, level="off")
    illustration, *_ = convergence_figures(read_study(tmp_path))
    panels = [axes for axes in illustration.figure.axes if axes.get_title().startswith("depth 2, to")]
    assert len(panels) == 3
    for axes in panels:
        curve, marker = axes.get_lines()
        assert curve.get_ydata()[-1] == pytest.approx(50)
        # the open marker is at the last step of all, as high as the curve ends
        assert (marker.get_xdata().tolist(), marker.get_ydata().tolist()) == ([12 * 19], [pytest.approx(50)])
        assert np.max(curve.get_xdata()) == 12 * 19


@pytest.mark.parametrize("best", [0.6, 0.3])
def test_thresholds_that_no_run_reaches_are_not_drawn_but_for_the_lowest(tmp_path, best):
    records = [make_record(seed=seed, epochs=12) for seed in range(3)]
    for record in records:
        record["history"]["val_accuracy"] = [*np.linspace(0.1, best, 11), best]
    write_tables(records, tmp_path, level="off")
    illustration, *_ = convergence_figures(read_study(tmp_path))
    assert [axes.get_title() for axes in illustration.figure.axes if axes.get_title()] == ["depth 2, to 50%"]


def tuning(rows):
    columns = ["cell", "series", "facet", "depth", "optimizer", "lr", "val_accuracy", "test_accuracy", "failed"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(run_id=range(len(table)))


def test_the_common_rate_is_the_best_of_those_that_all_cells_tried():
    table = tuning(
        [
            ("a", "relu", "", 2, "sgd", 0.1, 0.6, 0.5, False),
            ("a", "relu", "", 2, "sgd", 0.3, 0.9, 0.8, False),
            ("a", "relu", "", 2, "sgd", 1.0, 1.0, 1.0, False),
            ("b", "tanh", "", 2, "sgd", 0.1, 0.8, 0.7, False),
            ("b", "tanh", "", 2, "sgd", 0.3, None, 0.1, True),
            ("c", "relu", "x", 2, "adam", 0.01, 0.5, 0.4, False),
        ]
    )
    found = common_rates(table)
    assert found.rates == {"sgd": 0.1, "adam": 0.01}
    assert found.cells[["series", "facet", "rate", "common", "tries", "common_failed"]].to_numpy().tolist() == [
        ["relu", "", 0.1, 0.5, 1, 0],
        ["tanh", "", 0.1, 0.7, 1, 0],
        ["relu", "x", 0.01, 0.4, 1, 0],
    ]
    # the middle one, where all are as good
    same = tuning([("a", "relu", "", 2, "sgd", rate, 0.1, 0.1, True) for rate in (0.1, 0.316, 1.0, 3.16, 10.0)])
    assert common_rates(same).rates == {"sgd": 1.0}
    assert common_rates(tuning([])).rates == {}


def test_depth_scales_leave_out_what_has_none(tmp_path):
    write_tables(make_records(["relu", "sigmoid"], depths=[1, 4], seeds=1), tmp_path)
    (facet,) = read_study(tmp_path).facets
    table = depth_scales(facet)
    assert list(table["depth"]) == [4, 4]
    # chi = 1 keeps everything; 3 layers of ln 0.15
    np.testing.assert_allclose(table["scales"], [0, -3 * np.log(0.15)])


@pytest.mark.parametrize(
    ("saturated", "ranges"),
    [
        ([True, True, False, False, True], [(-0.5, 1.5)]),
        ([True, True, True, False, False], [(0.5, np.inf)]),
        ([False] * 5, [(-np.inf, np.inf)]),
        ([True] * 5, []),
        ([False, True, True, True, False], [(-np.inf, -1.5), (1.5, np.inf)]),
    ],
)
def test_ranges_are_read_off_the_curve(saturated, ranges):
    assert sensitive_ranges(pd.DataFrame({"x": [-2.0, -1, 0, 1, 2], "saturated": saturated})) == ranges


def test_places_and_limits_in_figures():
    runs = pd.DataFrame({"depth": [2] * 10 + [4] * 2, "test_accuracy": [0.1] * 10 + [0.9, 0.2]})
    np.testing.assert_allclose(place_in_cell(runs), [*np.linspace(0.05, 0.95, 10), 0.75, 0.25])
    assert moment_epochs(1) == {"init": 0, "end": 1}
    assert moment_epochs(8) == {"init": 0, "first": 1, "middle": 4, "end": 8}
    low, high = log_limits(np.array([0.0, 1e-6, 1.0, np.nan]))
    assert 1e-7 < low < 1e-6 and 1 < high < 10
    assert log_limits(np.array([np.nan, 0.0])) == (0.1, 10)
    assert [balanced_columns(count, 4) for count in (1, 3, 5, 10, 20)] == [1, 3, 3, 4, 4]
    starts = {0.1: 0, 0.49: 0, 0.72: 70, 0.95: 90, 1.0: 95}
    assert {lowest: lowest_percent(np.array([1.0, lowest])) for lowest in starts} == starts


def test_numbers_in_words():
    assert (percent(0.97349), number(0.5), number(NAN), number(-1e-9)) == ("97.3%", "50.0", "-", "0.0")
    assert (points(0.032), points(-0.1), points(0.00001), points(NAN)) == ("+3.2", "-10.0", "0.0", "-")
    assert (plural(1, "run"), plural(1200, "run")) == ("1 run", "1,200 runs")
    assert (listing([2]), listing([2, 4]), listing([2, 4, 8], "or")) == ("2", "2 and 4", "2, 4 or 8")
    assert estimate(67.04, 61.4, 72.68, "points") == "67.0 [61.4, 72.7] points"
    assert (estimate(8.713, NAN, NAN, "units of x"), estimate(NAN, NAN, NAN, "")) == ("8.71 units of x", "-")
    said = {0.0002: "0.0002", 0.01234: "0.012", 0.95: "0.95", 1.0: "1", 1e-7: "<0.0001"}
    assert {p: probability(p) for p in said} == said


# Machado, Oliveira and Fernandes 2009, severity 1, on linear red, green and blue
SIGHTS = {
    "usual": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    """Linear red, green and blue of an sRGB colour."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(colour, sight):
    """CIELAB 1976 of a colour as seen by someone."""
    relative = TO_XYZ @ np.clip(np.array(sight) @ linear(colour), 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_colours_of_the_headline_are_told_apart(sight):
    headline = ("relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "elu")
    colours = np.array([lab(style_of(name).colour, SIGHTS[sight]) for name in headline])
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=2)[np.triu_indices(len(headline), 1)]
    # two blues, #0072B2 and #56B4E9, are 26 apart for all; less than 15 is one colour on a thin line
    assert apart.min() > (28 if sight == "usual" else 15)


def test_every_activation_has_a_style_of_its_own_that_stands_out_from_white():
    assert len({style_of(name) for name in ACTIVATIONS}) == len(ACTIVATIONS)
    for name in [*ACTIVATIONS, *(f"own.activation{i}" for i in range(50))]:
        # contrast as defined by WCAG 2
        assert 1.05 / (linear(style_of(name).colour) @ TO_XYZ[1] + 0.05) > 2, name


# what is refused, in one line and before anything is written


@pytest.mark.parametrize("name", ["runs.parquet", "layers.parquet", "claims.json", "provenance.json", "lr.csv"])
def test_missing_and_damaged_files_are_named(tmp_path, name):
    write_tables([make_record()], tmp_path)
    write_tuning([make_record()], tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=rf"^.*{name} (is damaged|has no column).*$"):
        write_report(tmp_path, tmp_path / "report")
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=rf"^.*{name} is missing.*$"):
        write_report(tmp_path, tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    "claims",
    [[{k: v for k, v in claim().items() if k != "rule"}], [claim(verdict="maybe")], {"C1": claim()}],
    ids=["no rule", "no such verdict", "no list"],
)
def test_claims_of_another_form_are_refused(tmp_path, claims):
    write_tables([make_record()], tmp_path)
    (tmp_path / "claims.json").write_text(json.dumps(claims))
    with pytest.raises(UserError, match=r"^.*claims\.json .*python src/aggregate\.py writes it again.*$"):
        write_report(tmp_path, tmp_path / "report")


def test_tables_that_do_not_belong_together_are_refused(tmp_path):
    for name, seeds in (("old", 2), ("new", 3)):
        write_tables(make_records(seeds=seeds), tmp_path / name)
        write_tuning([make_record("relu" if name == "new" else "tanh")], tmp_path / name)
    for file in ("cells.parquet", "lr.csv"):
        mixed = tmp_path / "mixed" / file
        write_tables(make_records(seeds=3), mixed)
        write_tuning([make_record("relu")], mixed)
        (mixed / file).write_bytes((tmp_path / "old" / file).read_bytes())
        with pytest.raises(UserError, match="do not belong together"):
            write_report(mixed, tmp_path / "report")
    write_ledger(tmp_path / "new", [claim("C1")], [contrast("relu - sigmoid", 2, 1.0, "better", claim="C17")])
    with pytest.raises(UserError, match="do not belong together"):
        write_report(tmp_path / "new", tmp_path / "report")


def test_the_command_names_the_studies_that_there_are(tmp_path, monkeypatch, capsys):
    write_tables([make_record()], tmp_path / "results" / "synthetic", level="off")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["report.py", "sinthetic"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / "src/report.py"), run_name="__main__")
    error = capsys.readouterr().err
    assert caught.value.code == 1 and "synthetic" in error and error.count("\n") == 1
