import json
import re

import pandas as pd
import pytest

from synthetic import make_record, make_records
from synthetic_claims import claim, contrast, write_ledger
from synthetic_layers import write_tables
from whyrelu.errors import UserError
from whyrelu.report.ledger import short_reason
from whyrelu.report.page import write_report

pytestmark = pytest.mark.usefixtures("undrawn")

ORDER = (
    "The ledger of claims",
    "What was found",
    "Differences",
    "Failures",
    "Convergence",
    "Learning rates",
    "Evidence, claim by claim",
    "All tests",
    "All cells",
    "Why: inside the networks",
    "Time",
    "Assumptions and limits",
    "Provenance",
)
VERDICTS = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "not tested": "○"}


def page_of(folder, claims, contrasts=(), shares=None, records=None):
    write_tables(records or [make_record("relu"), make_record("sigmoid")], folder / "results", level="off")
    write_ledger(folder / "results", claims, contrasts, shares)
    return write_report(folder / "results", folder / "report").read_text()


def ledger_of(page):
    """The rows of the ledger: their texts by the id of the claim."""
    table = page.partition("## The ledger of claims\n\n")[2].partition("\n\n")[0]
    rows = [[text.strip() for text in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]
    return {re.findall(r"\[(C\d+)\]", row[0])[0]: row[1:] for row in rows}


def links_of(page):
    return set(re.findall(r"\]\(#([^)]+)\)", page))


def anchors_of(page):
    headings = {
        re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)", page, re.M)
    }
    return set(re.findall(r'<a id="([^"]+)"></a>', page)) | headings


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """A study with all claims as they are decided."""
    folder = tmp_path_factory.mktemp("decided")
    records = make_records(["relu", "leaky_relu", "tanh", "sigmoid"], depths=[2, 4, 8], seeds=8)
    write_tables(records, folder / "results", decided=True, overrides=("experiment=digits",))
    page = write_report(folder / "results", folder / "report").read_text()
    return page, json.loads((folder / "results" / "claims.json").read_text()), folder


def test_answer_figure_and_ledger_come_first_and_the_page_ends_with_its_limits(decided):
    page, *_ = decided
    assert tuple(re.findall(r"^## (.*)$", page, re.MULTILINE)) == ORDER
    answer, *figures = page.partition("## The ledger")[0].split("![")
    assert "**" in answer and len(answer) < 2000
    assert len(figures) == 1 and "(figures/accuracy.svg)" in figures[0]


def test_every_claim_has_its_row_with_the_numbers_of_the_table(decided):
    page, claims, _ = decided
    rows = ledger_of(page)
    assert list(rows) == [entry["id"] for entry in claims] == [f"C{i + 1}" for i in range(18)]
    for entry in claims:
        said, verdict, effect, reason = rows[entry["id"]]
        assert said == entry["claim"]
        assert verdict == f"{VERDICTS[entry['verdict']]} **{entry['verdict']}**"
        if entry["effect"] is None:
            assert effect == "-"
            continue
        value, *_ = re.findall(r"^-?[\d.e-]+", effect)
        assert float(value) == pytest.approx(entry["effect"], abs=0.05 if entry["unit"] == "points" else 0, rel=0.006)
        assert entry["unit"] in effect
        assert (f"n = {entry['n']}" in effect) == (entry["n"] is not None)
        if entry["low"] is not None:
            ends = [float(end) for end in re.findall(r"\[(\S+), (\S+)\]", effect)[0]]
            assert ends == pytest.approx([entry["low"], entry["high"]], abs=0.05, rel=0.006)
        assert 10 < len(reason) < 400


def test_what_was_not_tested_says_what_it_needs(decided):
    page, claims, _ = decided
    rows = ledger_of(page)
    lacking = [entry for entry in claims if entry["verdict"] == "not tested"]
    assert len(lacking) >= 5
    for entry in lacking:
        assert rows[entry["id"]][3].startswith(entry["evidence"].partition(": `")[0])
        assert re.search(r"^needs .*(`.+`|\(\[command\]\(#c\d+\)\))$", rows[entry["id"]][3])
    ids = [entry["id"] for entry in lacking]
    assert f"- **Not tested** here: {', '.join(ids[:-1])} and {ids[-1]}." in page


def test_verdicts_are_counted_above_the_ledger(decided):
    page, claims, _ = decided
    first = page.partition("## The ledger")[0]
    for verdict, mark in VERDICTS.items():
        ids = [entry["id"] for entry in claims if entry["verdict"] == verdict]
        listed = ", ".join(f"[{name}](#{name.lower()})" for name in ids)
        assert (f"{mark} **{len(ids)} {verdict}** ({listed})" in first) == bool(ids)


def test_all_evidence_hypotheses_and_rules_are_told(decided):
    page, claims, _ = decided
    for entry in claims:
        part = page.partition(f'<a id="{entry["id"].lower()}"></a>')[2].partition("<a id=")[0]
        assert part.startswith(f"\n### {entry['id']}: {entry['claim']}\n")
        assert entry["evidence"][1:] in part
        assert f"- Hypothesis: {entry['hypothesis'].strip()}\n" in part
        assert f"- Rule: {entry['rule'].strip()}\n" in part


def test_links_lead_to_something(decided):
    page, _, folder = decided
    assert links_of(page) <= anchors_of(page)
    assert len(re.findall(r'<a id="([^"]+)"></a>', page)) == len(set(re.findall(r'<a id="([^"]+)"></a>', page)))
    files = re.findall(r"\((figures/[^)]+)\)", page)
    assert files and all((folder / "report" / file).is_file() for file in files)


def test_the_figures_that_decide_are_there(decided):
    _, _, folder = decided
    names = {path.stem for path in (folder / "report" / "figures").iterdir()}
    assert {"differences", "failures", "convergence", "learning-curves", "accuracy"} <= names


def test_every_test_is_in_a_table(decided):
    page, _, folder = decided
    contrasts = pd.read_parquet(folder / "results" / "contrasts.parquet")
    section = page.partition("## All tests")[2].partition("## All cells")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    headers = section.count("<details>")
    assert headers == contrasts["claim"].nunique()
    assert len(rows) - headers == len(contrasts)
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    assert not re.search(r"\bnan\b|<NA>|\bNone\b", page)


def test_the_page_has_no_gaps(decided):
    page, *_ = decided
    assert "\n\n\n" not in page


PAIR = "relu - sigmoid"
ACCURACY = claim("C17", figure="differences")


def headline_of(page):
    return re.findall(r"^\*\*(.*?)\*\*", page, re.MULTILINE)[0]


def test_the_headline_is_what_the_tests_say(tmp_path):
    tests = [
        contrast(PAIR, 2, 40.0, "better"),
        contrast(PAIR, 4, 60.0, "better"),
        contrast(PAIR, None, 50.0, "better", n_first=20, n_second=20),
        contrast("relu - tanh", 2, 0.2, "equivalent"),
        contrast("relu - tanh", 4, -20.0, "worse"),
        contrast("relu - gelu", 2, 0.0, "inconclusive"),
    ]
    assert headline_of(page_of(tmp_path, [ACCURACY], tests)) == (
        "relu is better than sigmoid at every depth tried (2 and 4), by 50.0 [49.0, 52.0] points of test accuracy on "
        "average over depths (n = 40); tanh is better than relu at depth 4, by 20.0 [18.0, 21.0] points; gelu "
        "cannot be told apart from relu."
    )


def test_the_headline_of_what_is_not_settled(tmp_path):
    tests = [
        contrast(PAIR, 2, 40.0, "inconclusive", seeds_needed=7),
        contrast("relu - tanh", 2, -5.0, "inconclusive"),
        contrast("relu - tanh", None, -5.0, "worse"),
    ]
    assert headline_of(page_of(tmp_path, [ACCURACY], tests)) == (
        "relu cannot be told apart from sigmoid at depth 2: the difference is 40.0 [39.0, 42.0] points of test "
        "accuracy (n = 20; about 7 seeds per arm would settle it); tanh is better than relu over all depths together, "
        "by 5.0 [3.0, 6.0] points, though at no single depth by the same rule."
    )


def test_without_such_tests_the_accuracies_are_the_headline(tmp_path):
    page = page_of(tmp_path, [claim("C1", figure="failures")])
    first = page.partition("## The ledger")[0]
    assert "**Mean test accuracy at depth 2: relu" in first
    assert "Of 1 claim: ✓ **1 supported** ([C1](#c1))." in first
    assert "## Differences" in page and "figures/differences.svg" not in page


def test_figures_that_are_not_on_the_page_are_not_linked_to(tmp_path):
    claims = [claim("C1", figure="failures"), claim("C2", figure="variance-shares"), claim("C3", figure="saturation")]
    page = page_of(tmp_path, claims)
    rows = ledger_of(page)
    assert rows["C1"][3].endswith("([figure](#figure-failures))")
    assert "figure" not in rows["C2"][3] + rows["C3"][3]
    assert links_of(page) <= anchors_of(page)


def test_figures_of_settings_are_found_by_the_name_they_begin_with(tmp_path):
    records = make_records(["relu", "sigmoid"], depths=[2], axes={"norm": ["none", "batch"]})
    page = page_of(tmp_path, [claim("C18", figure="convergence")], records=records)
    assert "[figure](#figure-convergence-norm-none)" in ledger_of(page)["C18"][3]
    assert "Claims about activations are decided with norm=none." in page


def test_shares_of_variance_are_drawn(tmp_path, drawn):
    table = pd.DataFrame(
        {
            "term": ["activation", "norm", "activation x norm", "residual"],
            "share": [0.5, 0.2, 0.25, 0.05],
            "low": [0.4, 0.1, 0.2, 0.0],
            "high": [0.6, 0.3, 0.3, 0.1],
        }
    )
    page = page_of(tmp_path, [claim("C2", figure="variance-shares")], shares=table)
    assert page.count("largest are activation 50.0%, activation x norm 25.0% and norm 20.0%.") == 2
    assert "[figure](#figure-variance-shares)" in page
    assert (tmp_path / "report" / "figures" / "variance-shares.svg").stat().st_size > 1000


def test_an_effect_is_said_to_be_of_the_test_whose_it_is(tmp_path):
    # equal effects: nothing but the claim itself can tell which of them stands for it
    tests = [contrast(PAIR, 2, 60.0, "better"), contrast("relu - tanh", 2, 60.0, "better")]
    shown = {"effect": 60.0, "low": 59.0, "high": 62.0, "p_adjusted": 0.004}
    page = page_of(tmp_path, [claim("C17", comparison=PAIR, depth=2, **shown)], tests)
    assert (
        "- Effect: 60.0 [59.0, 62.0] points (test accuracy, relu - sigmoid, depth 2); n = 20; p 0.01, adjusted" in page
    )


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ({"depth": None}, "(test accuracy, relu - sigmoid, all depths)"),
        # nothing of it was tested at single depths
        ({"comparison": "sigmoid: depth 16 - depth 2", "depth": None}, "(test accuracy, sigmoid: depth 16 - depth 2)"),
        ({"facet": "norm=batch"}, "(test accuracy, relu - sigmoid, depth 4, with norm=batch)"),
        ({"facet": "norm=batch", "comparison": "relu, norm=batch"}, "(test accuracy, relu, norm=batch, depth 4);"),
        ({"runs": 80}, "depth 4); n = 20 of 80;"),
        ({"comparison": None, "quantity": None, "depth": None}, "points; n = 20;"),
    ],
)
def test_what_is_told_of_an_effect(tmp_path, subject, said):
    page = page_of(tmp_path, [claim("C1", **subject)], [contrast(PAIR, 2, 1.0, "better", claim="C1")])
    assert said in re.findall("- Effect: .*", page)[0]
    # the ledger says the same in short
    short = said.replace("test accuracy, ", "").partition(";")[0].lstrip("(")
    assert short in ledger_of(page)["C1"][2]


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ("a is 1.2 [1.0, 1.4] at depth 2 (10 of 10 runs); b", "a is 1.2 at depth 2; b"),
        ("inside [1/3, 3] counts as kept", "inside [1/3, 3] counts as kept"),
        ("a fails; not measured with adam: `make study` or `other`", "a fails; not measured with adam"),
        (f"a is clear; {'x' * 300}", "a is clear"),
        ("x" * 300, "x" * 300),
    ],
)
def test_reasons_are_the_first_clauses(evidence, reason):
    assert short_reason(evidence, "supported", "c1") == reason


def test_long_commands_stand_below_the_ledger(tmp_path):
    evidence = f"needs runs of gelu: `python src/train.py -m activation={'relu,tanh,' * 9}gelu`"
    page = page_of(tmp_path, [claim("C1", "not tested", evidence=evidence), claim("C2", "not tested")])
    rows = ledger_of(page)
    assert rows["C1"][3] == "needs runs of gelu ([command](#c1))"
    assert rows["C2"][3] == "needs what C2 lacks: `make study STUDY=other`"
    assert evidence[1:] in page.partition("## Evidence")[2]


def test_a_pipe_in_a_claim_does_not_break_the_table(tmp_path):
    page = page_of(tmp_path, [claim("C1", claim="a | b", evidence="|x| is 3")])
    assert "| a \\| b |" in page and "\\|x\\| is 3" in page


def test_a_study_without_claims_has_no_ledger(tmp_path):
    page = page_of(tmp_path, [])
    assert "ledger" not in page.lower() and "## Evidence" not in page and "## All tests" not in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entry: [{k: v for k, v in entry.items() if k != "rule"}], "claims.json has no rule"),
        (lambda entry: [entry | {"verdict": "maybe"}], "claims.json has the verdict 'maybe'"),
        (lambda entry: {"C1": entry}, "claims.json is no list of claims"),
    ],
)
def test_claims_of_another_form_are_refused(tmp_path, change, message):
    write_tables([make_record()], tmp_path)
    (tmp_path / "claims.json").write_text(json.dumps(change(claim())))
    with pytest.raises(UserError, match=f"{message}.*python src/aggregate.py writes it again"):
        write_report(tmp_path, tmp_path / "report")


def test_tests_of_unknown_claims_are_refused(tmp_path):
    write_tables([make_record()], tmp_path)
    write_ledger(tmp_path, [claim("C1")], [contrast(PAIR, 2, 1.0, "better")])
    with pytest.raises(UserError, match="do not belong together"):
        write_report(tmp_path, tmp_path / "report")
