"""What is left of the difference between images, layer by layer."""

from __future__ import annotations

from whyrelu.report.panels import Illustration, named
from whyrelu.report.study import Facet, Study
from whyrelu.report.why.agreement import agreement_sentence
from whyrelu.report.why.moments import ENDS, Moment, at_moment, moment_words, moments_of, survivors_note
from whyrelu.report.why.part import Part
from whyrelu.report.why.profiles import ROUND_OFF, Quantity, draw, undrawn_note
from whyrelu.report.why.sheets import Sheet, moment_sheets
from whyrelu.report.why.words import ranked, short, where

RATIO = Quantity("collapse", "collapse ratio", "predicted_collapse", round_off=True)
_DEFINITION = (
    "Collapse ratio: the standard deviation of preactivations across images, relative to their root mean square (both "
    "over all units of a layer); no unit. 1: units vary around 0 from image to image; near 0: all images look the "
    f"same to the layer. Below about {short(ROUND_OFF)} (2^-23) it is lost in the round-off of float32, and "
    "the outputs no longer depend on the image."
)
# What a training in another precision than float32 does to this.
_PRECISIONS = {
    "bf16-mixed": "nets are measured in float32 too, but trained in bf16, which already loses the difference between "
    f"images below about {short(2.0**-7)} (2^-7)",
    "16-mixed": "nets are measured in float32 too, but trained in fp16, which already loses the difference between "
    f"images below about {short(2.0**-10)} (2^-10)",
    "64-true": f"both are done in float64, which keeps it down to about {short(2.0**-52)} (2^-52)",
}


def collapse_part(study: Study) -> Part | None:
    """Collapse ratio by layer at init and at the end, with the prediction."""
    if not study.inspected:
        return None
    sentences = []
    for facet in study.inspected:
        sentences += [last_layer_sentence(facet, moment) for moment in moments_of(facet, ENDS)]
        what = "the collapse ratio"
        sentences.append(agreement_sentence(facet, RATIO.column, RATIO.theory, what, least=ROUND_OFF))
    illustrations = [_illustration(sheet) for sheet in moment_sheets(study, ENDS)]
    return Part(
        "Collapse: do images still differ?", _definition(study), [text for text in sentences if text], illustrations
    )


def _definition(study: Study) -> str:
    trained = {str(precision) for facet in study.inspected for precision in facet.cells["precision"]}
    notes = [f"With precision={name} {note}." for name, note in _PRECISIONS.items() if name in trained]
    return " ".join([_DEFINITION, *notes])


def last_layer_sentence(facet: Facet, moment: Moment) -> str:
    """Collapse ratio of the last layer at the deepest depth, at init with the predictions."""
    depth = facet.deepest
    rows = at_moment(facet.profiles, moment)
    rows = rows[(rows["depth"] == depth) & (rows["layer"] == depth)].set_index("series")
    if rows.empty:
        return ""
    measured = {str(name): float(value) for name, value in rows["collapse"].items()}
    predicted = {str(name): float(value) for name, value in rows[RATIO.theory].items()}
    brackets = moment == "init" and rows[RATIO.theory].notna().any()
    said = ranked(measured, lambda name: short(measured[name]) + (f" ({short(predicted[name])})" if brackets else ""))
    when = moment_words(moment, int(rows["epochs"].max()))
    return (
        f"{where(facet)}Collapse ratio of the last layer {when}, at depth {depth}"
        f"{' (theory in brackets)' if brackets else ''}: {said}.{survivors_note(facet, moment, depth)}"
    )


def _illustration(sheet: Sheet) -> Illustration:
    return Illustration(
        named("collapse", sheet.slug),
        draw(sheet, RATIO),
        f"Collapse ratio against the layer, {sheet.explanation}; the text has the last layers.",
        f"Collapse ratio of each layer, {sheet.explanation}. Lines are geometric means over the runs whose numbers are "
        f"finite; dashed lines the theory, which is of init only.{undrawn_note(sheet, RATIO)}",
    )
