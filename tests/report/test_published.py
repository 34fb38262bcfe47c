"""The pages that are committed are what the code makes of the tables that are committed."""

import shutil
from pathlib import Path

import pytest

from sound_pages import links_lead_somewhere
from whyrelu.report.index.page import write_index
from whyrelu.report.page import write_report

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.parent.name for path in (ROOT / "results").glob("*/claims.json"))


@pytest.mark.parametrize("study", STUDIES)
def test_a_page_is_what_its_tables_come_to(undrawn, tmp_path, study):
    page, published = write_report(ROOT / "results" / study, tmp_path), ROOT / "reports" / study
    assert page.read_bytes() == (published / "README.md").read_bytes()
    names = [{path.name for path in (folder / "figures").iterdir()} for folder in (tmp_path, published)]
    assert names[0] == names[1]


def test_the_index_is_what_tables_and_pages_come_to(tmp_path):
    shutil.copytree(ROOT / "reports", tmp_path, dirs_exist_ok=True)
    assert write_index(ROOT / "results", tmp_path).read_bytes() == (ROOT / "reports/README.md").read_bytes()


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "reports").rglob("README.md"))], ids=lambda path: path.parent.name
)
def test_links_lead_somewhere(path):
    links_lead_somewhere(path)
