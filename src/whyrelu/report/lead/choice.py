"""Which answer a report begins with, by what its study varies."""

from __future__ import annotations

from typing import NamedTuple

from whyrelu.report.lead.precisions import precision_lead
from whyrelu.report.lead.rates import rates_lead
from whyrelu.report.lead.rescues import rescue_lead, rescue_notes
from whyrelu.report.study import Study, varied_factors
from whyrelu.results.given_rates import GIVEN_LR


class Lead(NamedTuple):
    """What a report begins with.

    Attributes:
        answer: in one or two sentences; empty if activations are all that there is to compare.
        notes: what its words mean, less loud; may be empty.
    """

    answer: str
    notes: str = ""


def lead(study: Study) -> Lead:
    """The answer to what a study varies."""
    varied = varied_factors(study)
    if varied == ["precision"]:
        return Lead(precision_lead(study))
    if varied == [GIVEN_LR]:
        return Lead(rates_lead(study))
    return Lead(rescue_lead(study), rescue_notes(study))
