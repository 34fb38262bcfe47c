"""Pages are whole: of the studies of conf/experiment, of a person's own, and of studies that have very little."""

import json

import pandas as pd
import pytest

from sound_pages import is_sound, is_whole, links_lead_somewhere
from synthetic import make_record, make_records, write_records, write_study
from whyrelu.claims.decide import write_effects
from whyrelu.errors import UserError
from whyrelu.report.facts import Facts, all_studies
from whyrelu.report.index import write_index
from whyrelu.report.page import answer, write_report
from whyrelu.results.study import Study

STUDIES = ("digits", "trainability", "remedies", "today", "time_law", "article", "cifar10", "cifar10_remedies")
# Records of studies that are not like those of conf/experiment.
SMALL = {
    "one run": [make_record()],
    "one layer": [make_record(depth=1), make_record(depth=1, seed=1)],
    "one depth": make_records(("relu", "swell"), [4], 2),
    "all at chance": make_records(("relu", "sigmoid"), [2, 4], 2, outcome="chance"),
    "all diverged": make_records(("relu", "sigmoid"), [2, 4], 2, outcome="diverged"),
    "some diverged": [make_record(seed=seed, outcome=end) for seed, end in enumerate(["learned", "diverged"])],
    "unlike cells": [make_record("relu", 2), make_record("relu", 4), make_record("tanh", 4), make_record("tanh", 4, 1)],
    "many settings": make_records(
        ("relu", "sigmoid", "tanh"), [4, 8], 1, axes={"norm": ["none", "batch"], "lr": [0.1, 0.2], "width": [8, 16]}
    ),
    "a single gain": make_records(("relu",), [4], 1, axes={"init": ["gain"], "init.gain": [1.0, 2.0]}),
}


def sound_page(study, folder):
    """The page of a study, looked at, with no figure left of an earlier one."""
    old = folder / study.name / "figures/old.svg"
    old.parent.mkdir(parents=True)
    old.touch()
    page = write_report(study, folder / study.name)
    (folder / "README.md").touch()
    is_sound(page)
    details = page.with_name("details.md")
    is_whole(details.read_text())
    links_lead_somewhere(details)
    return page


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_of_the_protocol_is_whole(undrawn, results, tmp_path, name):
    page = sound_page(results / name, tmp_path)
    assert len(list((page.parent / "figures").iterdir())) >= (1 if name != "digits" else 4)


@pytest.mark.parametrize("name", SMALL)
def test_a_page_of_very_little_is_whole(undrawn, tmp_path, name):
    write_effects(write_records(tmp_path / "results/small", SMALL[name], timed=False), [])
    sound_page(tmp_path / "results/small", tmp_path)


def test_a_page_of_networks_without_theory_and_measurement_is_whole(undrawn, tmp_path):
    study = write_study(tmp_path / "results", "own", depths=[2, 4], seeds=2, timed=False)
    for name in ("theory", "profiles", "cells", "runs"):
        table = pd.read_parquet(study.folder / f"{name}.parquet")
        gone = [
            column for column in table if column.startswith(("predicted", "gradient", "saturated", "decades", "xi"))
        ]
        table.assign(**dict.fromkeys(gone, float("nan"))).to_parquet(study.folder / f"{name}.parquet")
    write_effects(study, [])
    sound_page(study.folder, tmp_path)


@pytest.mark.parametrize("outcome", ["learned", "slow", "chance", "diverged"])
@pytest.mark.parametrize("name", ["digits", "remedies"])
def test_answers_hold_whatever_comes_out(tmp_path, name, outcome):
    inits = ["xavier", "edge"]
    study = write_study(tmp_path, name, ("sigmoid", "relu"), inits, [8], 2, timed=False, outcome=outcome)
    headline, rest = (answer(Facts(study), macro) for macro in ("headline", "rest"))
    is_whole(f"{headline} {rest}\n")
    assert headline.endswith(".") and "38 steps" in headline.replace("152", "38")
    assert "none of 2" in rest.lower() or "0 of 2" in rest or outcome == "learned"


def test_runs_that_end_at_an_accuracy_arrive_or_do_not(results):
    facts = Facts(Study(results / "time_law"))
    assert facts.verb == "arrived" and Facts(Study(results / "digits")).verb == "learned"
    groups = [facts.group(activation="sigmoid", init=init, depth=16) for init in ("xavier", "edge")]
    assert [(group.learned, group.n) for group in groups] == [(0, 4), (4, 4)]
    assert groups[1].median_steps == groups[1].steps == groups[0].steps / 2
    assert facts.group(activation="swell") is None and facts.group(gain=2) is None


def test_a_study_that_lacks_what_its_answer_is_about_gets_that_of_any_study(tmp_path):
    for name in STUDIES:
        study = write_study(tmp_path, name, ("relu", "mine"), ["he"], [2], 1, timed=False)
        write_effects(study, [])
        assert answer(Facts(study), "headline") == "All 2 runs learned, in at most 152 steps."


def test_the_index_has_every_claim_and_every_study(undrawn, results, tmp_path):
    for name in STUDIES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").touch()
    page = write_index(results, tmp_path)
    text = page.read_text()
    claims = json.loads((results / "claims.json").read_text())
    is_sound(page, most_words=2700, most_figures=40)
    (legend,) = [line.partition(". ")[0] for line in text.splitlines() if line.startswith("✓")]
    glyphs = {entry.partition(" ")[2]: entry[0] for entry in legend.split(", ")}
    for entry in claims:
        (row,) = [line for line in text.splitlines() if f"**{entry['id']}**" in line]
        assert row.split(" | ")[3] == glyphs[entry["verdict"]] and row.count(" | ") == 4
    assert all(f"]({name}/README.md)" in text for name in STUDIES)
    assert [facts.name for facts in all_studies(results)] == list(STUDIES)


def test_a_missing_table_is_one_line_and_writes_nothing(results, tmp_path):
    with pytest.raises(UserError, match="cells"):
        write_report(tmp_path / "results/none", tmp_path / "reports/none")
    with pytest.raises(UserError, match=r"python src/decide\.py"):
        write_index(tmp_path, tmp_path / "reports")
    assert not (tmp_path / "reports").exists()
