"""The page: what the template is given, and writing it with its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from whyrelu.report.accuracy_figure import accuracy_figures
from whyrelu.report.answer import best_sentence, facet_answers
from whyrelu.report.commands import commands
from whyrelu.report.curves_figure import curves_figures
from whyrelu.report.failures_figure import failures_figure
from whyrelu.report.grid import accuracy_grid, cells_grid
from whyrelu.report.panels import Illustration
from whyrelu.report.provenance import (
    data_sentences,
    interval_note,
    learning_rate_text,
    provenance_rows,
    scope_sentence,
    seeds_text,
    size_text,
)
from whyrelu.report.study import Study, read_study
from whyrelu.report.style import drawing, save_svg
from whyrelu.report.text import listing, plural
from whyrelu.report.why.section import Section, why_section
from whyrelu.results.files import write_bytes
from whyrelu.results.labels import value_text

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(results: Path, target: Path) -> Path:
    """Write the page of a study and its figures; figures of an earlier report that are no more are removed.

    Args:
        results: results/<study>, as `whyrelu.results.aggregation.aggregate` writes it.
        target: reports/<study>.

    Returns:
        path of the page.

    Raises:
        UserError: a table is missing or damaged.
    """
    study = read_study(results)
    folder = target / "figures"
    with drawing():
        figures = {
            "accuracy": accuracy_figures(study),
            "curves": curves_figures(study),
            "failures": [failures_figure(study)],
        }
        why = why_section(study)
        drawn = {
            illustration.name: illustration
            for place in (*figures.values(), why.illustrations)
            for illustration in place
        }
        for name, illustration in drawn.items():
            save_svg(illustration.figure, folder / f"{name}.svg")
    for old in folder.glob("*.svg"):
        if old.stem not in drawn:
            old.unlink()
    page = target / "README.md"
    write_bytes(render(study, figures, why).encode(), page)
    return page


def render(study: Study, figures: dict[str, list[Illustration]], why: Section) -> str:
    """The page as Markdown.

    Args:
        study: its tables.
        figures: what there is to show, by the place where the template shows it.
        why: the section on what happens inside the networks.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["cell"] = _table_text
    return environment.get_template("report.md.jinja").render(**_context(study), figures=figures, why=why)


def _context(study: Study) -> dict[str, Any]:
    return {
        "study": study.name,
        "answers": facet_answers(study),
        "best": best_sentence(study),
        "grid": accuracy_grid(study),
        "cells": cells_grid(study),
        "runs": plural(len(study.runs), "run"),
        "size": size_text(study),
        "data": "; ".join(data_sentences(study)),
        "data_names": listing([data["name"] for data in study.provenance["data"]]),
        "seeds": seeds_text(study.provenance["seeds"]),
        "least_runs": int(study.cells["n"].min()),
        "learning_rate": learning_rate_text(study),
        "interval_note": interval_note(study),
        "scope": scope_sentence(study),
        "provenance": provenance_rows(study),
        "commands": commands(study),
    }


def _table_text(value: Any) -> str:
    """A value inside a Markdown table."""
    return value_text(value).replace("|", "\\|")
