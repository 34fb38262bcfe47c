"""docs/protocol.md and docs/claims.md say what conf/ declares."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from whyrelu.claims.declaration import read_claims
from whyrelu.config.grid import CONFIG_DIRECTORY, expand
from whyrelu.report.templating import markdown_environment

DOCS = CONFIG_DIRECTORY.parent / "docs"
STUDIES = sorted(path.stem for path in (CONFIG_DIRECTORY / "experiment").glob("*.yaml"))


def table() -> dict[str, dict[str, str]]:
    """The rows of the table of studies by their names, without their marks."""
    lines = [line for line in (DOCS / "protocol.md").read_text().splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def test_the_page_of_claims_is_made_from_their_files() -> None:
    page = markdown_environment().get_template("claims.md.jinja").render(claims=read_claims())
    assert page == (DOCS / "claims.md").read_text()
