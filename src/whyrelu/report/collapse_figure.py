"""Which cells learn, against the decades of gradient that theory predicts, and against saturation."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from whyrelu.report.facts import Facts
from whyrelu.report.picture import Picture, picture
from whyrelu.report.style import INK, jitter, style_of
from whyrelu.results.labels import cell_factors
from whyrelu.statistics.logistic import falling_logistic

# Fewer cells show no curve.
_LEAST_CELLS = 12


def collapse_figure(facts: Facts) -> Picture | None:
    """`collapse`; None with few cells or several budgets, without predictions, or where all or none learn."""
    if facts.stops_early or "epochs" in facts.factors:
        return None
    cells = facts.cells[facts.cells["decades"].notna() & facts.cells["saturated_init"].notna()]
    if len(cells) < _LEAST_CELLS or cells["learned"].sum() in (0, cells["n"].sum()):
        return None
    decades, factors = cells["decades"].abs(), cell_factors(facts.study.cells)
    runs = facts.study.runs.merge(cells[[*factors, "decades"]], on=factors).dropna(subset="saturated_init")
    learned = runs["outcome"] == "learned"
    # low scores are to tell the runs that learned
    areas = [float(roc_auc_score(learned, -runs[name].abs())) for name in ("decades", "saturated_init")]
    drawn = picture("collapse", 3.1, {"decades": areas[0], "saturated": areas[1]})
    left, right = drawn.figure.subplots(1, 2, sharey=True)
    _draw_cells(left, decades, cells)
    _draw_cells(right, cells["saturated_init"], cells)
    slope, middle = falling_logistic(runs["decades"].abs(), learned)
    x = np.linspace(0, decades.max(), 200)
    left.plot(x, expit(slope * (middle - x)), color=INK, linewidth=1.4)
    left.set_xscale("symlog", linthresh=1, linscale=0.6)
    left.set_xticks([tick for tick in (0, 1, 2, 5, 10, 20, 50) if tick <= 1.1 * max(1, decades.max())])
    left.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.set(xlabel="decades of gradient that theory predicts to be lost or gained", ylabel="runs that learned")
    left.set_title(f"predicted gradient: area under the ROC curve {areas[0]:.2f}")
    right.set_xlabel("saturated units at initialisation")
    right.set_title(f"saturation: area under the ROC curve {areas[1]:.2f}")
    right.xaxis.set_major_formatter(PercentFormatter(1))
    left.yaxis.set_major_formatter(PercentFormatter(1))
    for i, (activation, name) in enumerate(dict(zip(cells["activation"], cells["act"], strict=True)).items()):
        style = style_of(activation)
        right.text(1.02, 0.95 - 0.09 * i, name, color=style.colour, transform=right.transAxes, va="center")
        right.plot(1.0, 0.95 - 0.09 * i, style.marker, color=style.colour, transform=right.transAxes, clip_on=False)
    return drawn


def _draw_cells(axes: Axes, scores: pd.Series, cells: pd.DataFrame) -> None:
    """Each cell a point, moved a little up or down, because shares of few runs are the same in many cells."""
    heights = cells["share"] + 0.05 * jitter(len(cells))
    for activation, group in cells.groupby("activation", sort=False):
        style = style_of(str(activation))
        places = scores[group.index], heights[group.index]
        axes.plot(*places, style.marker, color=style.colour, alpha=0.65, markersize=4, markeredgewidth=0)
    axes.grid(axis="y")
