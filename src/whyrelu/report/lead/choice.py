"""Which answer a report begins with, by what its study varies."""

from __future__ import annotations

from whyrelu.report.lead.lead import Lead
from whyrelu.report.lead.precisions import precision_lead
from whyrelu.report.lead.rates import rates_lead
from whyrelu.report.lead.rescues import rescue_lead
from whyrelu.report.study import Study, varied_factors
from whyrelu.results.given_rates import GIVEN_LR


def lead(study: Study) -> Lead:
    """The answer to what a study varies."""
    varied = varied_factors(study)
    if varied == ["precision"]:
        return Lead(precision_lead(study))
    if varied == [GIVEN_LR]:
        return Lead(rates_lead(study))
    return rescue_lead(study)
