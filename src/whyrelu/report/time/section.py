"""The parts of the section on time, in their order."""

from __future__ import annotations

from whyrelu.report.study import Study
from whyrelu.report.text import listing
from whyrelu.report.time.operations import operations_part
from whyrelu.report.time.shares import shares_part
from whyrelu.report.time.steps import steps_part
from whyrelu.report.time.subnormal import subnormal_part
from whyrelu.report.time.times import times_of
from whyrelu.report.time.totals import totals_part
from whyrelu.report.time.words import machine_text
from whyrelu.report.why.section import Section

_FACTS = (
    "Times are facts of the machine that took them, and the only numbers of this page that do not reproduce: those "
    "here, and in the ledger what says that it is of times. Four quantities are kept apart: an operation alone, a "
    "step, a fixed number of epochs, and an accuracy."
)


def time_section(study: Study) -> Section:
    """The section of a study; its figures belong into `whyrelu.report.style.drawing`."""
    times = times_of(study)
    if times is None:
        note = "Nothing was timed in this study: `python src/timing.py`, with the settings of the sweep, does."
        return Section([note], [])
    notes = [machine_text(study.timing or {}), _FACTS + _setting(study)]
    if left := times.timing["left_out"]:
        notes.append(f"Left out, as it would have taken too long: {listing(left)}.")
    found = [
        operations_part(times),
        steps_part(times),
        shares_part(times),
        totals_part(study, times),
        subnormal_part(times),
    ]
    return Section(notes, [part for part in found if part is not None])


def _setting(study: Study) -> str:
    timing = study.timing or {}
    settings = timing["settings"]
    where = f" ({timing['facet']})" if timing["facet"] else ""
    shape = " x ".join(str(side) for side in settings["shape"])
    return (
        f" The nets are those of the study{where}: width {settings['width']} unless said otherwise, batches of "
        f"{settings['batch_size']} images of {shape}, optimizer {settings['optimizer']}."
    )
