"""docs/reliability.md names tests; each must exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CELLS = [
    line.split("|")[3]
    for line in (ROOT / "docs/reliability.md").read_text().splitlines()
    if line.startswith("| ") and "`" in line.split("|")[3]
]


def test_the_page_names_tests() -> None:
    assert len(CELLS) > 20


@pytest.mark.parametrize("cell", CELLS, ids=range(len(CELLS)))
def test_every_test_that_a_promise_names_exists(cell: str) -> None:
    path = ""
    for named, test in re.findall(r"`([\w/.]*)::([\w*]+)(?:\.\.\.)?`", cell):
        path = named or path
        folder, _, name = path.rpartition("/")
        files = list((ROOT / "tests" / (folder or "faults")).glob(f"test_{name}*.py"))
        assert files, path
        source = "".join(file.read_text() for file in files)
        assert test == "*" or f"def test_{test}" in source, f"{path}::{test}"
