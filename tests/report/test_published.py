"""The pages that are committed are what the code makes of the tables that are committed."""

from pathlib import Path

import pytest

from sound_pages import is_sound, links_lead_somewhere
from whyrelu.report.index import write_index
from whyrelu.report.page import write_report

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.parent.name for path in (ROOT / "results").glob("*/effects.csv"))


@pytest.mark.parametrize("study", STUDIES)
def test_a_page_is_what_its_tables_come_to(undrawn, tmp_path, study):
    page, published = write_report(ROOT / "results" / study, tmp_path), ROOT / "reports" / study
    for name in ("README.md", "details.md"):
        assert page.with_name(name).read_bytes() == (published / name).read_bytes()
    names = [{path.name for path in (folder / "figures").iterdir()} for folder in (tmp_path, published)]
    assert names[0] == names[1]
    is_sound(published / "README.md")
    links_lead_somewhere(published / "details.md")


@pytest.mark.parametrize("claims", [*(ROOT / "results").glob("claims.json")])
def test_the_index_is_what_verdicts_and_tables_come_to(undrawn, tmp_path, claims):
    published = ROOT / "reports/README.md"
    assert write_index(claims.parent, tmp_path).read_bytes() == published.read_bytes()
    links_lead_somewhere(published)
