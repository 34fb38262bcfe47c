"""Jacobian, Hessian and effective rank, in a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whyrelu.report.grid import Grid
from whyrelu.report.study import Facet, Study
from whyrelu.report.why.moments import Moment, at_moment, moment_epochs
from whyrelu.report.why.part import Part
from whyrelu.report.why.words import short

_DEFINITION = (
    "Of the Jacobian, the derivative of the logits with respect to the image: its largest singular value. Of the "
    "Hessian of the loss: its eigenvalue of largest magnitude, with its sign; gradient descent at a constant learning "
    "rate lr is unstable where it exceeds 2 / lr, with momentum m where it exceeds 2 (1 + m) / lr. Of the outputs of "
    "the last convolution's activation, centred: the effective rank, the number of directions in which images differ "
    "(exponential of the entropy of the singular values). It does not see how small the differences are: where images "
    "have collapsed it counts directions of round-off. Singular values and eigenvalues are approached from below, on "
    "16 images; of untrained nets those of the Jacobian to about 5%, those of the Hessian to about 10%."
)
_MOMENTS: tuple[Moment, ...] = ("init", "middle", "end")


def spectra_part(study: Study) -> Part | None:
    """The table; None where the second-order numbers were not measured."""
    facets = [facet for facet in study.inspected if not facet.spectra.empty]
    if not facets:
        return None
    several = len(study.facets) > 1
    header = ["setting"] * several + ["activation", "depth", "Jacobian", "Hessian", "effective rank"]
    rows = []
    for facet in facets:
        for name in facet.series:
            for depth in _depths(facet):
                texts = _texts(facet, name, depth)
                if texts:
                    rows.append([facet.label] * several + [name, str(depth), *texts])
    caption = "At init / in the middle / at the end of training, medians over the runs whose numbers are finite:"
    return Part("Curvature and rank", _DEFINITION, [], [], Grid(header, several + 1, rows), caption)


def _depths(facet: Facet) -> list[int]:
    """The shallowest depth and the deepest that all activations have."""
    return sorted({facet.depths[0], facet.deepest})


def _texts(facet: Facet, series: str, depth: int) -> list[str]:
    rows = facet.spectra[(facet.spectra["series"] == series) & (facet.spectra["depth"] == depth)]
    cells = facet.profiles[(facet.profiles["series"] == series) & (facet.profiles["depth"] == depth)]
    if rows.empty or cells.empty:
        return []
    epochs = moment_epochs(int(cells["epochs"].iloc[0]))
    moments = [moment for moment in _MOMENTS if moment in epochs]
    jacobian = [_median(rows, "jacobian_largest_square", epochs[moment]) ** 0.5 for moment in moments]
    hessian = [_median(rows, "hessian_largest", epochs[moment]) for moment in moments]
    last = cells[cells["layer"] == depth]
    ranks = [at_moment(last, moment)["effective_rank"] for moment in moments]
    rank = [float(found.iloc[0]) if len(found) else float("nan") for found in ranks]
    return [" / ".join(map(short, values)) for values in (jacobian, hessian, rank)]


def _median(rows: pd.DataFrame, column: str, epoch: int) -> float:
    values = rows.loc[rows["epoch"] == epoch, column].dropna().to_numpy("float64")
    return float(np.median(values)) if len(values) else float("nan")
