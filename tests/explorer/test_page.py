"""The page to play with shows what the tables say, whatever is chosen, and fetches nothing."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from browser import CHROMIUM, browsing
from whyrelu.config.grid import compose
from whyrelu.explorer.columns import THEORY_COLUMNS
from whyrelu.explorer.page import write_page
from whyrelu.explorer.theory import predicted
from whyrelu.results.files import read_table
from whyrelu.theory.configured import Theory

ROOT = Path(__file__).parents[2]
# The first column of the table below the charts, and those of measured runs by their heads.
TABLE = """Object.fromEntries([...document.querySelectorAll("#numbers th")].map((head, i) => [head.textContent,
[...document.querySelectorAll("#numbers tbody tr")].map((row) => row.children[i].textContent)]))"""
STATE = """Object.fromEntries(["gain-value", "depth-value", "sentence"].map((id) =>
[id, document.getElementById(id).textContent]))"""


@pytest.fixture(scope="module")
def theory():
    return read_table(ROOT / "results/explorer/theory.parquet", THEORY_COLUMNS)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    reports = tmp_path_factory.mktemp("reports")
    (reports / "figures").symlink_to(ROOT / "reports/figures")
    return write_page(ROOT / "results", reports)


@pytest.fixture(scope="module")
def tab(page, tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with browsing(tmp_path_factory.mktemp("profile")) as tab:
        tab.send("Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=1, mobile=True)
        tab.open(page)
        yield tab


@pytest.mark.parametrize(
    ("place", "activation", "norm"),
    [
        ("gain", "sigmoid", "none"),
        ("gain", "tanh", "none"),
        ("xavier", "relu", "none"),
        ("edge", "sigmoid", "none"),
        ("he", "relu", "batch"),
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
    assert len(text) < 5e6 and "https://" not in text.partition("<script>")[0]
    assert not re.search(r"\b(nan|NaN|None)\b", text.partition("<script>")[0])


def shows(tab, theory, activation, depth, init, gain=None, norm="none"):
    """The page shows the numbers of the tables for a place."""
    state, table = tab.run(STATE), tab.run(TABLE)
    own = theory.query("activation == @activation and depth == @depth and init == @init and norm == @norm")
    own = own if gain is None else own[own["gain"] == gain]
    assert table.pop("layer") == [str(layer) for layer in range(1, depth + 1)]
    assert np.allclose(np.log10(np.float64(table.pop("theory"))), own["log_gradient"], rtol=0, atol=0.004)
    ratio, (share,) = 10 ** own["log_gradient"].iloc[0], re.findall(r"receives (\S+?)(?=%| )", state["sentence"])
    number = float(share.removeprefix("1/").replace(",", "")) / (100 if "%" in state["sentence"] else 1)
    assert (1 / number if share.startswith("1/") else number) == pytest.approx(ratio, rel=0.05)
    return state, table


def test_every_control_moves_what_is_shown_to_what_the_tables_say(tab, theory):
    state, table = shows(tab, theory, "sigmoid", 16, "xavier")
    cells = pd.read_parquet(ROOT / "results/trainability/cells.parquet")
    (cell,) = cells.query("activation == 'sigmoid' and depth == 16 and `init.gain` == 1").to_dict("records")
    (head,) = [head for head in table if "trainability" in head]
    assert head.endswith(f"{cell['learned']} of {cell['n']} learned") and "none of " in state["sentence"]
    profiles = pd.read_parquet(ROOT / "results/trainability/profiles.parquet")
    own = profiles.query("activation == 'sigmoid' and depth == 16 and `init.gain` == 1 and epoch == 0")
    assert np.allclose(np.float64(table[head]), own["gradient_relative"], rtol=0.01)

    tab.run("document.querySelector('[data-init=edge]').click()")
    state, _ = shows(tab, theory, "sigmoid", 16, "edge")
    assert state["gain-value"] == "99 (edge)"
    tab.run("document.getElementById('gain').focus()")
    tab.press("Home", 36)
    tab.press("ArrowRight", 39)
    shows(tab, theory, "sigmoid", 16, "gain", 0.3536)
    tab.run("document.getElementById('depth').focus()")
    tab.press("ArrowLeft", 37)
    shows(tab, theory, "sigmoid", 12, "gain", 0.3536)
    tab.run("document.querySelector('[name=activation]').click()")
    first = theory["activation"].iloc[0]
    shows(tab, theory, first, 12, "gain", 0.3536)
    tab.run("document.getElementById('batch').focus()")
    tab.press(" ", 32, " ")
    shows(tab, theory, first, 12, "he", norm="batch")


def test_verdicts_are_filtered_and_open_their_forest_plots(tab):
    counts = Counter(claim["verdict"] for claim in json.loads((ROOT / "results/claims.json").read_text()))
    choose = "verdict.value = '%s'; verdict.dispatchEvent(new Event('input', {bubbles: true}))"
    for verdict, count in counts.items():
        tab.run(choose % verdict)
        assert tab.run("[...document.querySelectorAll('.claim')].filter((a) => a.checkVisibility()).length") == count
    tab.run(choose % "")
    tab.run("document.querySelector('.claim summary').click()")
    assert tab.run("document.images[0].decode().then(() => document.images[0].naturalWidth)") > 0


def test_the_page_is_for_everyone(tab):
    assert tab.run("document.documentElement.scrollWidth") <= 360
    assert tab.run("[...document.querySelectorAll('input, select')].every((input) => input.labels.length)")
    assert tab.run("[...document.querySelectorAll('[role=img]')].every((one) => one.ariaLabel && one.children.length)")
    grounds = []
    for scheme in ("light", "dark"):
        tab.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        grounds.append(tab.run("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]


def test_nothing_was_fetched_and_nothing_said(tab, page):
    asked = [event["params"]["request"] for event in tab.heard if event.get("method") == "Network.requestWillBeSent"]
    assert {one["url"] for one in asked if not one["url"].startswith("data:")} == {page.as_uri()}
    said = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
    assert not [event for event in tab.heard if event.get("method") in said]
