"""Pages on studies that have very little or very much are whole too."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from sound_pages import is_sound
from synthetic import make_record, make_records
from synthetic_claims import write_tuning
from synthetic_layers import write_tables
from synthetic_timing import make_timing
from whyrelu.claims.verdict import VERDICTS
from whyrelu.report.page import write_report
from whyrelu.timing.stage import write_timing

PAIR = ["relu", "sigmoid"]
MANY = {"init": ["critical", "he", "pytorch"], "norm": ["none", "batch"], "optimizer": ["sgd", "adam"]}
EIGHT = [*PAIR, *(f"activation_{i}" for i in range(6))]


def everything_measured_is_missing(record, layers):
    return np.full_like(layers, np.nan)


# Records, arguments of `write_tables`, and whether learning rates were tuned and times taken.
STUDIES = {
    "all of it": (make_records(["relu", "leaky_relu", *PAIR[1:]], [2, 4, 8], 8), {"decided": True}, True, True),
    "one run": ([make_record()], {}, False, False),
    "one layer": ([make_record(depth=1)], {}, False, False),
    "all diverged": (
        [make_record(name, depth, seed, outcome="diverged") for name in PAIR for depth in (2, 4) for seed in (0, 1)],
        {"decided": True},
        False,
        True,
    ),
    "some diverged": (
        [make_record("relu", 4, seed, outcome=outcome) for seed, outcome in enumerate(["learned", "diverged"])],
        {},
        False,
        False,
    ),
    "many settings": (
        make_records([*PAIR, "tanh", "rescaled_sigmoid", "centred_sigmoid"], [4, 8], 1, axes=MANY),
        {"level": "summary"},
        True,
        False,
    ),
    "few": (make_records(PAIR, [2, 4], 1), {}, False, False),
    "two settings": (make_records(PAIR, [2, 4], 1, axes={"norm": ["none", "batch"]}), {}, False, True),
    "no diagnostics": (make_records(PAIR, [2, 4], 1), {"level": "off", "decided": True}, False, False),
    "nothing measured": (make_records(PAIR, [2, 4], 1), {"change": everything_measured_is_missing}, False, False),
    "many activations": (make_records(EIGHT, [2, 4], 1, 2), {"level": "summary"}, False, False),
    "cells that were not run": (
        [make_record("relu", 2), make_record("relu", 4), make_record("tanh", 4), make_record("tanh", 4, 1)],
        {},
        False,
        False,
    ),
}


def made(name, folder):
    """The page of a study."""
    records, given, is_tuned, is_timed = STUDIES[name]
    results = folder / "results" / "synthetic"
    if is_timed:
        activations = list(dict.fromkeys(record["factors"]["activation"] for record in records))
        write_timing(make_timing({name: 1 + i / 8 for i, name in enumerate(activations)}), results / "timing.json")
    write_tables(records, results, overrides=("experiment=digits",), **given)
    if is_tuned:
        write_tuning(records, results)
    return write_report(results, folder / "reports" / "synthetic")


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_is_whole(undrawn, tmp_path, name):
    is_sound(made(name, tmp_path))


def test_a_page_of_a_theory_that_says_nothing_is_whole(undrawn, tmp_path):
    made("few", tmp_path)
    results = tmp_path / "results" / "synthetic"
    for name in ("theory", "profiles"):
        table = pd.read_parquet(results / f"{name}.parquet")
        said = ("gradient_relative", "xi", "collapse") if name == "theory" else ()
        silent = [column for column in table if column in said or column.startswith("predicted")]
        table.assign(**dict.fromkeys(silent, np.nan)).to_parquet(results / f"{name}.parquet")
    is_sound(write_report(results, tmp_path / "reports" / "synthetic"))


def test_every_claim_and_every_test_is_on_the_page(undrawn, tmp_path):
    page = made("all of it", tmp_path)
    text, results = page.read_text(), tmp_path / "results" / "synthetic"
    claims = json.loads((results / "claims.json").read_text())
    ledger = text.partition("## The ledger of claims\n\n")[2].partition("\n\n")[0].splitlines()[2:]
    assert [re.search(r"\[(C\d+)\]", row)[1] for row in ledger] == [entry["id"] for entry in claims]
    for entry, row in zip(claims, ledger, strict=True):
        assert [verdict for verdict in VERDICTS if f"**{verdict}**" in row] == [entry["verdict"]]
        assert all(entry[key] in text for key in ("claim", "rule")) and entry["evidence"][1:] in text
    tests = text.partition("## All tests")[2].partition("## All cells")[0]
    rows = [line for line in tests.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    assert len(rows) - tests.count("<details>") == len(pd.read_parquet(results / "contrasts.parquet"))


def test_the_same_tables_give_the_same_bytes_and_figures_as_wide_as_a_page(tmp_path):
    old = tmp_path / "two/reports/synthetic/figures/old.svg"
    old.parent.mkdir(parents=True)
    old.touch()
    pages = [made("one run", tmp_path / name) for name in ("one", "two")]
    files = [{path.name: path.read_bytes() for path in page.parent.rglob("*.*")} for page in pages]
    # and figures of an earlier report go
    assert files[0] == files[1] and len(files[0]) > 5
    for name in files[0].keys() - {"README.md"}:
        width, height = re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt"', files[0][name]).groups()
        assert float(width) == 600 and float(height) < 800, name
