from __future__ import annotations

import itertools
import json
import re

import pytest

from synthetic import make_record, make_records
from synthetic_layers import write_tables
from synthetic_timing import make_timing
from whyrelu.claims.declaration import CLAIMS_DIRECTORY, read_claims
from whyrelu.claims.study import decide_study
from whyrelu.errors import UserError
from whyrelu.report.page import write_report
from whyrelu.timing.stage import write_timing

pytestmark = pytest.mark.usefixtures("undrawn")

PARTS = [
    "The operation alone: nanoseconds per element",
    "The training step and inference",
    "The activation's share of a step, against width",
    "Time for the epochs, and time to an accuracy",
    "Subnormal numbers",
]
RATIOS = {"relu": 1.0, "tanh": 1.02, "sigmoid": 1.5}


def page_of(folder, timing, records=None, decided=False):
    results = folder / "results" / "synthetic"
    results.mkdir(parents=True, exist_ok=True)
    if timing is not None:
        write_timing(timing, results / "timing.json")
    records = records or make_records(["relu", "tanh", "sigmoid"], depths=[2, 4])
    write_tables(records, results, level="off", overrides=("experiment=digits",), decided=decided)
    return write_report(results, folder / "reports").read_text()


def section_of(page):
    return page.partition("\n## Time\n")[2].partition("\n## ")[0]


def figures(folder):
    return {path.stem for path in (folder / "reports" / "figures").glob("time-*.svg")}


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    """A page on a study that was timed and decided."""
    folder = tmp_path_factory.mktemp("timed")
    return page_of(folder, make_timing(RATIOS, noise=0.002, further=["gelu"]), decided=True), folder


def test_four_quantities_are_kept_apart(timed):
    page, folder = timed
    section = section_of(page)
    assert re.findall(r"^### (.*)$", section, re.MULTILINE) == PARTS
    drawn = re.findall(r"!\[([^\]]+)\]\(figures/([^)]+)\.svg\)", section)
    assert [name for _, name in drawn] == [
        "time-operation",
        "time-activations",
        "time-steps",
        "time-shares",
        "time-subnormal",
    ]
    assert figures(folder) == {name for _, name in drawn}
    assert all(len(alternative) > 40 for alternative, _ in drawn)
    assert "\n\n\n" not in page
    assert not re.search(r"\bnan\b|\bNone\b", section)


def test_numbers_are_those_of_the_file(timed):
    section = section_of(timed[0])
    # a tenth of a nanosecond per element, and half as much again
    assert re.search(r"relu takes 0\.1\d* ns per element forward and 0\.\d+ ns backward at 2\^16 elements\.", section)
    assert re.search(r"- sigmoid, relative to relu: forward 1\.50 \[1\.\d\d, 1\.\d\d\] times at 2\^16", section)
    assert re.search(
        r"- sigmoid, relative to relu: training step 1\.\d\d( to 1\.\d\d)? times \(surely more than 1\.05 times as "
        r"long at every depth tried \(2 and 4\)\)",
        section,
    )
    assert re.search(
        r"- tanh, relative to relu: training step .*equal within a factor of 1\.05 at every depth", section
    )
    assert re.search(
        r"relu takes 10\.\d% \[.*\] at width 16 and 14\.\d% \[.*\] at width 64 of a training step", section
    )
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")]
    steps = {(row[0].strip("| "), row[1]): row[2:] for row in rows if len(row) == 4}
    # 2 ms per step at depth 2, 19 steps in each of 4 epochs
    told = re.fullmatch(r"(\S+) ms \((1\.5\d) .*\)", steps["training step", "sigmoid"][0])
    milliseconds, ratio = told.groups()
    assert float(milliseconds) == pytest.approx(3, rel=0.1)
    assert float(ratio) == pytest.approx(1.5, rel=0.01)
    seconds, unit = steps["all epochs", "relu"][0].split(" ")
    assert (float(seconds), unit) == (pytest.approx(2 * 19 * 4, rel=0.1), "ms")
    assert steps["to 80%", "sigmoid"][1].strip(" |").endswith("(0%)")


def test_a_run_that_diverged_counts_to_the_end_of_training(tmp_path):
    records = []
    for name, seed in itertools.product(("relu", "sigmoid"), range(4)):
        # all others reach it in the first of nine epochs
        outcome = "diverged" if (name, seed) == ("sigmoid", 0) else "learned"
        record = make_record(name, 2, seed, 9, outcome)
        record["history"]["val_accuracy"] = [0.2 if outcome == "diverged" else 0.9 for _ in record["history"]["epoch"]]
        records.append(record)
    timing = make_timing({"relu": 1.0, "sigmoid": 1.0}, depths=(2,), noise=0.0)
    section = section_of(page_of(tmp_path, timing, records))
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| to 80%")]
    relu, sigmoid = ({row[1]: row[2] for row in rows}[name] for name in ("relu", "sigmoid"))
    # (3 * 19 + 9 * 19) / 4 = 57 steps instead of 19, of equal length
    assert sigmoid.endswith("(75%)")
    assert float(sigmoid.split(" ")[0]) == pytest.approx(3 * float(relu.split(" ")[0]), rel=0.01)


def test_the_time_to_an_accuracy_that_no_run_reaches_is_not_told(tmp_path):
    records = [make_record(name, 2, seed) for name in ("relu", "sigmoid") for seed in range(4)]
    timing = make_timing({"relu": 1.0, "sigmoid": 1.0}, depths=(2,), noise=0.0)

    def told(best, folder):
        for record in records:
            record["history"]["val_accuracy"] = [best for _ in record["history"]["epoch"]]
        return re.findall(r"^\| (to \d+%) ", section_of(page_of(folder, timing, records)), re.MULTILINE)

    # of 50%, 80% and 90%, of which a claim compares 80%
    assert told(0.95, tmp_path / "all") == ["to 80%"] * 2
    assert told(0.6, tmp_path / "one") == ["to 50%"] * 2
    assert told(0.3, tmp_path / "none") == []


def test_the_threshold_is_that_of_the_claim(tmp_path):
    page = page_of(tmp_path, make_timing(RATIOS))
    assert "| to 80% | relu |" in section_of(page)
    text = (CLAIMS_DIRECTORY / "C06.yaml").read_text()
    assert "digits: [0.8]" in text
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "C06.yaml").write_text(text.replace("digits: [0.8]", "digits: [0.9]"))
    results = tmp_path / "results" / "synthetic"
    decide_study(read_claims(tmp_path / "claims"), results)
    section = section_of(write_report(results, tmp_path / "reports").read_text())
    assert "| to 90% | relu |" in section
    assert "| to 80% |" not in section


def test_subnormal_numbers_are_told(timed):
    section = section_of(timed[0])
    assert re.search(
        r"Depth 64: 25% of the gradients and 50% of the momentum of sigmoid are subnormal; a step takes \S+ ms, and "
        r"3\.0\d \[.*\] times as long as with flushing",
        section,
    )
    assert re.search(
        r"Depth 64: a step with sigmoid takes \d\.\d\d \[.*\] times as long as one with relu where subnormal numbers "
        r"are kept, and \d\.\d\d \[.*\] times where they are flushed\.",
        section,
    )
    assert "The switch reaches 50% of the numbers with 2 threads" in section


def test_what_subnormal_numbers_make_of_a_difference_between_activations_is_told(tmp_path):
    timing = make_timing(RATIOS, noise=0.0)
    for entry in timing["subnormal"]:
        slower = entry["depth"] == 64 and entry["activation"] == "sigmoid" and not entry["flush"]
        entry["seconds"] = [7e-3 if slower else 1e-3] * len(entry["seconds"])
    section = section_of(page_of(tmp_path, timing))
    for depth, times in ((16, "1.00"), (64, "7.00")):
        assert (
            f"Depth {depth}: a step with sigmoid takes {times} [{times}, {times}] times as long as one with relu where "
            "subnormal numbers are kept, and 1.00 [1.00, 1.00] times where they are flushed."
        ) in section


def test_an_optimizer_without_momentum_is_not_spoken_of(tmp_path):
    timing = make_timing(RATIOS)
    for entry in timing["subnormal"]:
        entry["state"] = None
    section = section_of(page_of(tmp_path, timing))
    assert "- Depth 64: 25% of the gradients of sigmoid are subnormal; a step takes " in section


def test_the_machine_and_its_load_are_told(timed, tmp_path):
    section = section_of(timed[0])
    assert "with 1 thread of 2 cores of a processor (AVX2; caches of a core: L1 data 48K and L2 2048K)" in section
    assert "other processes kept 0.01 processors busy before and 0.02 meanwhile" in section
    assert "The machine was busy" not in section
    load = {"average_before": 3.0, "average_after": 3.0, "others_before": 1.9, "others_meanwhile": 1.8, "is_busy": True}
    busy = section_of(page_of(tmp_path, make_timing(RATIOS, load=load)))
    assert "**The machine was busy with something else" in busy
    unknown = dict.fromkeys(load, None) | {"is_busy": False}
    assert "The load of the machine is not known." in section_of(page_of(tmp_path, make_timing(RATIOS, load=unknown)))


def test_verdicts_on_time_link_to_its_figures_and_count_blocks(timed):
    page, _ = timed
    ledger = page.partition("## The ledger of claims")[2].partition("\n## ")[0]
    rows = {name: line for line in ledger.splitlines() for name in re.findall(r"^\| \[(C\d+)\]", line)}
    for claim, figure in (("C3", "operation"), ("C4", "shares"), ("C5", "steps"), ("C6", "steps")):
        assert f"([figure](#figure-time-{figure}))" in rows[claim]
        assert re.search(r"n = \d+ blocks", rows[claim])
    assert "blocks" not in rows["C17"]
    assert "in steps, as seconds need timing.json" not in page
    limits = page.partition("\n## Assumptions and limits\n")[2].partition("\n## ")[0]
    assert "the median time of a step is taken as exact there" in limits
    assert "python src/timing.py experiment=digits\n" in page.partition("```sh")[2]


def test_without_times_the_section_names_the_command(tmp_path):
    page = page_of(tmp_path, None)
    assert section_of(page).strip() == (
        "Nothing was timed in this study: `python src/timing.py`, with the settings of the sweep, does."
    )
    assert figures(tmp_path) == set()
    assert "src/timing.py experiment" not in page


def test_what_was_left_out_is_told(tmp_path):
    timing = make_timing(RATIOS, widths=(16,), subnormal=False, left_out=["width 256 at depth 2"])
    section = section_of(page_of(tmp_path, timing))
    assert "Left out, as it would have taken too long: width 256 at depth 2." in section
    assert figures(tmp_path) == {"time-operation", "time-steps"}
    assert re.search(r"At the study's width 16, relu takes 10\.\d% at depth 2 and 10\.\d% at depth 4\.", section)


def test_many_activations_get_a_row_each(tmp_path):
    names = ["relu", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus", "tanh", "sigmoid"]
    records = make_records(names, depths=[2, 4], seeds=2)
    section = section_of(page_of(tmp_path, make_timing(dict.fromkeys(names, 1.2)), records))
    assert "a row per activation, at the largest depth" in section
    assert {"time-operation", "time-activations", "time-steps"} <= figures(tmp_path)


def test_a_single_block_or_activation_makes_a_page_too(tmp_path):
    records = make_records(["relu"], depths=[2], seeds=2)
    timing = make_timing({"relu": 1.0}, depths=(2,), widths=(16, 32), blocks=1, sizes=(4096,))
    section = section_of(page_of(tmp_path, timing, records))
    assert "time-steps" not in figures(tmp_path)
    assert not re.search(r"\bnan\b", section)


@pytest.mark.parametrize(("content", "message"), [("{", "is damaged"), ("[]", "is no timing"), ("{}", "has no facet")])
def test_a_damaged_file_is_named(tmp_path, content, message):
    page_of(tmp_path, make_timing(RATIOS))
    path = tmp_path / "results" / "synthetic" / "timing.json"
    path.write_text(content)
    with pytest.raises(UserError, match=rf"timing.json {message}.*python src/timing.py"):
        write_report(path.parent, tmp_path / "reports")


@pytest.mark.usefixtures("drawn")
def test_the_same_times_give_the_same_bytes(tmp_path):
    timing = make_timing(RATIOS, further=["gelu"])
    files = []
    for name in ("first", "second"):
        page_of(tmp_path / name, timing)
        files.append({path.name: path.read_bytes() for path in (tmp_path / name / "reports").rglob("*.*")})
    assert files[0] == files[1]
    assert all(len(content) > 1000 for name, content in files[0].items() if name.startswith("time-"))


def test_entries_are_written_a_line_each(tmp_path):
    timing = make_timing(RATIOS)
    write_timing(timing, tmp_path / "timing.json")
    text = (tmp_path / "timing.json").read_text()
    count = sum(len(timing[kind]) for kind in ("op", "step", "subnormal"))
    assert len(re.findall(r'^    \{"activation": ', text, re.MULTILINE)) == count
    read = json.loads(text)
    assert set(read) == set(timing)
    assert read["step"][0]["seconds"] == pytest.approx(timing["step"][0]["seconds"], rel=1e-4)
