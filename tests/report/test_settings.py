"""Studies with more settings than are shown in detail."""

import re

import pytest

from synthetic import make_records
from synthetic_claims import write_tuning
from synthetic_layers import write_tables
from whyrelu.report.page import write_report

pytestmark = pytest.mark.usefixtures("undrawn")

AXES = {"init": ["critical", "he", "pytorch"], "norm": ["none", "batch"], "optimizer": ["sgd", "adam"]}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    records = make_records(["relu", "tanh", "sigmoid", "rescaled_sigmoid", "centred_sigmoid"], [4, 8], 1, axes=AXES)
    write_tables(records, folder / "results", level="summary")
    write_tuning(records, folder / "results", seeds=1)
    page = write_report(folder / "results", folder / "report").read_text()
    return page, {path.stem for path in (folder / "report" / "figures").iterdir()}


def test_figures_do_not_multiply_with_settings(many):
    page, figures = many
    assert len(figures) < 20
    assert {"convergence", "learning-curves", "lr-sensitivity", "failures", "accuracy"} <= figures
    assert len(re.findall(r"!\[", page)) == len(figures)
    assert len(page) < 120_000


def test_the_reference_is_shown_in_detail_and_the_others_in_tables(many):
    page, _ = many
    assert "Mean test accuracy at depth 8 with init=critical, norm=none, optimizer=sgd: " in page
    assert "with init=he" not in page.partition("Best mean")[0]
    rows = re.findall(r"^\| (reference|init=|norm=|optimizer=).*depth [48] \| ", page, re.MULTILINE)
    assert len(rows) == 24
    assert re.search(r"^\| setting \| relu \| tanh \| sigmoid \| ", page, re.MULTILINE)
    assert re.search(r"^\| init=he, norm=batch, depth 4 \| ", page, re.MULTILINE)
    assert "Of 12 settings the reference is init=critical, norm=none, optimizer=sgd" in page
    assert "named by what differs from the reference, init=critical, norm=none, optimizer=sgd;" in page


def test_it_is_said_where_each_activation_learns(many):
    page, _ = many
    assert "- tanh rises above chance in all 24 settings and depths." in page
    found = re.findall(
        r"^- sigmoid rises above chance in 12 of 24 settings and depths, but not in: (.*)\.$", page, re.M
    )
    (names,) = [text.split("; ") for text in found]
    assert len(names) == 12 and "reference, depth 4" in names
    assert not any("norm=batch" in name for name in names)


def test_long_tables_are_folded(many):
    page, _ = many
    assert "<summary>All 120 cells</summary>" in page
    assert "<summary>Tuned and common rate of all 120 cells</summary>" in page
    assert page.count("<details>") == page.count("</details>")
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_each_optimizer_has_a_common_rate_of_its_own(many):
    page, _ = many
    assert "of the rates that all cells of an optimizer tried, 0.05 for sgd and 0.05 for adam have the highest" in page
