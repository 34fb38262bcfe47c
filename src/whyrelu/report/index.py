"""reports/README.md: the verdicts with their forest plots, the picture of the front page, and the studies."""

from pathlib import Path

import pandas as pd

from whyrelu.claims.declaration import read_claims
from whyrelu.claims.ledger import NOT_TESTED, verdicts
from whyrelu.files import read_json, write_bytes
from whyrelu.report.answer_figure import answer_figure
from whyrelu.report.effects_figures import forest_figure
from whyrelu.report.facts import all_studies
from whyrelu.report.page import answer
from whyrelu.report.style import drawing, save_svg
from whyrelu.report.templating import rendered

# The data sets that always have a column.
_SCOPES = ("digits", "cifar10")


def write_index(results: Path, reports: Path) -> Path:
    """Write reports/README.md and reports/figures/ from claims.json and the tables of all studies; returns the page."""
    studies, claims = all_studies(results), read_claims()
    entries = read_json(results / "claims.json", "python src/decide.py")
    effects = pd.concat([facts.effects for facts in studies])
    data = effects["study"].map({facts.name: facts.data[0] for facts in studies})
    scopes = list(dict.fromkeys([*_SCOPES, *(facts.data[0] for facts in studies)]))
    found = {scope: {own["id"]: own["verdict"] for own in verdicts(claims, effects[data == scope])} for scope in scopes}
    rules = {claim.id: {key: part.rule for key, part in claim.parts.items()} for claim in claims}
    with drawing():
        shown = {entry["id"].lower(): forest_figure(entry, rules[entry["id"]], studies) for entry in entries}
        shown["answer"] = answer_figure({facts.name: facts for facts in studies})
        told = [
            {
                **entry,
                "scopes": {scope: found[scope].get(entry["id"], NOT_TESTED) for scope in scopes},
                "effects": effects[effects["claim"] == entry["id"]].to_dict("records"),
                "forest": shown[entry["id"].lower()],
            }
            for entry in entries
        ]
        listed = [{"name": own.name, "place": own.place, "headline": answer(own, "headline")} for own in studies]
        text = rendered("index.md.jinja", claims=told, scopes=scopes, answer=shown["answer"], studies=listed)
        for name, drawn in shown.items():
            path = reports / "figures" / f"{name}.svg"
            if drawn is not None:
                save_svg(drawn.figure, path)
            else:
                path.unlink(missing_ok=True)
    write_bytes(text.encode(), reports / "README.md")
    return reports / "README.md"
