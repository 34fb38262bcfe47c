"""Two folders of results, of one machine and of two."""

import json

import pandas as pd
import pytest

from synthetic import make_records, make_timing, write_records
from whyrelu.files import write_json
from whyrelu.results.comparison import compare
from whyrelu.results.files import write_csv, write_table


def results_in(folder, seconds=1.0, cpu="a processor", outcome=None):
    """A study of a machine that takes so long for a step; sigmoid has another outcome there."""
    records = make_records(["relu", "sigmoid"], depths=[2, 4], seeds=4)
    changed = make_records(["sigmoid"], depths=[4], seeds=4, outcome=outcome)
    records = records[:12] + changed
    for record in records:
        record["provenance"]["cpu"] = cpu
    study = write_records(folder / "results" / "synthetic", records)
    write_json(make_timing(records) | {"seconds": seconds}, study.folder / "timing.json")
    effects = {"claim": ["C3", "C17"], "estimate": [seconds, 0.5], "timed": [True, False]}
    write_csv(pd.DataFrame(effects), study.folder / "effects.csv")
    return study.folder


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return results_in(tmp_path_factory.mktemp("first"))


def test_times_and_what_depends_on_them_make_no_difference(first, tmp_path):
    second = results_in(tmp_path, seconds=2.0)
    differing = {path.name for path in first.iterdir() if path.read_bytes() != (second / path.name).read_bytes()}
    assert differing == {"timing.json", "effects.csv"}
    assert compare(first, second) == ([], ["the same, times aside"])


def test_anything_else_does_on_the_same_kind_of_processor(first, tmp_path):
    second = results_in(tmp_path)
    for name in ("metrics.json", "provenance.json"):
        write_json(json.loads((second / name).read_text()) | {"runs": -1}, second / name)
    (second / "effects.csv").write_text((second / "effects.csv").read_text().replace("0.5", "0.6"))
    (second / "curves.csv").unlink()
    (second / "further.csv").write_text("")
    assert compare(first, second).differences == [
        "curves.csv is in the first only",
        "effects.csv differs",
        "further.csv is in the second only",
        "metrics.json differs",
        "provenance.json differs",
    ]


def test_another_kind_of_processor_has_another_sample_that_agrees_or_not(first, tmp_path):
    second = results_in(tmp_path, cpu="another", outcome="chance")
    found = compare(first, second)
    assert found.differences == []
    cells, verdict = found.lines
    assert [line.split()[-2:] for line in cells.splitlines()[2:]] == [["True", "True"]] * 3 + [["False", "False"]]
    assert "means agree in 3 and shares that learn in 3" in verdict
    table = pd.read_parquet(second / "theory.parquet")
    for changed, differences in (
        ({"q": table["q"] * 1.0005, "decades": table["decades"] + 1e-4, "xi": -table["xi"]}, []),
        ({"q": table["q"] * 1.002}, ["q of theory.parquet differs"]),
    ):
        write_table(table.assign(**changed), second / "theory.parquet")
        assert compare(first, second).differences == differences
