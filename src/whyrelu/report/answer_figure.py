"""The picture of the project's front page, from the studies trainability, digits and remedies."""

from collections.abc import Mapping

from whyrelu.report.depth_figure import draw_by_depth
from whyrelu.report.facts import Facts
from whyrelu.report.map_figure import add_scale, draw_map, gains_that_learn
from whyrelu.report.picture import Picture, picture
from whyrelu.report.remedies_figure import draw_remedies
from whyrelu.report.templating import said

_SHOWN = ("relu", "sigmoid")


def answer_figure(studies: Mapping[str, Facts]) -> Picture | None:
    """`answer`: the map, accuracy by depth, and remedies; None unless all three studies are there."""
    if not {"trainability", "digits", "remedies"} <= studies.keys():
        return None
    gains, depth = studies["trainability"], studies["digits"]
    drawn = picture("answer", 7.1, gains_that_learn(gains, _SHOWN))
    outer = drawn.figure.add_gridspec(2, 1)
    inner = outer[0].subgridspec(1, 2)
    panels = [drawn.figure.add_subplot(inner[i]) for i in range(2)]
    for axes, name in zip(panels, _SHOWN, strict=True):
        cells = gains.study.cells[gains.study.cells["activation"] == name]
        draw_map(axes, cells, labelled=axes is panels[0])
        axes.set_title(said("figures.jinja", f"panel_map_{name}"), y=1, pad=48)
    add_scale(drawn.figure, panels)
    inner = outer[1].subgridspec(1, 2, width_ratios=[1.0, 1.05])
    axes = drawn.figure.add_subplot(inner[0])
    draw_by_depth(axes, None, depth, depth.runs[depth.runs["activation"].isin(_SHOWN)])
    axes.set_title(said("figures.jinja", "panel_depth"))
    axes = drawn.figure.add_subplot(inner[1])
    draw_remedies(axes, studies["remedies"])
    axes.set_title(said("figures.jinja", "panel_remedies"), pad=22)
    return drawn
