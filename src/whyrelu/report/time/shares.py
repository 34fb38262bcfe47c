"""The activation's share of a training step, against the width of the net."""

from __future__ import annotations

from matplotlib.ticker import NullLocator

from whyrelu.report.panels import Illustration, panel_grid
from whyrelu.report.style import FAINT, TEXT, legend_above, legend_height, series_entry, style_of
from whyrelu.report.text import listing
from whyrelu.report.time.times import Times
from whyrelu.report.time.words import percentage
from whyrelu.report.why.part import Part

_DEFINITION = (
    "The share of a step that its activations take: what a step takes longer than one of the same net without any "
    "(identity in their place), timed directly before or after it, over the whole. So it includes what the "
    "activation does to caches and memory, to the operations after it by the numbers it makes, and what its output "
    "kept for the backward pass costs. It leaves out that compilers may fuse an activation into the convolution "
    "before it, which PyTorch does not do by itself."
)


def shares_part(times: Times) -> Part | None:
    """Shares by width, a panel per depth at which several widths were timed; by depth in sentences."""
    shares = {name: times.shares(name) for name in times.series}
    depths = sorted({depth for own in shares.values() for depth, widths in own.items() if len(widths) > 1})
    if not any(shares.values()):
        return None
    sentences = []
    for depth in depths:
        for name, own in shares.items():
            if len(own.get(depth, {})) > 1:
                ends = [pick(own[depth]) for pick in (min, max)]
                told = listing([f"{percentage(own[depth][width])} at width {width}" for width in ends])
                sentences.append(f"{name} takes {told} of a training step of a net of depth {depth}.")
    for name, own in shares.items():
        found = {depth: own[depth][times.width] for depth in times.depths if times.width in own.get(depth, {})}
        if found:
            told = listing([f"{100 * value.value:.1f}% at depth {depth}" for depth, value in found.items()])
            sentences.append(f"At the study's width {times.width}, {name} takes {told}.")
    figures = [_figure(times, depths)] if depths else []
    return Part("The activation's share of a step, against width", _DEFINITION, sentences, figures)


def _figure(times: Times, depths: list[int]) -> Illustration:
    named = [name for name in times.series if any(len(times.shares(name).get(depth, {})) > 1 for depth in depths)]
    legend = [series_entry(name) for name in named]
    figure, panels = panel_grid(len(depths), min(len(depths), 2), 2.7, 0.3 + legend_height(legend))
    for axes, depth in zip(panels, depths, strict=True):
        axes.set_title(f"depth {depth}")
        axes.set_xscale("log", base=2)
        axes.axhline(0, color=FAINT, linewidth=1, zorder=1)
        widths: set[int] = set()
        for k, name in enumerate(named):
            found = dict(sorted(times.shares(name).get(depth, {}).items()))
            style = style_of(name)
            widths |= set(found)
            # a little sideways, so that intervals do not hide each other
            at = [width * 2 ** (0.04 * (k - (len(named) - 1) / 2)) for width in found]
            values = list(found.values())
            axes.vlines(
                at, [100 * v.low for v in values], [100 * v.high for v in values], color=style.colour, linewidth=1.8
            )
            axes.plot(
                at,
                [100 * v.value for v in values],
                color=style.colour,
                linestyle=style.line,
                marker=style.marker,
                markeredgecolor="white",
            )
        axes.set_xticks(sorted(widths), [str(width) for width in sorted(widths)], color=TEXT)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("width (channels of the first convolution)")
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    panels[0].set_ylabel("share of a training step, %")
    legend_above(figure, legend)
    return Illustration(
        "time-shares",
        figure,
        f"The activation's share of a training step against the width of the net, for {listing(named)}; the text has "
        "both ends.",
        "Share of a training step that the activations take, against the width of the net, with 95% intervals of the "
        "mean over blocks.",
    )
