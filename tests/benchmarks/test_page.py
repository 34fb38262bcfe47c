import json

import pytest

from benchmarks.page import render, write_page
from benchmarks_measured import results
from whyrelu.errors import UserError


def row(page, start):
    (only,) = [line for line in page.splitlines() if line.startswith(f"| {start}")]
    return [text.strip() for text in only.strip("|").split(" | ")]


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results()))
    return write_page(path, tmp_path / "report")


def test_the_page_is_rebuilt_from_the_results_alone_byte_for_byte(written, tmp_path):
    before = {path: path.read_bytes() for path in (tmp_path / "report").rglob("*") if path.is_file()}
    assert {path.name for path in before} == {"README.md", "throughput.svg", "sweep.svg", "breakdown.svg"}
    write_page(tmp_path / "results.json", tmp_path / "report")
    assert {path: path.read_bytes() for path in before} == before


def test_the_page_says_what_is_met_and_what_is_not(written):
    page = written.read_text()
    assert row(page, "throughput over the bare loop, fp32, depth 4")[1:] == [
        "at least 0.93",
        "0.950 (0.950 to 0.950)",
        "met",
    ]
    assert row(page, "a run in a warm worker, over")[1:] == ["at most 0.3 s", "0.400 (once) s", "**not met**"]
    assert row(page, "`dvc repro` with nothing")[1:] == ["at most 2 s", "-", "not measured"]
    # 6 over the bare loop, 3 and 3 over the template, 2 sweeps and --help; the bare loop in bf16: 300 / 310
    assert page.split("\n")[2].startswith("15 of the 16 targets that were measured are met; not measured: 1.")


def test_every_figure_of_the_page_is_there(written):
    names = [part.partition(")")[0] for part in written.read_text().split("](figures/")[1:]]
    assert sorted(names) == ["breakdown.svg", "sweep.svg", "throughput.svg"]
    assert all((written.parent / "figures" / name).is_file() for name in names)


def test_the_page_says_of_which_code_each_part_was_measured(written):
    page = written.read_text()
    assert row(page, "throughput | 2026")[1:] == ["2026-01-01T00:00:00+00:00", "0123456789ab", "0.01"]
    assert row(page, "sweep | 2026")[2] == "0123456789ab with changes"


def test_the_page_says_that_no_gpu_was_measured(written):
    assert "Not measured: a GPU" in written.read_text()


def test_the_share_of_the_peak_is_speed_times_operations_over_the_fastest_multiplication(written):
    # 190 images of 4 million operations per second, of 20 billion
    assert row(written.read_text(), "4 | fp32 | 4.0")[3] == f"{100 * 190 * 4e6 / 20e9:.1f}%"


@pytest.mark.parametrize("part", sorted(results()))
def test_a_part_that_was_not_measured_is_left_out(part):
    found = results()
    del found[part]
    page = render(found)
    assert "nan" not in page and "None" not in page
    assert len(page) < len(render(results()))


def test_one_part_alone_makes_a_page():
    for part, found in results().items():
        assert "Not measured: a GPU" in render({part: found})


def test_without_results_the_page_names_the_command(tmp_path):
    with pytest.raises(UserError, match="make bench"):
        write_page(tmp_path / "results.json", tmp_path)
