from pathlib import Path

import pytest

from benchmarks.report import comparisons, median_ratio, write_page

ROOT = Path(__file__).resolve().parents[2]


def test_a_ratio_is_that_of_pairs_and_its_interval_holds_it():
    assert median_ratio([2, 4, 8], [1, 2, 4]) == pytest.approx((2, 2, 2))
    median, low, high = median_ratio([1.0, 1.1, 1.2, 1.3, 1.4], [1.0] * 5)
    assert (median, low, high) == pytest.approx((1.2, 1.0, 1.4), abs=0.11)
    assert low < median < high


def test_a_ratio_above_one_is_in_favour_of_whyrelu():
    rows = [
        {"way": way, "precision": "32-true", **row}
        # in images per second, and in seconds
        for way, speed, seconds in (("ours", 200.0, 2.0), ("bare", 100.0, 8.0))
        for row in ({"task": "training", "depth": 8, "images_per_second": speed}, {"task": "run", "seconds": seconds})
        for _ in range(2)
    ]
    assert {each["task"]: each["ratio"][0] for each in comparisons(rows)} == pytest.approx({"training": 2, "run": 4})


def test_the_committed_page_is_that_of_the_committed_results(tmp_path):
    page = write_page(ROOT / "results" / "benchmark" / "benchmark.json", tmp_path)
    assert page.read_bytes() == (ROOT / "reports" / "benchmark" / "README.md").read_bytes()
    assert (tmp_path / "figures" / "throughput.svg").is_file()
