"""Gradients from layer to layer: do they vanish on the way back?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from whyrelu.report.grid import Grid
from whyrelu.report.panels import Illustration, named
from whyrelu.report.study import Facet, Study
from whyrelu.report.text import MISSING, listing
from whyrelu.report.why.agreement import agreement_sentence
from whyrelu.report.why.decades import decades_figures
from whyrelu.report.why.moments import at_moment, moment_words, moments_of, survivors_note
from whyrelu.report.why.part import Part
from whyrelu.report.why.profiles import Quantity, draw, undrawn_note
from whyrelu.report.why.sheets import Sheet, depth_sheets, moment_sheets
from whyrelu.report.why.words import approximate_note, ranked, tenths, where

RELATIVE = Quantity(
    "gradient_relative",
    "gradient / last layer's",
    "predicted_gradient_relative",
    "gradient_relative_low",
    "gradient_relative_high",
)
_DEFINITION = (
    "The gradient of a layer is the root mean square, over images, of the norm of the loss's derivative with respect "
    "to the layer's preactivations (all units of an image together; nats per unit of preactivation), here divided by "
    "that of the last convolution. Decades lost: log10 of the last layer's gradient over the first's; 1 means that a "
    "tenth arrives, negative that it grew on the way back."
)
# A first layer whose gradient is within this factor of the last one's has neither lost nor gained it.
_FACTOR = 3


def gradients_part(study: Study) -> Part | None:
    """Profiles at init and through training, decades lost per depth; None without a net of two layers."""
    facets = [facet for facet in study.inspected if max(facet.depths) > 1]
    if not facets:
        return None
    sentences = []
    for facet in facets:
        sentences += [decades_sentence(facet), within_sentence(facet)]
        sentences.append(agreement_sentence(facet, RELATIVE.column, RELATIVE.theory, "the relative gradient"))
        sentences.append(training_sentence(facet))
    illustrations = [_at_init(study, sheet) for sheet in depth_sheets(study)]
    illustrations += decades_figures(study)
    illustrations += [_through_training(study, sheet) for sheet in moment_sheets(study)]
    caption = "Decades of gradient lost at init, geometric mean over runs, and in brackets as theory predicts:"
    return Part(
        "Gradients", _DEFINITION, [text for text in sentences if text], illustrations, decades_grid(study), caption
    )


def decades_lost(facet: Facet, column: str = "gradient_relative", epoch: int = 0) -> pd.DataFrame:
    """Decades lost by activation and depth above 1, from the first layer of profiles; columns series, depth, decades.

    inf where the gradient of the first layer is exactly 0.
    """
    rows = facet.profiles
    rows = rows[(rows["epoch"] == epoch) & (rows["layer"] == 1) & (rows["depth"] > 1)]
    with np.errstate(divide="ignore"):
        decades = -np.log10(rows[column].to_numpy("float64"))
    return rows[["series", "depth"]].assign(decades=decades).reset_index(drop=True)


def decades_sentence(facet: Facet) -> str:
    """Decades lost at init at the deepest depth, with the predictions in brackets."""
    measured = _at_depth(decades_lost(facet), facet.deepest)
    predicted = _at_depth(decades_lost(facet, RELATIVE.theory), facet.deepest)
    if not measured:
        return ""
    said = ranked(measured, lambda name: decades_with_theory(measured[name], predicted.get(name, float("nan"))))
    return (
        f"{where(facet)}At depth {facet.deepest}, decades of gradient lost between the last layer and the first, at "
        f"init (theory in brackets): {said}."
    )


def within_sentence(facet: Facet) -> str:
    """In which cells the gradients of the first and last layer are within a factor of each other, at init."""
    table = decades_lost(facet).dropna()
    if table.empty:
        return ""
    limit = np.log10(_FACTOR)
    groups: dict[str, list[str]] = {}
    for name, rows in table.groupby("series", sort=False):
        vanished = rows.loc[rows["decades"] > limit, "depth"].tolist()
        exploded = rows.loc[rows["decades"] < -limit, "depth"].tolist()
        kept = rows.loc[rows["decades"].abs() <= limit, "depth"].tolist()
        ways = [(kept, "within it"), (vanished, "vanishing"), (exploded, "exploding")]
        told = [(depths, way) for depths, way in ways if depths]
        every = len(rows) > 1 and len(told) == 1
        text = " and ".join(
            f"{way} at {'every depth' if every else f'depth {listing(sorted(depths))}'}" for depths, way in told
        )
        groups.setdefault(text, []).append(str(name))
    said = "; ".join(f"{listing(names)} {text}" for text, names in groups.items())
    return f"{where(facet)}First-layer gradient within a factor of {_FACTOR} of the last layer's at init: {said}."


def training_sentence(facet: Facet) -> str:
    """Decades lost at the moments after init, at the deepest depth."""
    depth = facet.deepest
    parts = []
    for moment in moments_of(facet):
        rows = at_moment(facet.profiles, moment)
        rows = rows[(rows["layer"] == 1) & (rows["depth"] == depth)]
        if moment in ("init", "middle") or depth < 2 or rows.empty:
            continue
        with np.errstate(divide="ignore"):
            values = dict(zip(rows["series"], -np.log10(rows["gradient_relative"].to_numpy("float64")), strict=True))
        said = ranked(values, lambda name, found=values: _decades_text(found[name]))  # type: ignore[misc]
        parts.append(f"{moment_words(moment, int(rows['epochs'].max()))}: {said}")
    note = survivors_note(facet, "end", depth)
    return f"{where(facet)}Decades lost at depth {depth} {'; '.join(parts)}.{note}" if parts else ""


def decades_grid(study: Study) -> Grid:
    """Decades lost at init, activation x depth, with the predictions in brackets."""
    depths = [depth for depth in study.depths if depth > 1]
    header = ["setting"] * (len(study.facets) > 1) + ["activation", *(f"depth {depth}" for depth in depths)]
    rows = []
    for facet in study.inspected:
        keyed = [
            {
                (str(name), int(depth)): float(decades)
                for name, depth, decades in decades_lost(facet, column).to_numpy(dtype=object)
            }
            for column in (RELATIVE.column, RELATIVE.theory)
        ]
        for name in facet.series:
            known = [(name, depth) if (name, depth) in keyed[0] else None for depth in depths]
            cells = [decades_with_theory(keyed[0][key], keyed[1][key]) if key else MISSING for key in known]
            rows.append([facet.label] * (len(study.facets) > 1) + [name, *cells])
    return Grid(header, len(header) - len(depths), rows)


def _at_depth(table: pd.DataFrame, depth: int) -> dict[str, float]:
    rows = table[table["depth"] == depth]
    return dict(zip(rows["series"], rows["decades"], strict=True))


def decades_with_theory(measured: float, predicted: float) -> str:
    """Decades as measured, and in brackets as predicted."""
    return f"{_decades_text(measured)} ({tenths(predicted)})"


def _decades_text(decades: float) -> str:
    return "all (a gradient of exactly 0)" if decades == np.inf else tenths(decades)


def _at_init(study: Study, sheet: Sheet) -> Illustration:
    return Illustration(
        named("gradients-at-init", sheet.slug),
        draw(sheet, RELATIVE),
        "Gradient relative to the last layer's against the layer, at init; the table and text below have the numbers.",
        f"Gradient of each layer at init, relative to the last layer's, {sheet.explanation}; layer 1 is nearest the "
        "image. Lines are geometric means over runs, bands their extremes, dashed lines the theory; lines get thinner "
        "in the order of the legend, so that equal ones are seen."
        f"{undrawn_note(sheet, RELATIVE)}{approximate_note(study)}",
    )


def _through_training(study: Study, sheet: Sheet) -> Illustration:
    return Illustration(
        named("gradients-in-training", sheet.slug),
        draw(sheet, RELATIVE),
        f"Gradient relative to the last layer's against the layer, {sheet.explanation}.",
        f"The same through training: {sheet.explanation}. A run counts as long as its numbers are finite; theory is of "
        f"init only.{undrawn_note(sheet, RELATIVE)}",
    )
