"""What the README says was found is what the committed studies say: verdicts, numbers, speed.

They are read as they were committed: studies of one's own, or times of another machine, may stand in their place.
"""

import io
import json
import re
import subprocess
from functools import cache

import pandas as pd
import pytest

from documented import ROOT, section

PAGE = (ROOT / "README.md").read_text()
FOUND = section(PAGE, "What it found")
ROWS = [line.split("|")[1:-1] for line in FOUND.splitlines() if re.match(r"\| [✓✗?⇄] \|", line)]
NUMBER = r"(?<![\w.])-?\d+(?:\.\d+)?%?(?![\w])"
ESTIMATE = r"-?\d[\d.]* \[[^\]]+\](?!\()"


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@cache
def committed(path: str) -> str:
    return git("show", f"HEAD:{path}")


@cache
def cells(study: str) -> pd.DataFrame:
    content = subprocess.run(
        ["git", "show", f"HEAD:results/{study}/cells.parquet"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    return pd.read_parquet(io.BytesIO(content))


def cell(study: str, activation: str, depth: int, **factors: str) -> pd.Series:
    """The only cell with these factors."""
    table = cells(study)
    for name, value in {"activation": activation, "depth": depth, **factors}.items():
        table = table[table[name] == value]
    (row,) = (row for _, row in table.iterrows())
    return row


@cache
def verdicts(claim: str) -> set[str]:
    """Of a claim in all committed studies."""
    paths = re.findall(
        r"^results/\w+/claims\.json$", git("ls-tree", "-r", "--name-only", "HEAD", "results"), re.MULTILINE
    )
    studies = [json.loads(committed(path)) for path in paths]
    return {found["verdict"] for study in studies for found in study if found["id"] == claim}


def said_of(claim: str, study: str) -> str:
    """What the report of a study says of a claim: its line of the ledger, and its evidence."""
    report = committed(f"reports/{study}/README.md")
    (line,) = re.findall(rf"^\| \[{claim}\].*$", report, re.MULTILINE)
    return line + report.partition(f"\n### {claim}: ")[2].partition("\n### ")[0]


def numbers(text: str) -> list[str]:
    return re.findall(NUMBER, re.sub(r"\]\([^)]*\)", "]", text))


def test_rows_are_read():
    assert len(ROWS) >= 5
    assert len({claim for _, what, _ in ROWS for claim in re.findall(r"\bC\d+\b", what)}) >= 10


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1][:40].strip())
def test_a_row_of_the_front_page_is_as_the_studies_say(row):
    mark, what, came_out = row
    claims = re.findall(r"\[(C\d+)\]\(reports/README.md#", what)
    assert claims
    for claim in claims:
        decided = verdicts(claim) & {"supported", "refuted"}
        expected = {"✓": {"supported"}, "✗": {"refuted"}, "?": set(), "⇄": {"supported", "refuted"}}[mark.strip()]
        assert decided == expected, claim
    # numbers stand before the study that they are of, which says them of one of the claims
    parts = re.findall(r"(.*?)\(\[\w+\]\(reports/(\w+)/README.md[^)]*\)\)", came_out)
    assert parts and any(numbers(text) for text, _ in parts)
    for text, study in parts:
        known = set(numbers(" ".join(said_of(claim, study) for claim in claims)))
        assert set(numbers(text)) <= known, set(numbers(text)) - known


def test_each_statement_of_the_answer_is_of_the_report_that_it_names():
    answer = FOUND.partition("| | the claim")[0]
    *statements, rest = re.split(r"\(\[(\w+)\]\(reports/\1/README.md[^)]*\)\)", answer)
    assert len(statements) >= 10
    # what belongs to no study has no numbers
    assert not numbers(rest)
    for text, study in zip(statements[::2], statements[1::2], strict=True):
        report = committed(f"reports/{study}/README.md")
        # tables have no percent signs
        said, known = ({number.removesuffix("%") for number in numbers(words)} for words in (text, report))
        assert said <= known, (study, said - known)
        # an estimate and its interval belong together, and may be broken over two lines
        for estimate in re.findall(ESTIMATE, " ".join(text.split())):
            assert re.search(rf"(?<![\d.]){re.escape(estimate)}", report.replace("+", "").replace("**", "")), estimate


SGD = {"init": "critical", "norm": "none", "optimizer": "sgd"}
BATCH = {**SGD, "norm": "batch"}
DEFAULT = {**SGD, "init": "pytorch"}
FP32, BF16 = {"precision": "32-true"}, {"precision": "bf16-mixed"}


@pytest.mark.parametrize(
    ("said", "study", "of"),
    [
        ("relu reaches {mean} at depth 8", "cifar10_cpu", ("relu", 8)),
        ("and {mean} at depth 16, and all", "cifar10_cpu", ("relu", 16)),
        ("sigmoid fails in {failures} of {n} runs in fp32 as", "cifar10_precision", ("sigmoid", 8, FP32)),
        ("sigmoid fails in {failures} of {n} runs in fp32 as", "cifar10_precision", ("sigmoid", 8, BF16)),
        ("and relu has {mean} and", "cifar10_precision", ("relu", 8, FP32)),
        ("and {mean}, each at a rate", "cifar10_precision", ("relu", 8, BF16)),
        ("with slope 1 ({mean})", "cifar10_mechanisms", ("rescaled_sigmoid", 8, SGD)),
        ("or 0.25 ({mean}), where", "cifar10_mechanisms", ("centred_sigmoid", 8, SGD)),
        ("where relu has {mean};", "cifar10_mechanisms", ("relu", 8, SGD)),
        ("or batch normalisation ({mean}), with", "cifar10_mechanisms", ("sigmoid", 8, BATCH)),
        ("with which relu is the best ({mean})", "cifar10_mechanisms", ("relu", 8, BATCH)),
        (
            "default initialisation sigmoid fails in {failures} of {n} runs",
            "cifar10_mechanisms",
            ("sigmoid", 8, DEFAULT),
        ),
        ("the one with slope 0.25 in {failures} of {n},", "cifar10_mechanisms", ("centred_sigmoid", 8, DEFAULT)),
        ("relu in {failures} of {n}, and", "cifar10_mechanisms", ("relu", 8, DEFAULT)),
        ("the one with slope 1 in none ({mean})", "cifar10_mechanisms", ("rescaled_sigmoid", 8, DEFAULT)),
        ("relu fails at depth 8 in {failures} of {n} runs, too", "mechanisms", ("relu", 8, {**DEFAULT, **FP32})),
        ("at depth 16 sigmoid fails in {failures} of {n} runs", "cifar10_cpu", ("sigmoid", 16)),
        ("and relu in {failures} of {n} ([cifar10_cpu]", "cifar10_cpu", ("relu", 16)),
        ("on the digits in {failures} of {n} and", "digits", ("sigmoid", 16)),
        ("and {failures} of {n} ([digits]", "digits", ("relu", 16)),
    ],
)
def test_a_number_of_the_front_page_is_of_the_cell_that_it_is_said_of(said, study, of):
    activation, depth, *factors = of
    row = cell(study, activation, depth, **(factors[0] if factors else {}))
    found = said.format(mean=f"{100 * row['mean']:.1f}%", failures=row["failures"], n=row["n"])
    assert found in " ".join(FOUND.split())


@pytest.mark.parametrize(
    ("said", "study", "first", "second"),
    [
        ("tanh is ahead of relu by {}", "cifar10_cpu", ("tanh", 16), ("relu", 16)),
        (
            "relu is ahead by {}",
            "article",
            ("relu", 4, {"given_lr": "0.001"}),
            ("sigmoid", 4, {"given_lr": "0.001"}),
        ),
        ("and by {} [", "article", ("relu", 4, {"given_lr": "tuned"}), ("sigmoid", 4, {"given_lr": "tuned"})),
    ],
)
def test_a_difference_of_the_front_page_is_that_of_the_cells_that_it_is_said_of(said, study, first, second):
    means = [cell(study, side[0], side[1], **(side[2] if len(side) > 2 else {}))["mean"] for side in (first, second)]
    assert said.format(f"{100 * (means[0] - means[1]):.1f}") in " ".join(FOUND.split())


def test_the_headline_figure_is_there():
    (figure,) = re.findall(r"!\[[^\]]+\]\((.+?)\)", FOUND)
    assert (ROOT / figure).is_file()
