"""What the README says was found is what the published studies say: verdicts, numbers, speed."""

import json
import re
import subprocess

import pytest

from documented import ROOT, section

PAGE = (ROOT / "README.md").read_text()
FOUND = section(PAGE, "What it found")
ROWS = [line.split("|")[1:-1] for line in FOUND.splitlines() if re.match(r"\| [✓✗?⇄] \|", line)]
NUMBER = r"-?\d[\d.]*%?"


STUDIES = [json.loads(path.read_text()) for path in sorted((ROOT / "results").glob("*/claims.json"))]
TIMED = {found["id"] for study in STUDIES for found in study if found["timed"]}


def verdicts(claim: str) -> set[str]:
    """Of a claim in all published studies."""
    return {found["verdict"] for study in STUDIES for found in study if found["id"] == claim}


def times_are_published() -> bool:
    """Whether times are those of the commit: `make reproduce` replaces them by those of the machine it runs on."""
    command = ["git", "diff", "--quiet", "HEAD", "--", *(str(path) for path in ROOT.glob("results/*/timing.json"))]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_rows_are_read():
    assert len(ROWS) >= 5
    assert len({claim for _, what, _ in ROWS for claim in re.findall(r"\bC\d+\b", what)}) >= 10


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1][:40].strip())
def test_a_row_of_the_front_page_is_as_the_studies_say(row):
    mark, what, came_out = row
    claims = re.findall(r"\[(C\d+)\]\(reports/README.md#", what)
    for claim in claims:
        if claim in TIMED and not times_are_published():
            continue
        decided = verdicts(claim) & {"supported", "refuted"}
        expected = {"✓": {"supported"}, "✗": {"refuted"}, "?": set(), "⇄": {"supported", "refuted"}}[mark.strip()]
        assert decided == expected, claim
    # its numbers stand in the report that it names
    (study,) = re.findall(r"\]\(reports/(\w+)/README.md[)#]", came_out)
    report = (ROOT / "reports" / study / "README.md").read_text()
    said = re.findall(NUMBER, came_out.partition("([")[0])
    assert said or TIMED.issuperset(claims)
    assert all(number.rstrip(".") in report for number in said)


def test_the_numbers_of_the_answer_stand_in_the_reports_that_are_named_below_it():
    answer = FOUND.partition("![")[0]
    reports = "".join(
        (ROOT / "reports" / study / "README.md").read_text() for study in ("digits", "mechanisms", "article")
    )
    said = re.findall(NUMBER, answer)
    assert len(said) >= 5
    assert all(number.rstrip(".") in reports for number in said)


def test_the_headline_figure_is_there():
    (figure,) = re.findall(r"!\[[^\]]+\]\((.+?)\)", FOUND)
    assert (ROOT / figure).is_file()


def test_the_speed_is_what_the_benchmark_says():
    benchmark = (ROOT / "reports/benchmark/README.md").read_text()
    said = re.search(r"([\d.]+) to ([\d.]+) in fp32, ([\d.]+) to ([\d.]+) in bf16", PAGE)
    # in fp32, then in bf16
    whole = re.findall(r"at ([\d.]+) to ([\d.]+) times that of the template with the same precision", benchmark)
    assert said is not None
    found = [number for span in whole for number in span]
    assert [float(number) for number in said.groups()] == [pytest.approx(float(number), abs=0.05) for number in found]
