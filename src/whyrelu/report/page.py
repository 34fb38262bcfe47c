"""The page: what the template is given, and writing it with its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whyrelu.files import write_bytes
from whyrelu.report.accuracy_figure import accuracy_figures
from whyrelu.report.answer import best_sentence, facet_answers, settings_sentences
from whyrelu.report.commands import commands
from whyrelu.report.contrast_tables import contrast_grids
from whyrelu.report.convergence_figure import convergence_figures
from whyrelu.report.curves_figure import curves_figures
from whyrelu.report.differences_figure import differences_figures
from whyrelu.report.failures_figure import failures_figure
from whyrelu.report.grid import accuracy_grid, cells_grid
from whyrelu.report.lead.choice import lead
from whyrelu.report.ledger import counts_sentence, headline, ledger_rows
from whyrelu.report.limits import limit_sentences, nets_text
from whyrelu.report.panels import Illustration
from whyrelu.report.provenance import learning_rate_text, provenance_rows, size_text
from whyrelu.report.rates import common_rates, rates_grid, rates_sentences
from whyrelu.report.rates_figure import rates_figures
from whyrelu.report.reading import read_study
from whyrelu.report.settings_figure import settings_failures_figure
from whyrelu.report.shares_figure import shares_figures, shares_sentence
from whyrelu.report.study import Study
from whyrelu.report.style import drawing, save_svg
from whyrelu.report.templating import markdown_environment
from whyrelu.report.text import listing, plural
from whyrelu.report.time.section import time_section
from whyrelu.report.why.section import Section, why_section
from whyrelu.results.labels import value_text

# What a study is to answer if it does not say so, in the words of conf/experiment/digits.yaml.
_QUESTION = "Which activations learn, and how deep?"
# Longer tables are folded.
_MOST_ROWS = 32


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
            "differences": differences_figures(study),
            "failures": [settings_failures_figure(study) if study.is_compact else failures_figure(study)],
            "convergence": convergence_figures(study),
            "rates": rates_figures(study),
            "shares": shares_figures(study),
        }
        why, time = why_section(study), time_section(study)
        drawn = {
            illustration.name: illustration
            for place in (*figures.values(), why.illustrations, time.illustrations)
            for illustration in place
        }
        for name, illustration in drawn.items():
            save_svg(illustration.figure, folder / f"{name}.svg")
    for old in folder.glob("*.svg"):
        if old.stem not in drawn:
            old.unlink()
    page = target / "README.md"
    write_bytes(render(study, figures, why, time).encode(), page)
    return page


def render(study: Study, figures: dict[str, list[Illustration]], why: Section, time: Section) -> str:
    """The page as Markdown.

    Args:
        study: its tables.
        figures: what there is to show, by the place where the template shows it.
        why: the section on what happens inside the networks.
        time: the section on what they take.
    """
    places = (*figures.values(), why.illustrations, time.illustrations)
    names = [illustration.name for place in places for illustration in place]
    environment = markdown_environment()
    environment.filters["cell"] = _table_text
    template = environment.get_template("report.md.jinja")
    return template.render(**_context(study, names), figures=figures, why=why, time=time)


def _context(study: Study, figures: list[str]) -> dict[str, Any]:
    common, answers = common_rates(study.tuning), facet_answers(study)
    is_rated = not study.rates.empty
    # what the study asks is answered first, and then what every study is asked
    first, found = lead(study), headline(study) or (answers[0].accuracies[0] if study.claims else "")
    return {
        "study": study.name,
        "question": study.provenance.get("question") or _QUESTION,
        "lead": first.answer or found,
        "notes": first.notes,
        "headline": found if first.answer else "",
        "shares": shares_sentence(study),
        "counts": counts_sentence(study) if study.claims else "",
        "ledger": ledger_rows(study, figures),
        "ledger_note": _ledger_note(study),
        "answers": answers,
        "settings": settings_sentences(study),
        "best": best_sentence(study),
        "grid": accuracy_grid(study),
        "rates": {
            "sentences": rates_sentences(study, common) if is_rated else [],
            "grid": rates_grid(study, common) if is_rated else None,
        },
        "contrasts": contrast_grids(study),
        "cells": cells_grid(study),
        "most_rows": _MOST_ROWS,
        "runs": plural(len(study.runs), "run"),
        "size": size_text(study),
        "nets": nets_text(study),
        "data_names": listing([data["name"] for data in study.provenance["data"]]),
        "least_runs": int(study.cells["n"].min()),
        "learning_rate": learning_rate_text(study),
        "limits": limit_sentences(study),
        "provenance": provenance_rows(study),
        "commands": commands(study),
    }


def _ledger_note(study: Study) -> str:
    if not study.reference.label:
        return ""
    return f" Claims about activations are decided with {study.reference.label}."


def _table_text(value: Any) -> str:
    """A value inside a Markdown table."""
    return value_text(value).replace("|", "\\|")
