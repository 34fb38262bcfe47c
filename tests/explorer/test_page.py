"""The page to play with shows what the tables say, whatever is chosen, and fetches nothing."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from whyrelu.config.grid import compose
from whyrelu.explorer.page import write_page
from whyrelu.explorer.theory import COLUMNS, predicted
from whyrelu.results.files import read_table
from whyrelu.theory.configured import Theory

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def theory():
    return read_table(ROOT / "results/explorer/theory.parquet", COLUMNS, "src/explorer.py")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    reports = tmp_path_factory.mktemp("reports")
    (reports / "figures").symlink_to(ROOT / "reports/figures")
    return write_page(ROOT / "results", reports)


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def tab(page, heard):
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        tab = playwright.chromium.launch(executable_path=CHROMIUM).new_page(viewport={"width": 360, "height": 800})
        tab.on("request", lambda request: heard.append(request.url))
        tab.on("console", lambda message: heard.append(message.text))
        tab.on("pageerror", lambda error: heard.append(str(error)))
        tab.goto(page.as_uri())
        tab.wait_for_function("document.querySelector('#sentence').textContent")
        yield tab


@pytest.mark.parametrize(
    ("place", "activation", "norm"),
    [
        ("gain", "sigmoid", "none"),
        ("gain", "silu", "none"),
        ("edge", "sigmoid", "none"),
        ("he", "relu", "batch"),
        ("he", "relu_squared", "none"),
    ],
)
def test_theory_on_the_page_is_that_of_the_code(root, theory, place, activation, norm):
    own = theory.query("activation == @activation and init == @place and norm == @norm and depth == 24")
    for gain in own["gain"].unique()[::11]:
        shown = own[own["gain"] == gain]
        given = [f"init.gain={gain}"] if place == "gain" else []
        settings = [f"activation={activation}", f"init={place}", f"norm={norm}", "depth=24", f"prepared_root={root}"]
        now = predicted(compose([*settings, *given]), Theory())
        for name in ("log_q", "log_gradient"):
            assert np.allclose(shown[name], now[name], rtol=0, atol=np.log10(1.02))


def test_the_page_is_one_file_of_moderate_size(page):
    text = page.read_text()
    assert page.stat().st_size < 5e6 and not re.search(r"\b(nan|NaN|None)\b", text.partition("<script>")[0])


def shows(tab, theory, activation, depth, init, gain=None, norm="none"):
    """The page shows the numbers of the tables for a place; return its sentence, and its table of numbers."""
    cells = "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    head, *rows = tab.eval_on_selector_all("#numbers tr", cells)
    table, sentence = pd.DataFrame(rows, columns=head), tab.text_content("#sentence")
    own = theory.query("activation == @activation and depth == @depth and init == @init and norm == @norm")
    own = own if gain is None else own[own["gain"] == gain]
    assert table["layer"].tolist() == [str(layer) for layer in range(1, depth + 1)]
    assert np.allclose(np.log10(table["theory"].astype(float)), own["log_gradient"], rtol=0, atol=0.004)
    ratio = 10 ** own["log_gradient"].iloc[0]
    below, number, unit = re.search(r"at the start (1/)?([\d,]+)(%| of| times)", sentence).groups()
    shown = float(number.replace(",", "")) / (100 if unit == "%" else 1)
    assert (1 / shown if below else shown) == pytest.approx(ratio, rel=0.05)
    return sentence, table


def test_every_control_moves_what_is_shown_to_what_the_tables_say(tab, theory):
    sentence, table = shows(tab, theory, "sigmoid", 16, "xavier")
    runs = Counter()
    for study, init in (("digits", "init == 'xavier'"), ("trainability", "`init.gain` == 1")):
        own = f"activation == 'sigmoid' and depth == 16 and {init}"
        (cell,) = pd.read_parquet(ROOT / f"results/{study}/cells.parquet").query(own).to_dict("records")
        (head,) = [head for head in table if study in head]
        assert head.endswith(f"{cell['learned']} of {cell['n']} learned")
        profile = pd.read_parquet(ROOT / f"results/{study}/profiles.parquet").query(f"{own} and epoch == 0")
        assert np.allclose(table[head].astype(float), profile["gradient_relative"], rtol=0.01)
        runs.update({name: cell[name] for name in ("n", "learned")})
    assert f"{runs['learned'] or 'None'} of {runs['n']} such runs learned" in sentence

    tab.get_by_role("button", name="edge").click()
    shows(tab, theory, "sigmoid", 16, "edge")
    assert tab.text_content("#gain-value") == "99.4 (edge)"
    tab.get_by_role("radio", name="tanh").check()
    # the slider goes where the other's edge is
    tab.get_by_role("slider", name="Weight gain").press("ArrowRight")
    shows(tab, theory, "tanh", 16, "gain", 2)
    tab.get_by_role("slider", name="Weight gain").press("Home")
    tab.get_by_role("slider", name="Layers").press("ArrowLeft")
    shows(tab, theory, "tanh", 12, "gain", 0.25)
    tab.locator("#map .mark-rect.layer_0_marks path").last.click()
    assert (tab.text_content("#gain-value"), tab.text_content("#depth-value")) == ("512", "32")
    tab.get_by_role("checkbox").press(" ")
    shows(tab, theory, "tanh", 32, "he", norm="batch")
    tab.get_by_role("checkbox").press(" ")
    tab.get_by_role("radio", name="squared ReLU").check()
    assert "more than 10¹⁵ times" in tab.text_content("#sentence")


def test_verdicts_are_filtered_and_open_their_forest_plots(tab):
    counts = Counter(claim["verdict"] for claim in json.loads((ROOT / "results/claims.json").read_text()))
    for verdict, count in counts.items():
        tab.get_by_role("combobox").select_option(verdict)
        assert tab.locator(".claim:visible").count() == count
    tab.get_by_role("combobox").select_option("")
    tab.get_by_role("searchbox").fill("tanh")
    assert 0 < tab.locator(".claim:visible").count() < counts.total()
    tab.get_by_role("searchbox").fill("")
    tab.locator(".claim summary").first.click()
    assert tab.evaluate("document.images[0].decode().then(() => document.images[0].naturalWidth)") > 0


def test_the_page_is_for_everyone(tab):
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    assert tab.evaluate("[...document.querySelectorAll('input, select')].every((input) => input.labels.length)")
    assert tab.evaluate(
        "[...document.querySelectorAll('[role=img]')].every((one) => one.ariaLabel && one.children.length)"
    )
    grounds = set()
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        grounds.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_nothing_was_fetched_and_nothing_said(tab, page, heard):
    assert {text for text in heard if not text.startswith("data:")} == {page.as_uri()}
