import re

import pandas as pd
import pytest
from whyrelu.tuning.table import Tuned, read_tuned, write_tuned

from synthetic import make_record, make_records
from synthetic_claims import write_tuning
from synthetic_layers import write_tables
from whyrelu.errors import UserError
from whyrelu.report.page import write_report
from whyrelu.report.rates import common_rates
from whyrelu.results.files import write_table

pytestmark = pytest.mark.usefixtures("undrawn")


def page_of(folder, records, **tuning):
    write_tables(records, folder / "results", level="off", overrides=["experiment=digits"])
    write_tuning(records, folder / "results", **tuning)
    return write_report(folder / "results", folder / "report").read_text()


def rows_of(page):
    section = page.partition("## Learning rates")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[text.strip() for text in line.strip("|").split("|")] for line in lines]


def test_tuned_and_common_rates_stand_side_by_side(tmp_path, drawn):
    records = make_records(["relu", "sigmoid"], depths=[2, 4], seeds=3)
    page = page_of(tmp_path, records)
    header, _, *rows = rows_of(page)
    assert header[:4] == ["activation", "depth", "tuned lr", "tried"]
    assert len(rows) == 4
    mean = 100 * sum(r["metrics"]["test_accuracy"] for r in records[:3]) / 3
    assert rows[0][:4] == ["relu", "2", "0.05", "0.01 to 0.25"]
    assert rows[0][4].startswith(f"{mean:.1f} [")
    assert rows[0][5:] == ["0/3", "90.0", "90.0", "0/2", "0.0"]
    assert header[7] == "lr 0.05, tuning seeds"
    assert (
        "Learning rate: tuned for each cell on the validation split (0.05; see [Learning rates](#learning-rates))"
        in page
    )
    assert "For each of 4 cells 3 rates" in page and "were tried with 2 tuning seeds" in page
    assert "4 of 4 cells chose it anyway. On the same 2 tuning seeds per cell" in page
    assert "tuned for none" not in page
    assert "python src/tune.py -m experiment=digits\npython src/train.py -m" in page
    assert (tmp_path / "report" / "figures" / "lr-sensitivity.svg").stat().st_size > 1000


def test_what_tuning_changed_is_told_on_the_same_seeds(tmp_path):
    reached = {("relu", 0.05): 0.9, ("tanh", 0.05): 0.7, ("tanh", 0.01): 0.8}
    records = [make_record("relu", lr=0.05), make_record("tanh", lr=0.01)]
    page = page_of(tmp_path, records, accuracy=lambda f: reached.get((f["activation"], f["lr"]), 0.2))
    # whatever the runs of the study reached
    assert [row[-1] for row in rows_of(page)[2:]] == ["0.0", "+10.0"]
    assert "is 80.0% with it and 85.0% with tuned rates" in page
    assert "from 0.0 points (relu at depth 2) to +10.0 (tanh at depth 2)" in page


def test_what_tuning_could_not_choose_is_said(tmp_path):
    records = [make_record("relu"), make_record("tanh")]
    page = page_of(tmp_path, records, accuracy=lambda f: f["lr"] if f["activation"] == "relu" else 0.9 - f["lr"])
    write_tables([make_record("relu", lr=0.25), make_record("tanh", lr=0.01)], tmp_path / "results", level="off")
    page = write_report(tmp_path / "results", tmp_path / "report").read_text()
    assert "a better one may lie beyond, for relu at depth 2 and tanh at depth 2." in page
    assert [row[2] for row in rows_of(page)[2:]] == ["0.25 (edge)", "0.01 (edge)"]


def test_cells_that_fail_one_step_above_their_rate_are_named(tmp_path):
    records = [make_record(name) for name in ("relu", "tanh", "sigmoid", "gelu")]
    records += [make_record("relu", 4), make_record("elu", lr=0.01)]
    page_of(
        tmp_path, records, accuracy=lambda f: 0.9 if f["lr"] == (0.01 if f["activation"] == "elu" else 0.05) else 0.5
    )
    path = tmp_path / "results" / "lr.csv"
    runs, rates = read_tuned(path)
    failing = {"relu": [0.25], "elu": [0.05], "sigmoid": [0.01], "gelu": [0.01, 0.05, 0.25]}
    pairs = zip(runs["activation"], runs["lr"], strict=True)
    # and of tanh one of the two runs above its rate
    one = (runs["activation"] == "tanh") & (runs["lr"] == 0.25) & (runs["seed"] % 2 == 0)
    runs["at_chance"] = one | pd.Series([rate in failing.get(name, []) for name, rate in pairs])
    gelu = rates["cell"].isin(runs.loc[runs["activation"] == "gelu", "cell"])
    flags = rates["flag"].where(~gelu, "none learned")
    assert flags.tolist().count("edge") == 1
    write_tuned(Tuned(runs, rates.assign(flag=flags)), path)
    page = write_report(tmp_path / "results", tmp_path / "report").read_text()
    said = "At the next rate tried above the chosen one all tuning runs (2 runs) fail for "
    assert f"{said}relu at depth 2 and 4 and elu at depth 2." in page


def test_unequal_budgets_are_told(tmp_path):
    records = [make_record("relu"), make_record("gelu")]
    page = page_of(tmp_path, records)
    assert "Cells that differ in the activation only tried the same rates with the same number of seeds." in page
    # gelu was added later, and its grid extended
    path = tmp_path / "results" / "tuning.parquet"
    tuning = pd.read_parquet(path)
    write_table(tuning[(tuning["activation"] == "gelu") | (tuning["lr"] < 0.2)], path)
    page = write_report(tmp_path / "results", tmp_path / "report").read_text()
    assert "tried the same rates with the same number of seeds." not in page
    assert "these tried relu at depth 2 not at 0.25. That favours those that had more." in page
    write_table(tuning[(tuning["activation"] == "gelu") | (tuning["seed"] == tuning["seed"].min())], path)
    page = write_report(tmp_path / "results", tmp_path / "report").read_text()
    assert "these tried relu at depth 2 with 1 seed instead of 2." in page


def test_a_study_at_another_rate_than_the_tuned_one_is_not_called_tuned(tmp_path):
    page = page_of(tmp_path, [make_record("relu", lr=0.01), make_record("tanh", lr=0.01)])
    assert "0.01, the same for every activation and depth, and tuned for none of them" in page
    assert "src/tune.py" not in page


def test_the_scope_says_how_many_cells_were_tuned(tmp_path):
    records = [make_record("relu", lr=0.05), make_record("tanh", lr=0.05)]
    assert "the learning rate with them, which was tuned; all else" in page_of(tmp_path / "all", records)
    page = page_of(tmp_path / "some", [records[0], make_record("tanh", lr=0.01)])
    assert "the learning rate with them, which was tuned in 1 of 2 cells; all else" in page


def test_a_study_that_was_not_tuned_says_so(tmp_path):
    write_tables([make_record()], tmp_path / "results", level="off")
    page = write_report(tmp_path / "results", tmp_path / "report").read_text()
    assert "Nothing was tuned in this study" in page
    assert rows_of(page) == []


def tuning(rows):
    columns = ["cell", "series", "facet", "depth", "optimizer", "lr", "val_accuracy", "test_accuracy", "failed"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(run_id=range(len(table)))


def test_the_common_rate_is_the_best_of_those_that_all_cells_tried():
    table = tuning(
        [
            ("a", "relu", "", 2, "sgd", 0.1, 0.6, 0.5, False),
            ("a", "relu", "", 2, "sgd", 0.3, 0.9, 0.8, False),
            ("a", "relu", "", 2, "sgd", 1.0, 1.0, 1.0, False),
            ("b", "tanh", "", 2, "sgd", 0.1, 0.8, 0.7, False),
            ("b", "tanh", "", 2, "sgd", 0.3, None, 0.1, True),
            ("c", "relu", "x", 2, "adam", 0.01, 0.5, 0.4, False),
        ]
    )
    found = common_rates(table)
    assert found.rates == {"sgd": 0.1, "adam": 0.01}
    assert found.cells[["series", "facet", "rate", "common", "tries", "common_failed"]].to_numpy().tolist() == [
        ["relu", "", 0.1, 0.5, 1, 0],
        ["tanh", "", 0.1, 0.7, 1, 0],
        ["relu", "x", 0.01, 0.4, 1, 0],
    ]


def test_of_common_rates_with_one_accuracy_the_middle_is_taken():
    rates = (0.1, 0.316, 1.0, 3.16, 10.0)
    table = tuning([("a", "relu", "", 2, "sgd", rate, 0.1, 0.1, True) for rate in rates])
    assert common_rates(table).rates == {"sgd": 1.0}


def test_without_tuning_there_is_no_common_rate():
    found = common_rates(tuning([]))
    assert found.rates == {} and found.cells.empty


@pytest.mark.parametrize("name", ["tuning.parquet", "lr.csv"])
def test_missing_and_damaged_files_of_tuning_are_one_clear_line(tmp_path, name):
    write_tables([make_record()], tmp_path, level="off")
    write_tuning([make_record()], tmp_path)
    path = tmp_path / name
    path.write_bytes(b"cell,lr\nx" if name == "lr.csv" else path.read_bytes()[:50])
    with pytest.raises(UserError, match=re.escape(name) + r".*python src/tune.py -m with the settings of the sweep"):
        write_report(tmp_path, tmp_path / "report")
    path.unlink()
    with pytest.raises(UserError, match=re.escape(name) + r" is missing: python src/tune.py -m .* writes it"):
        write_report(tmp_path, tmp_path / "report")


def test_rates_of_another_tuning_are_refused(tmp_path):
    write_tables([make_record()], tmp_path, level="off")
    write_tuning([make_record("tanh")], tmp_path)
    rates = (tmp_path / "lr.csv").read_bytes()
    write_tuning([make_record()], tmp_path)
    (tmp_path / "lr.csv").write_bytes(rates)
    with pytest.raises(UserError, match=r"do not belong together: python src/tune\.py"):
        write_report(tmp_path, tmp_path / "report")
