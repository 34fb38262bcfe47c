import json
import math
import re

import pytest

from benchmarks.commands import VARIANTS as COMMANDS
from benchmarks.report import comparisons, median_ratio, write_page
from benchmarks.throughput import VARIANTS

SPEEDS = {"ours": 200.0, "bare": 210.0, "template": 100.0, "tuned": 160.0}


def results():
    """What benchmarks/run.py writes, with ratios that are known."""
    rows = []
    for repetition in range(10):
        # of the machine in that minute, alike for all
        pace = 1 + 0.1 * math.sin(repetition)
        for way, precision in VARIANTS:
            same = {"way": way, "precision": precision, "repetition": repetition}
            rows += [
                {"task": "training", "depth": depth, "images_per_second": pace * SPEEDS[way] / depth, **same}
                for depth in (4, 8, 16)
            ]
        for way, precision in COMMANDS:
            same = {"way": way, "precision": precision, "repetition": repetition}
            tasks = ("sweep", "run", "help") if precision == "32-true" else ("sweep",)
            tasks += ("no-op sweep",) if (way, precision) == COMMANDS[0] else ()
            rows += [{"task": task, "seconds": 1000 / SPEEDS[way] / pace, **same} for task in tasks]
    machine = {"cpu": "a processor", "cores": 2, "system": "Linux", "python": "3.11.7", "libraries": {"torch": "2"}}
    code = {"git_commit": "0123456789abcdef", "git_dirty": False, "started": "2026-01-01T00:00+00:00"}
    return {**machine, **code, "load_before": 0.1, "quick": False, "pairs": 10, "rows": rows}


def written(folder):
    (folder / "benchmark.json").write_text(json.dumps(results()))
    return write_page(folder / "benchmark.json", folder).read_text()


def test_a_ratio_is_that_of_pairs_and_its_interval_holds_it():
    assert median_ratio([2, 4, 8], [1, 2, 4]) == pytest.approx((2, 2, 2))
    median, low, high = median_ratio([1.0, 1.1, 1.2, 1.3, 1.4], [1.0] * 5)
    assert (median, low, high) == pytest.approx((1.2, 1.0, 1.4), abs=0.11)
    assert low < median < high


def test_the_four_rows_on_top_have_the_ratios_of_what_was_measured():
    main = [each for each in comparisons(results()["rows"]) if each["is_main"]]
    assert [(each["task"], each["way"], each["depth"]) for each in main] == [
        ("training", "bare", 8),
        ("training", "template", 8),
        ("training", "tuned", 8),
        ("sweep", "template", 0),
    ]
    assert [each["ratio"][0] for each in main] == pytest.approx([200 / 210, 2, 1.25, 2])


def test_the_page_is_a_table_of_four_rows_a_figure_and_the_rest(tmp_path):
    page = written(tmp_path)
    assert "nan" not in page and "None" not in page
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    assert [len(table.splitlines()) - 2 for table in tables] == [4, len(comparisons(results()["rows"]))]
    assert "| 0.95 | 0.95 to 0.95 |" in tables[0] and "| 2.00 | 2.00 to 2.00 |" in tables[0]
    assert (tmp_path / re.search(r"!\[.+\]\((.+)\)", page)[1]).is_file()
    assert "10 pairs" in page.replace("\n", " ") and "0123456789ab" in page
    assert written(tmp_path) == page
