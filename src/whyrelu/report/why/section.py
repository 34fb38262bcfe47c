"""All parts of the section, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from whyrelu.report.panels import Illustration
from whyrelu.report.study import Study
from whyrelu.report.text import plural
from whyrelu.report.why.collapse import collapse_part
from whyrelu.report.why.dead import dead_part
from whyrelu.report.why.functions import functions_part
from whyrelu.report.why.gradients import gradients_part
from whyrelu.report.why.overview import failures_part, glance_part
from whyrelu.report.why.part import Part
from whyrelu.report.why.saturation import saturation_part
from whyrelu.report.why.spectra import spectra_part
from whyrelu.report.why.trainability import trainability_part

_PARTS = (
    glance_part,
    gradients_part,
    trainability_part,
    collapse_part,
    saturation_part,
    dead_part,
    failures_part,
    functions_part,
    spectra_part,
)
_THEORY = (
    "Theory is mean-field theory (Poole et al. 2016, Schoenholz et al. 2017): infinitely wide layers, at init only; "
    "zero padding is followed pixel by pixel, and a max pooling by the moments of the largest of four correlated "
    "outputs. Nothing in it is fitted to these runs. Layers here are narrow, and measured lines are geometric means "
    "over seeds, which lie somewhat below the mean of squares that theory speaks of."
)


@dataclass(frozen=True)
class Section:
    """The section.

    Attributes:
        notes: what was measured and what theory is, a paragraph each.
        parts: only those that there is something to say or show of.
    """

    notes: list[str]
    parts: list[Part]

    @property
    def illustrations(self) -> list[Illustration]:
        """The figures of all parts."""
        return [illustration for part in self.parts for illustration in part.illustrations]


def why_section(study: Study) -> Section:
    """The section of a study, as far as its tables go; its figures belong into `whyrelu.report.style.drawing`."""
    found = [make(study) for make in _PARTS]
    return Section([measured_note(study), _THEORY], [part for part in found if part is not None])


def measured_note(study: Study) -> str:
    """What was measured inside the networks: nothing, the ends, or every epoch."""
    if not study.measured:
        return (
            "Nothing was measured inside the networks of this study, so theory stands alone here; with "
            "`diagnostics=full` the runs measure gradients, saturation, dead channels and collapse."
        )
    measured = sum(facet.measured for facet in study.measured)
    every = any(
        ((facet.profiles["epoch"] != 0) & (facet.profiles["epoch"] < facet.profiles["epochs"])).any()
        for facet in study.measured
    )
    when = (
        "at init and after every epoch"
        if every
        else "at init and after the last epoch only (`diagnostics=full` \
looks at every epoch)"
    )
    return (
        f"Measured {when}, in {measured} of {plural(len(study.runs), 'run')}, in each always on the same images of its "
        f"validation split{_numbers_of_images(study)}.{_detail_note(study)}"
    )


def _detail_note(study: Study) -> str:
    if not study.is_compact:
        return ""
    shown = "only its figures and numbers of layers are shown" if study.inspected else "of which nothing was measured"
    return (
        f" Of {len(study.facets)} settings the reference is {study.reference.label}: {shown}; tables have the others."
    )


def _numbers_of_images(study: Study) -> str:
    """How many there are, as far as all runs have it in common."""
    common = study.provenance["common"]
    probe, dead, split = (
        common.get(name) for name in ("diagnostics.probe_images", "diagnostics.dead_images", "data.validation_size")
    )
    if probe is None or dead is None or split is None:
        return ""
    return f": {min(probe, split):,} of them, and {min(max(probe, dead), split):,} to tell which channels are dead"
