import json
import re
import runpy
import shlex
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from synthetic import make_record, make_records
from synthetic_layers import write_tables
from whyrelu.errors import UserError
from whyrelu.report.accuracy_figure import place_in_cell
from whyrelu.report.page import write_report

# what the figures look like is for the tests that say so
pytestmark = pytest.mark.usefixtures("undrawn")

SCRIPT = str(Path(__file__).resolve().parents[2] / "src" / "report.py")


def report_of(records, folder, overrides=("experiment=digits", "seed=range(0,3)")):
    """The text of the report on these records, whose tables and page are made in a folder; nothing was diagnosed."""
    write_tables(records, folder / "results" / "synthetic", level="off", overrides=overrides)
    return write_report(folder / "results" / "synthetic", folder / "reports" / "synthetic").read_text()


def figures(folder):
    """The names of the figures, without those that theory draws."""
    names = {path.stem for path in (folder / "reports" / "synthetic" / "figures").iterdir()}
    return names - {"functions", "trainability"}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    folder = tmp_path_factory.mktemp("usual")
    return report_of(make_records(["relu", "tanh", "sigmoid"], depths=[2, 4, 8]), folder), folder


def test_the_answer_is_in_the_first_lines(usual):
    page, _ = usual
    first = page.partition("Mean test accuracy in percent, over all runs")[0]
    assert re.findall(r"!\[.*\]\((.*)\)", first) == ["figures/accuracy.svg"]
    relu, tanh, sigmoid = (rf"{name} \d\d\.\d%" for name in ("relu", "tanh", "sigmoid"))
    learned = f"({relu}, {tanh}|{tanh}, {relu})"
    assert re.search(
        rf"^\*\*Mean test accuracy at depth 8: {learned}, sigmoid 10\.0% \(3 of 3 runs failed\)\.\*\* "
        rf"At depth 2: {learned}, {sigmoid}\.\n\n- ",
        first,
        re.MULTILINE,
    )
    assert "- relu and tanh rise above chance at every depth tried (2, 4 and 8; mean test accuracy " in first
    assert re.search(r"sigmoid rises above chance at depth 2 \(mean test accuracy 8\d\.\d%\) but not at 4 or 8", first)
    assert "6 of 27 runs failed (6 ended at chance): sigmoid 6 of 9, first at depth 4; no run of another" in first
    assert re.search(r"relu minus sigmoid .*Welch.*\*\*\+\d+\.\d\*\* \[\+\d+\.\d, \+\d+\.\d\] at depth 2", page)
    assert re.search(r"- tanh minus relu in points of test accuracy \(95% interval by Welch's t\): \*\*", page)
    assert "3 activations x 3 depths x 3 seeds" in first
    assert "The lines between depths only guide the eye." in first
    assert "Learning rate: 0.05, the same for every activation and depth, and tuned for none of them" in first
    assert len(first) < 2500


def test_every_figure_is_on_the_page_and_every_link_leads_to_one(usual):
    page, folder = usual
    linked = re.findall(r"!\[([^\]]+)\]\(figures/([^)]+)\.svg\)", page)
    assert figures(folder) == {"accuracy", "convergence", "learning-curves", "failures"}
    assert {name for _, name in linked} == figures(folder) | {"functions", "trainability"}
    assert all(len(alternative) > 20 for alternative, _ in linked)


def test_figures_are_as_wide_as_a_page(usual):
    _, folder = usual
    for path in (folder / "reports" / "synthetic" / "figures").iterdir():
        root = ElementTree.parse(path).getroot()
        assert float(root.attrib["width"].removesuffix("pt")) == 600
        assert float(root.attrib["height"].removesuffix("pt")) < 800


def test_the_table_of_cells_has_failures_beside_the_mean(usual):
    page, _ = usual
    assert "| activation | depth | n | failed | mean | 95% interval | sd | IQM |" in page
    assert "| sigmoid | 4 | 3 | 3 (3 at chance) | 10.0 | 10.0 to 10.0 | 0.0 | 10.0 |" in page
    assert len(re.findall(r"^\| (?:relu|tanh|sigmoid) \| \d+ \| 3 \|", page, re.MULTILINE)) == 9


def test_tables_are_well_formed(usual):
    page, _ = usual
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    assert "\n\n\n" not in page


def test_provenance_and_commands_are_on_the_page(usual):
    page, _ = usual
    for text in (
        "0123456789abcdef",
        "fedcba9876543210",
        "torch 2.14.1",
        "a processor",
        "batch_size=64",
        "seeds 0 to 2",
    ):
        assert text in page
    assert "`make reproduce` (or `dvc repro`" in page
    assert "```sh\npython src/prepare.py experiment=digits\npython src/train.py -m" in page
    sweep = "experiment=digits 'seed=range(0,3)'"
    assert f"train.py -m {sweep}\npython src/theory.py -m {sweep}\npython src/aggregate.py {sweep}" in page
    assert "python src/report.py synthetic" in page


def test_what_a_reader_must_know_of_the_images_is_on_the_page(tmp_path):
    report_of(make_records(["relu", "sigmoid"], depths=[2]), tmp_path)
    provenance = tmp_path / "results/synthetic/provenance.json"
    facts = json.loads(provenance.read_text())
    facts["data"][0] |= {"note": "scanned by hand", "source_md5": "0f0f"}
    provenance.write_text(json.dumps(facts))
    page = write_report(tmp_path / "results/synthetic", tmp_path / "reports/synthetic").read_text()
    # with its size under the limits, and with where it comes from
    assert page.count("classes (scanned by hand)") == 2
    assert "of an archive with MD5 0f0f" in page


def test_the_title_is_what_the_study_asks_as_far_as_its_tables_say_so(tmp_path):
    page = report_of(make_records(["relu"], depths=[2]), tmp_path)
    assert page.startswith("# Study synthetic: Which activations learn, and how deep?\n")
    provenance = tmp_path / "results/synthetic/provenance.json"
    facts = json.loads(provenance.read_text())
    # as in tables that were made before studies said it
    assert "question" not in facts
    for question, title in (("Does it, at all?", "Does it, at all?"), (None, "Which activations learn, and how deep?")):
        provenance.write_text(json.dumps({**facts, "question": question}))
        page = write_report(tmp_path / "results/synthetic", tmp_path / "reports/synthetic").read_text()
        assert page.startswith(f"# Study synthetic: {title}\n")


def test_the_page_has_no_time_and_no_commit(usual):
    page, _ = usual
    assert not re.search(r"20\d\d-\d\d|commit", page)


def test_the_same_tables_give_the_same_bytes(usual, tmp_path, drawn):
    _, folder = usual
    report_of(make_records(["relu", "tanh", "sigmoid"], depths=[2, 4, 8]), tmp_path)
    for path in (folder / "reports").rglob("*.*"):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_the_style_does_not_depend_on_personal_settings(usual, tmp_path, drawn):
    import matplotlib

    _, folder = usual
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.fonttype": "none"}):
        report_of(make_records(["relu", "tanh", "sigmoid"], depths=[2, 4, 8]), tmp_path)
    path = Path("reports/synthetic/figures/accuracy.svg")
    assert (tmp_path / path).read_bytes() == (folder / path).read_bytes()


def test_a_single_run(tmp_path, drawn):
    page = report_of([make_record()], tmp_path)
    assert re.search(
        r"^\*\*Mean test accuracy at depth 2: (relu \d+\.\d%)\.\*\*\n\n- relu rises above chance at depth 2",
        page,
        re.MULTILINE,
    )
    assert "No run failed (0 of 1)." in page
    assert "(a single run)" in page
    assert re.search(r"\| relu \| 2 \| 1 \| 0 \| \d+\.\d \| - \| - \| \d+\.\d \|", page)
    assert not re.search(r"\bnan\b", page)
    assert "minus" not in page


def test_a_single_depth_at_which_an_activation_fails(tmp_path):
    page = report_of(make_records(["tanh", "sigmoid"], depths=[4]), tmp_path)
    assert "sigmoid stays at chance at depth 4 (mean test accuracy 10.0%)" in page
    assert "tanh minus sigmoid" in page


def test_a_study_in_which_nothing_learns(tmp_path):
    page = report_of(make_records(["sigmoid", "centred_sigmoid"], depths=[4, 8]), tmp_path)
    both = "sigmoid 10.0% (3 of 3 runs failed), centred_sigmoid 10.0% (3 of 3)"
    assert f"**Mean test accuracy at depth 8: {both}.** At depth 4: {both}.\n" in page
    assert (
        "- sigmoid and centred_sigmoid stay at chance at every depth tried (4 and 8; mean test accuracy 10.0%)." in page
    )


def test_diverged_runs_are_told_from_runs_at_chance(tmp_path, drawn):
    outcomes = ["diverged", "at_chance", "learned", "learned"]
    page = report_of([make_record(seed=i, outcome=outcome) for i, outcome in enumerate(outcomes)], tmp_path)
    assert "2 of 4 runs failed (1 diverged and 1 ended at chance): relu 2 of 4." in page
    assert "relu rises above chance at depth 2" in page
    assert "2 (1 diverged, 1 at chance)" in page
    assert "A diverged run goes on at its last value" in page


def test_further_axes_are_answered_one_by_one(tmp_path):
    page = report_of(make_records(["relu", "sigmoid"], depths=[2, 4], axes={"norm": ["none", "batch"]}), tmp_path)
    assert "\nMean test accuracy at depth 4 with norm=none: relu" in page
    assert "\nMean test accuracy at depth 4 with norm=batch: relu" in page
    assert "- relu and sigmoid rise above chance at every depth" in page
    of_each = {f"{name}-norm-{norm}" for name in ("convergence", "learning-curves") for norm in ("none", "batch")}
    assert figures(tmp_path) == {"accuracy", "failures"} | of_each
    assert "| norm | activation | depth | n |" in page
    assert "Only activation, depth, norm and seed were varied" in page


def outcomes(accuracies, depth=2):
    """Two records per activation, with these test accuracies."""
    records = [make_record(name, depth, seed) for name in accuracies for seed in range(2)]
    for record in records:
        record["metrics"]["test_accuracy"] = accuracies[record["factors"]["activation"]]
    return records


def test_of_many_activations_the_headline_names_the_best_and_those_of_the_project(tmp_path):
    accuracies = {"a": 0.6, "sigmoid": 0.2, "b": 0.9, "relu": 0.5, "c": 0.8, "d": 0.7, "e": 0.4}
    page = report_of(outcomes(accuracies), tmp_path / "many")
    named = "b 90.0%, c 80.0%, d 70.0%, relu 50.0%, sigmoid 20.0% and 2 others between 40.0% and 60.0%"
    assert f"**Mean test accuracy at depth 2: {named}.**" in page
    del accuracies["e"]
    page = report_of(outcomes(accuracies), tmp_path / "few")
    assert "b 90.0%, c 80.0%, d 70.0%, a 60.0%, relu 50.0%, sigmoid 20.0%.**" in page


def test_relu_is_compared_with_the_strongest_of_the_others(tmp_path):
    records = [
        *outcomes({"relu": 0.5, "tanh": 0.7, "gelu": 0.6}, depth=2),
        *outcomes({"relu": 0.5, "tanh": 0.5, "gelu": 0.9}, depth=4),
    ]
    page = report_of(records, tmp_path)
    flatters = "gelu has the highest mean over the depths of 2 others, a choice that flatters it"
    assert f"- gelu minus relu in points of test accuracy ({flatters}; 95% interval by Welch's t): " in page
    assert "**+10.0** [+10.0, +10.0] at depth 2, **+40.0** [+40.0, +40.0] at depth 4." in page
    assert page.count(" minus ") == 1


def test_the_headline_is_of_depths_that_all_activations_have(tmp_path):
    records = [*outcomes({"relu": 0.5}, depth=2), *outcomes({"relu": 0.6, "tanh": 0.7}, depth=4)]
    page = report_of([*records, *outcomes({"relu": 0.8}, depth=8)], tmp_path / "common")
    assert "**Mean test accuracy at depth 4: tanh 70.0%, relu 60.0%.**\n" in page
    page = report_of([*outcomes({"relu": 0.5}, depth=2), *outcomes({"tanh": 0.7}, depth=4)], tmp_path / "none")
    assert "**Mean test accuracy at depth 4: tanh 70.0%.** At depth 2: relu 50.0%.\n" in page
    assert "minus" not in page


def test_the_commands_prepare_each_data_set_of_a_sweep(tmp_path):
    overrides = ["experiment=digits", "data=digits,mnist", "+data.url='file:///my data'", "depth=2,4"]
    page = report_of([make_record()], tmp_path, overrides)
    commands = [shlex.split(line) for line in page.partition("```sh\n")[2].splitlines()[:3]]
    settings = ["+data.url='file:///my data'"]
    assert commands[:2] == [
        ["python", "src/prepare.py", "experiment=digits", f"data={name}", *settings] for name in ("digits", "mnist")
    ]
    assert commands[2] == ["python", "src/train.py", "-m", *overrides]


def test_runs_that_coincide_are_drawn_side_by_side():
    runs = pd.DataFrame({"depth": [2] * 10 + [4] * 2, "test_accuracy": [0.1] * 10 + [0.9, 0.2]})
    place = place_in_cell(runs)
    np.testing.assert_allclose(place, [*np.linspace(0.05, 0.95, 10), 0.75, 0.25])


def test_many_activations_get_a_panel_each(tmp_path):
    names = [f"activation_{i}" for i in range(8)]
    page = report_of(make_records(names, depths=[2], seeds=1), tmp_path)
    assert figures(tmp_path) == {"accuracy", "convergence", "failures", "learning-curves"}
    assert "one panel per activation" in page


def test_cells_that_were_not_run_are_no_error(tmp_path, drawn):
    records = [make_record("relu", 2), make_record("relu", 4), make_record("tanh", 4, 0), make_record("tanh", 4, 1)]
    page = report_of(records, tmp_path)
    assert re.search(r"\| tanh \| - \| \d+\.\d \|", page)
    assert "3 cells of 1 to 2 runs" in page


def test_learning_rates_that_differ_are_not_called_common(tmp_path):
    records = [make_record(name, depth, lr=0.1 / depth) for name in ("relu", "tanh") for depth in (2, 4)]
    page = report_of(records, tmp_path)
    assert "Learning rate: 0.025 to 0.05, not the same in all cells" in page
    assert "| activation | depth | lr | n |" in page


def test_figures_of_an_earlier_report_are_removed(tmp_path):
    report_of(make_records(["relu"], axes={"norm": ["none", "batch"]}), tmp_path)
    report_of(make_records(["relu"]), tmp_path)
    assert figures(tmp_path) == {"accuracy", "convergence", "learning-curves", "failures"}


@pytest.mark.parametrize(
    "name",
    [
        *(f"{name}.parquet" for name in ("runs", "history", "cells", "profiles", "layers", "spectra", "theory")),
        *(f"{name}.parquet" for name in ("functions", "contrasts", "shares", "convergence")),
        "claims.json",
        "provenance.json",
    ],
)
def test_missing_and_damaged_tables_are_one_clear_line(tmp_path, name):
    write_tables([make_record()], tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=rf"{name} is damaged"):
        write_report(tmp_path, tmp_path / "report")
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=rf"{name} is missing"):
        write_report(tmp_path, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_tables_of_different_times_are_refused(tmp_path):
    write_tables(make_records(seeds=2), tmp_path / "old")
    write_tables(make_records(seeds=3), tmp_path / "new")
    (tmp_path / "old" / "cells.parquet").replace(tmp_path / "new" / "cells.parquet")
    with pytest.raises(UserError, match="do not belong together"):
        write_report(tmp_path / "new", tmp_path / "report")


def run_script(monkeypatch, folder, study):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", [SCRIPT, study])
    runpy.run_path(SCRIPT, run_name="__main__")


def test_the_script_writes_the_report_of_a_study(tmp_path, monkeypatch, capsys):
    write_tables([make_record()], tmp_path / "results" / "synthetic")
    run_script(monkeypatch, tmp_path, "synthetic")
    assert (tmp_path / "reports" / "synthetic" / "README.md").is_file()
    assert "reports/synthetic/README.md" in capsys.readouterr().out


def test_the_script_names_the_studies_that_there_are(tmp_path, monkeypatch, capsys):
    write_tables([make_record()], tmp_path / "results" / "synthetic")
    with pytest.raises(SystemExit) as caught:
        run_script(monkeypatch, tmp_path, "sinthetic")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: there is no results/sinthetic; there are tables of: synthetic\n"
