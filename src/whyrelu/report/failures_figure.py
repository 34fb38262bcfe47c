"""Failed runs per cell."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from whyrelu.report.panels import Illustration, balanced_columns, panel_grid
from whyrelu.report.study import Facet, Study
from whyrelu.report.style import FAINT, TEXT

_SHADES = LinearSegmentedColormap.from_list("failures", ["#ffffff", "#f3c79c", "#c8501c", "#7a2a06"])


def failures_figure(study: Study) -> Illustration:
    """A matrix per facet, activation x depth: how many of the runs failed."""
    count = len(study.facets)
    widest = max(len(name) for name in study.series)
    columns = balanced_columns(count, 1 if len(study.depths) > 6 or widest > 24 else 2 if len(study.depths) > 3 else 3)
    height = 0.29 * len(study.series) + 0.55
    figure, panels = panel_grid(count, columns, row_height=height, extra_height=0.1, share_y=False)
    for i, (facet, axes) in enumerate(zip(study.facets, panels, strict=True)):
        _draw(axes, study, facet, names=i % columns == 0)
    failed, total = int(study.cells["failures"].sum()), int(study.cells["n"].sum())
    return Illustration(
        "failures",
        figure,
        f"{failed} of {total} runs failed; the table of cells has the same numbers.",
        f"Failed runs / all runs of each cell; in all, {failed} of {total} runs failed.",
    )


def _draw(axes: Axes, study: Study, facet: Facet, names: bool) -> None:
    rows, columns = study.series, study.depths
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(range(len(columns)), [str(depth) for depth in columns])
    axes.set_yticks(range(len(rows)), rows if names else [""] * len(rows))
    axes.set_xlabel("depth")
    axes.set_title(facet.label)
    done = set()
    for cell in facet.cells.to_dict("records"):
        x, y = columns.index(cell["depth"]), rows.index(cell["series"])
        done.add((x, y))
        share = cell["failures"] / cell["n"]
        box = Rectangle((x - 0.48, y - 0.45), 0.96, 0.9, facecolor=_SHADES(share), edgecolor="#d0d0d0", linewidth=0.6)
        axes.add_patch(box)
        text = f"{cell['failures']}/{cell['n']}"
        colour = "white" if share > 0.5 else TEXT if share > 0 else FAINT
        axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=8.5)
    for x in range(len(columns)):
        for y in range(len(rows)):
            if (x, y) not in done:
                axes.text(x, y, "not run", ha="center", va="center", color=FAINT, fontsize=7.5)
