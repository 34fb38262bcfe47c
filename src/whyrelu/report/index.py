"""reports/README.md: the verdicts with their forest plots, the picture of the front page, and the studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.claims.declaration import read_claims
from whyrelu.claims.ledger import NOT_TESTED, verdicts
from whyrelu.files import read_json, write_bytes
from whyrelu.report.answer_figure import answer_figure
from whyrelu.report.effects_figures import forest_figure
from whyrelu.report.facts import Facts, all_studies
from whyrelu.report.page import answer
from whyrelu.report.picture import Picture
from whyrelu.report.style import drawing, save_svg
from whyrelu.report.templating import markdown_environment, without_gaps

# The data sets that always have a column.
_SCOPES = ("digits", "cifar10")


def write_index(results: Path, reports: Path) -> Path:
    """Write reports/README.md and reports/figures/ from claims.json and the tables of all studies; returns the page."""
    studies = all_studies(results)
    claims = read_json(results / "claims.json", "python src/decide.py")
    with drawing():
        rules = {claim.id: {key: part.rule for key, part in claim.parts.items()} for claim in read_claims()}
        shown = {entry["id"].lower(): forest_figure(entry, rules[entry["id"]], studies) for entry in claims}
        shown["answer"] = answer_figure({facts.name: facts for facts in studies})
        text = render_index(claims, studies, shown)
        for name, drawn in shown.items():
            path = reports / "figures" / f"{name}.svg"
            if drawn is not None:
                save_svg(drawn.figure, path)
            else:
                path.unlink(missing_ok=True)
    write_bytes(text.encode(), reports / "README.md")
    return reports / "README.md"


def render_index(
    claims: Sequence[Mapping[str, Any]], studies: Sequence[Facts], figures: Mapping[str, Picture | None]
) -> str:
    """reports/README.md as Markdown."""
    effects = pd.concat([facts.effects for facts in studies])
    data = {facts.name: facts.data[0] for facts in studies}
    scopes = list(dict.fromkeys([*_SCOPES, *data.values()]))
    found = {
        scope: {entry["id"]: entry["verdict"] for entry in verdicts(read_claims(), effects[own])}
        for scope in scopes
        for own in [effects["study"].map(data) == scope]
    }
    told = [
        {
            **entry,
            "scopes": {scope: found[scope].get(entry["id"], NOT_TESTED) for scope in scopes},
            "effects": effects[effects["claim"] == entry["id"]].to_dict("records"),
            "forest": figures[entry["id"].lower()],
        }
        for entry in claims
    ]
    listed = [{"name": facts.name, "place": facts.place, "headline": answer(facts, "headline")} for facts in studies]
    template = markdown_environment().get_template("index.md.jinja")
    return without_gaps(template.render(claims=told, scopes=scopes, answer=figures["answer"], studies=listed))
