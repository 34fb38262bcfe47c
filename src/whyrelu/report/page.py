"""The page of a study, reports/<study>/README.md, with its figures and details.md beside it."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from whyrelu.files import write_bytes
from whyrelu.report.collapse_figure import collapse_figure
from whyrelu.report.depth_figure import depth_figure
from whyrelu.report.effects_figures import times_figure
from whyrelu.report.facts import Facts, group_of
from whyrelu.report.gradients_figure import gradients_figure
from whyrelu.report.map_figure import map_figure
from whyrelu.report.names import activation_name
from whyrelu.report.picture import Picture
from whyrelu.report.remedies_figure import remedies_figure
from whyrelu.report.style import drawing, save_svg
from whyrelu.report.templating import environment_of, rendered, said
from whyrelu.results.study import Study

# In the order of the page; a study has what it has data for.
_FIGURES: tuple[Callable[[Facts], Picture | None], ...] = (
    map_figure,
    depth_figure,
    remedies_figure,
    collapse_figure,
    gradients_figure,
    times_figure,
)
# Rows of the table of what learns on the page; longer ones are in details.md.
_MOST_ROWS = 16


def write_report(results: Path, target: Path) -> Path:
    """Write the page, details and figures of results/<study> to reports/<study>, and return the path of the page.

    Figures of an earlier page that are no more go. A table that is missing or damaged is a UserError.
    """
    facts = Facts(Study(results))
    with drawing():
        pictures = [drawn for draw in _FIGURES if (drawn := draw(facts)) is not None]
        texts = {name: render(name, facts, pictures) for name in ("README", "details")}
        for drawn in pictures:
            save_svg(drawn.figure, target / "figures" / f"{drawn.name}.svg")
    for name, text in texts.items():
        write_bytes(text.encode(), target / f"{name}.md")
    for old in (target / "figures").glob("*.svg"):
        if old.stem not in [drawn.name for drawn in pictures]:
            old.unlink()
    return target / "README.md"


def render(name: str, facts: Facts, pictures: list[Picture]) -> str:
    """README or details of a study as Markdown."""
    return rendered(
        f"{name.lower()}.md.jinja",
        facts=facts,
        study=facts.name,
        provenance=facts.study.provenance,
        pictures={drawn.name: drawn for drawn in pictures},
        headline=answer(facts, "headline"),
        answer=answer(facts, "rest"),
        budgets=list(facts.runs.groupby("epochs")["steps"].max().items()),
        learned=_learned(facts),
        rates=_rates(facts),
        commands=_commands(facts),
    )


def answer(facts: Facts, macro: str) -> str:
    """What a study answers: its `headline`, one sentence, or the `rest`, by a template of its own if it has one."""
    environment = environment_of()
    template = environment.select_template([f"answers/{facts.name}.md.jinja", "answers/any.md.jinja"])
    text = said(str(template.name), macro, facts)
    return text or said("answers/any.md.jinja", macro, facts)


def _learned(facts: Facts) -> dict[str, Any] | None:
    """What learns, by depth, or by activation in networks of one depth; None where rows are too many."""
    if len(facts.depths) > 1:
        header = ["activation", *(f"{depth} layer{'s' * (depth > 1)}" for depth in facts.depths)]
        names = facts.runs["act"] + [f" ({name})" if name else "" for name in facts.runs["setting"]]
        rows = facts.runs.groupby(names, sort=False)
        table = [(name, [group_of(own[own["depth"] == depth]) for depth in facts.depths]) for name, own in rows]
    else:
        series = list(dict.fromkeys(name for row in facts.changes.values() for name in row))
        header = ["setting", *(activation_name({"activation": key}) for key in series)]
        none = facts.runs.iloc[:0]
        table = [(name, [group_of(row.get(key, none)) for key in series]) for name, row in facts.changes.items()]
    return {"header": header, "rows": table} if len(table) <= _MOST_ROWS else None


def _rates(facts: Facts) -> list[dict[str, Any]]:
    """A row per tuned cell: its rate, and mean validation accuracy (or steps) one rate below, there, and one above."""
    tuning, rates = facts.study.tuning, facts.named(facts.study.rates)
    decisive = -tuning["score"] if facts.stops_early else tuning["val_accuracy"]
    means = decisive.groupby([tuning["cell"], tuning["lr"]]).mean()
    rows = []
    for cell in rates.to_dict("records"):
        tried = means[cell["cell"]]
        chosen = int(np.abs(tried.index.to_numpy(float) - cell["lr"]).argmin())
        rows.append(cell | {"nearby": [None, *tried, None][chosen : chosen + 3]})
    return rows


def _commands(facts: Facts) -> list[str]:
    """What makes the study again, step by step."""
    overrides = list(facts.study.provenance["overrides"])
    if overrides == [f"experiment={facts.name}"]:
        return [f"dvc exp run -S study={facts.name}"]
    steps = ["tune"] * (not facts.study.rates.empty) + ["train", "theory", "aggregate"]
    typed = [shlex.join(["python", f"src/{step}.py", "-m", *overrides]) for step in steps]
    return [*typed, f"python src/report.py {facts.name}"]
