"""The index of all studies, of small tables and of those that are committed."""

import io
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from whyrelu.errors import UserError
from whyrelu.report.index.page import write_index
from whyrelu.results.files import write_table

SIZES = (("digits", 100), ("cifar10", 5000))
ROOT = Path(__file__).resolve().parents[2]


def study(
    folder,
    name,
    verdicts,
    data="digits",
    seeds=(0, 1),
    facets=({},),
    decided_in="",
    at=None,
    quantity="accuracy",
    n_of="runs",
    **further,
):
    """Tables and report of a study with a verdict per claim; no verdict for those that it does not know.

    Args:
        folder: where results/ and reports/ are made.
        name: of the study.
        verdicts: by the id of the claim.
        data: its name.
        seeds: all of them.
        facets: further factors of each facet.
        decided_in: the label of the one in which all claims were decided.
        at: the depth of the tests that are shown.
        quantity: that they are of.
        n_of: what claims were decided by, runs or blocks of times.
        further: what tables of today have in provenance.json, and tables of old have not.
    """
    claims = [
        {
            "id": claim,
            "claim": f"What {claim} says.",
            "verdict": verdict,
            "unit": None if verdict == "not tested" else "points",
            "facet": None if verdict == "not tested" else decided_in,
            "depth": at,
            "quantity": quantity,
            "n_of": n_of,
            **dict.fromkeys(("effect", "low", "high"), None if verdict == "not tested" else 12.34),
        }
        for claim, verdict in verdicts.items()
    ]
    facts = {
        "data": [{"name": data, "train": 100, "validation": 20, "test": 30, "shape": [8, 8, 1], "note": "small"}],
        "runs": 8,
        "seeds": list(seeds),
        "code_version": ["0123456789ab"],
        **further,
    }
    results, report = folder / "results" / name, folder / "reports" / name
    (report / "figures").mkdir(parents=True, exist_ok=True)
    results.mkdir(parents=True, exist_ok=True)
    (results / "claims.json").write_text(json.dumps(claims))
    cell = {"activation": "relu", "depth": 2, "data": data, "n": len(seeds)}
    write_table(pd.DataFrame([{**cell, **facet} for facet in facets]), results / "cells.parquet")
    (results / "provenance.json").write_text(json.dumps(facts))
    (report / "README.md").write_text(f"# Study {name}\n\n**{name} found it.** [C1](#c1)\n")
    (report / "figures" / "accuracy.svg").touch()


def index(folder):
    return write_index(folder / "results", folder / "reports").read_text()


def section(page, heading):
    return page.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def row(page, claim):
    (line,) = re.findall(rf"^\| <a id=\"{claim.lower()}\"></a>.*$", page, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_verdicts_stand_side_by_side_with_effects_and_a_hyphen_where_nothing_was_tested(tmp_path):
    study(tmp_path, "small", {"C1": "supported", "C2": "not tested"})
    study(tmp_path, "wide", {"C1": "inconclusive", "C3": "refuted"}, seeds=(0,))
    page = index(tmp_path)
    assert row(page, "C1") == [
        "[✓ supported](small/README.md#c1)<br>12.3 [12.3, 12.3]",
        "[? inconclusive](wide/README.md#c1)<br>12.3 [12.3, 12.3]",
    ]
    assert row(page, "C2") == ["-", "-"]
    assert row(page, "C3") == ["-", "[✗ refuted](wide/README.md#c3)<br>12.3 [12.3, 12.3]"]


def test_the_answer_comes_first_and_counts_every_claim_once(tmp_path):
    study(tmp_path, "one", {"C1": "supported", "C2": "supported", "C3": "refuted", "C4": "inconclusive"})
    study(tmp_path, "two", {"C1": "inconclusive", "C2": "refuted", "C3": "refuted", "C4": "not tested"})
    answer = index(tmp_path).partition("| claim")[0]
    ids = {
        re.search(r"\*\*(.+)\*\*", line)[1]: re.findall(r"\[(C\d)\]", line)
        for line in answer.splitlines()
        if line.startswith("- ")
    }
    assert ids == {
        "supported, and refuted by no study": ["C1"],
        "refuted, and supported by no study": ["C3"],
        "supported by one study and refuted by another": ["C2"],
        "decided by none": ["C4"],
    }


def columns(page):
    """The heads of the table, without the links."""
    (line,) = re.findall(r"^\| claim \|(.*)\|$", page, re.MULTILINE)
    return [re.sub(r"\[(\w+)\]\([^)]*\)", r"\1", cell.strip()) for cell in line.split("|")]


def test_columns_stand_by_data_and_the_plainest_grid_first(tmp_path):
    study(tmp_path, "arms", {"C1": "supported", "C2": "supported"}, seeds=range(9), varied=["init", "norm"])
    study(tmp_path, "grid", {"C1": "supported"}, varied=[])
    study(tmp_path, "both", {"C1": "supported"}, varied=["precision"])
    study(tmp_path, "photos", {"C1": "supported"}, data="cifar10", varied=["precision"])
    assert columns(index(tmp_path)) == ["photos<br>cifar10", "grid<br>digits", "both<br>digits", "arms<br>digits"]


def test_data_that_all_columns_share_is_named_once_above_them(tmp_path):
    study(tmp_path, "one", {"C1": "supported"})
    study(tmp_path, "two", {"C1": "supported"})
    page = index(tmp_path)
    assert columns(page) == ["one", "two"]
    assert "in the nets and data of each study (digits in all of them). No two" in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["tuned"], "tuned"),
        (["0.0316"], "lr=0.0316 untuned"),
        (["0.001", "tuned"], "tuned, beside lr=0.001"),
        (["0.1", "0.01"], "lr=0.1 and 0.01 untuned"),
    ],
)
def test_a_column_says_whether_its_learning_rates_were_tuned(tmp_path, given, said):
    study(tmp_path, "mine", {"C1": "supported"}, given_lr=given)
    study(tmp_path, "old", {"C1": "supported"})
    page = index(tmp_path)
    assert columns(page) == [f"mine<br>{said}", "old"]
    assert "untuned one was chosen for none, and may suit one activation better than another. C3 to C6 are" in page


def test_each_study_says_what_it_asks_as_far_as_its_tables_do(tmp_path):
    study(tmp_path, "mine", {"C1": "supported"}, question="Does it, at all?")
    study(tmp_path, "old", {"C1": "supported"})
    titles = re.findall(r"^### (.*)$", index(tmp_path), re.MULTILINE)
    assert titles == ["[mine](mine/README.md): Does it, at all?", "[old](old/README.md)"]


def test_studies_on_different_data_that_disagree_are_named_with_their_data(tmp_path):
    study(tmp_path, "digits", {"C1": "supported", "C2": "supported", "C3": "supported"})
    study(tmp_path, "photos_study", {"C1": "refuted", "C2": "inconclusive", "C3": "supported"}, data="cifar10")
    found = section(index(tmp_path), "Where studies disagree")
    contradicted, _, unsettled = found.partition("Decided in one study")
    assert (
        "[C1](#c1) What C1 says: supported in digits, refuted in photos_study (cifar10). Here cifar10 and digits "
        in (contradicted)
    )
    assert "[C2](#c2) What C2 says: supported in digits, inconclusive in photos_study (cifar10)" in unsettled
    assert "C3" not in found
    assert "All studies here are of one data set" not in found


def test_a_disagreement_on_the_same_data_is_not_blamed_on_data(tmp_path):
    study(tmp_path, "digits", {"C1": "supported"})
    study(tmp_path, "other", {"C1": "refuted"})
    found = section(index(tmp_path), "Where studies disagree")
    assert "The data is the same (digits)" in found
    assert "All studies here are of one data set, digits" in found


def apart(folder, claim):
    """What tells the two sides of a disagreement apart: the last sentence on it."""
    (line,) = re.findall(rf"^- \[{claim}\]\(#.*$", section(index(folder), "Where studies disagree"), re.MULTILINE)
    return line.rsplit(". ", 1)[1]


def test_settings_of_one_side_only_are_named_whichever_facet_has_them(tmp_path):
    adam = [{"optimizer": "sgd", "optimizer.eps": None}, {"optimizer": "adam", "optimizer.eps": 1e-8}]
    common = {"width": 16, "batch_size": 64, "trainer.threads": 1, "optimizer": "sgd"}
    study(tmp_path, "one", {"C1": "supported"}, common=common)
    study(tmp_path, "two", {"C1": "supported"}, common={**common, "width": 32, "trainer.threads": 2})
    study(
        tmp_path,
        "three",
        {"C1": "refuted"},
        facets=adam,
        decided_in="optimizer=adam",
        # shared with one of the others, shared with none, and of no weight
        common={"width": 32, "batch_size": 128, "trainer.threads": 4},
    )
    # of a third verdict, which is neither side
    study(tmp_path, "four", {"C1": "inconclusive"}, common={**common, "batch_size": 128})
    assert apart(tmp_path, "C1") == (
        "Supported with batch_size=64 and optimizer=sgd, refuted with batch_size=128 and optimizer=adam."
    )


def test_counts_and_rates_tell_studies_apart(tmp_path):
    study(tmp_path, "one", {"C1": "supported"}, seeds=range(10), given_lr=["tuned"])
    study(tmp_path, "two", {"C1": "supported"}, seeds=range(9), given_lr=["tuned"])
    study(tmp_path, "three", {"C1": "inconclusive"}, given_lr=["0.1"])
    assert apart(tmp_path, "C1") == ("Supported with lr=tuned and 9 or 10 seeds, inconclusive with lr=0.1 and 2 seeds.")


def test_sides_with_the_same_settings_are_said_to_have_them(tmp_path):
    study(tmp_path, "one", {"C1": "supported"}, common={"width": 16, "model": "cnn"})
    # what one of them does not record tells nothing
    study(tmp_path, "two", {"C1": "refuted"}, common={"width": 16})
    same = "single setting that all of them record tells the two apart."
    assert apart(tmp_path, "C1") == f"No {same}"
    study(tmp_path, "two", {"C1": "refuted"}, data="cifar10", common={"width": 16})
    assert apart(tmp_path, "C1") == f"Beside the data, no {same}"


def test_the_facet_of_the_test_says_what_a_study_of_several_sets_and_rates_decided_with(tmp_path):
    both = [{"data": "digits", "lr": 0.1}, {"data": "cifar10", "lr": 0.01}]
    sets = [{"name": name, "train": train, "validation": 1, "test": 1, "shape": [8, 8, 1]} for name, train in SIZES]
    study(tmp_path, "both", {"C1": "refuted"}, facets=both, decided_in="data=cifar10", given_lr=["0.1", "0.01"])
    path = tmp_path / "results/both/provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": sets}))
    study(tmp_path, "digits", {"C1": "supported"}, seeds=(0,), facets=[{"lr": 0.1}], given_lr=["0.1"])
    found = section(index(tmp_path), "Where studies disagree")
    assert "Here cifar10 and digits disagree. " in found
    decided = "lr=0.1, 100 training images and 1 seed", "lr=0.01, 5,000 training images and 2 seeds"
    assert apart(tmp_path, "C1") == f"Supported with {decided[0]}, refuted with {decided[1]}."


def test_depths_that_decided_tell_studies_apart(tmp_path):
    study(tmp_path, "one", {"C1": "supported"}, at=16)
    study(tmp_path, "two", {"C1": "supported"}, at=8)
    study(tmp_path, "three", {"C1": "refuted"}, at=4)
    assert apart(tmp_path, "C1") == "Supported with depth=8 or 16, refuted with depth=4."
    # all depths together in one of them
    study(tmp_path, "three", {"C1": "refuted"})
    assert apart(tmp_path, "C1") == "No single setting that all of them record tells the two apart."


def test_what_is_measured_at_init_is_not_explained_by_training(tmp_path):
    trained = {"optimizer": "adam", "schedule": "constant", "batch_size": 128, "epochs": 5, "precision": "bf16-mixed"}
    usual = {"optimizer": "sgd", "schedule": "cosine", "batch_size": 64, "epochs": 9, "precision": "32-true"}
    for quantity, said in (("gradient norm at init", "init=xavier"), ("accuracy", "optimizer=adam, schedule=constant")):
        study(tmp_path, "one", {"C1": "supported"}, quantity=quantity, common={**trained, "init": "xavier"})
        study(tmp_path, "two", {"C1": "refuted"}, quantity=quantity, common={**usual, "init": "he"})
        assert apart(tmp_path, "C1").startswith(f"Supported with {said}")
    study(tmp_path, "one", {"C1": "supported"}, quantity="gradient norm at init", common={**trained, "init": "he"})
    study(tmp_path, "two", {"C1": "refuted"}, quantity="gradient norm at init", common={**usual, "init": "he"})
    assert apart(tmp_path, "C1").startswith("No single setting")


def test_counts_that_interleave_tell_nothing(tmp_path):
    for seeds, verdict in ((2, "supported"), (4, "refuted"), (6, "supported")):
        study(tmp_path, f"s{seeds}", {"C1": verdict}, seeds=range(seeds))
    assert apart(tmp_path, "C1").startswith("No single setting")


def test_augmentation_and_what_an_optimizer_implies_tell_studies_apart(tmp_path):
    arms = {"facets": [{"optimizer": "sgd"}, {"optimizer": "adam"}], "decided_in": "optimizer=sgd"}
    common = {"data.augmentation.flip": True, "data.train_size": 100, "optimizer.fused": True}
    implied = {"optimizer.momentum": {"sgd": 0.9}}
    study(tmp_path, "one", {"C1": "refuted"}, "cifar10", common=common, implied=implied, **arms)
    alone = {"optimizer": "sgd", "optimizer.momentum": 0.5, "data.augmentation.flip": False, "optimizer.fused": False}
    study(tmp_path, "two", {"C1": "supported"}, common=alone)
    said = "optimizer.momentum={} and data.augmentation.flip={}".format
    decided = said(0.5, "false"), said(0.9, "true")
    assert apart(tmp_path, "C1") == f"Supported with {decided[0]}, refuted with {decided[1]}."


def test_a_claim_about_times_is_not_explained_by_how_nets_were_trained(tmp_path):
    study(tmp_path, "one", {"C4": "refuted"}, n_of="blocks", common={"schedule": "cosine"})
    study(tmp_path, "two", {"C4": "inconclusive"}, n_of="blocks", common={"schedule": "constant"})
    assert apart(tmp_path, "C4") == "A time is of one machine, and of the nets that were timed on it."


def test_each_study_is_described_with_data_runs_code_figure_and_what_it_says_first(tmp_path):
    study(tmp_path, "mine", {"C1": "supported"}, seeds=range(3))
    page = section(index(tmp_path), "The studies")
    for text in (
        "[mine](mine/README.md)",
        "mine found it.",
        "digits, 100 training, 20 validation and 30 test images of 8 x 8 x 1 (small)",
        "8 runs, 3 seeds (seeds 0 to 2)",
        "1 supported",
        "version 0123456789ab",
        "(mine/figures/accuracy.svg)",
    ):
        assert text in page


def test_a_report_without_claims_is_listed_and_tables_without_a_report_are_not(tmp_path):
    study(tmp_path, "mine", {"C1": "supported"})
    study(tmp_path, "unwritten", {"C1": "refuted"})
    shutil.rmtree(tmp_path / "reports/unwritten")
    (tmp_path / "reports/speed").mkdir()
    (tmp_path / "reports/speed/README.md").write_text("# How fast\n\nAs fast as it goes. More of it below.\n")
    page = index(tmp_path)
    assert "### [How fast](speed/README.md)\n\nAs fast as it goes.\n" in page
    assert "unwritten" not in page


def test_without_studies_there_is_an_index_all_the_same(tmp_path):
    (tmp_path / "reports").mkdir()
    assert index(tmp_path).startswith("# Why is ReLU")


def test_a_damaged_table_is_named(tmp_path):
    study(tmp_path, "mine", {"C1": "supported"})
    (tmp_path / "results/mine/claims.json").write_text("[")
    with pytest.raises(UserError, match=r"results/mine/claims.json is damaged"):
        index(tmp_path)


def test_the_committed_index_is_what_the_command_makes_of_committed_tables(tmp_path):
    # studies of one's own may stand beside those that are committed
    archive = subprocess.run(
        ["git", "archive", "HEAD", "results", "reports"], cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(tmp_path, filter="data")
    published = (tmp_path / "reports/README.md").read_text()
    assert index(tmp_path) == published


def anchors(page):
    """What a link can lead to: named places, and headings as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return set(re.findall(r'<a id="([^"]+)">', page)) | {heading.lower().replace(" ", "-") for heading in headings}


def test_every_link_of_the_committed_index_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "reports/README.md").read_text())
    assert len(links) > 30
    for link in links:
        path, _, anchor = link.partition("#")
        target = ROOT / "reports" / (path or "README.md")
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target.read_text()), link
