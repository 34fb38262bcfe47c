"""What subnormal numbers cost: training steps of nets whose gradients vanish, with and without flushing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from whyrelu.claims.words import number
from whyrelu.report.panels import Illustration, panel_grid
from whyrelu.report.style import style_of
from whyrelu.report.text import listing
from whyrelu.report.time.times import Times, ratio_of
from whyrelu.report.time.words import duration, ratio
from whyrelu.report.why.part import Part
from whyrelu.results.labels import PAIR
from whyrelu.statistics.summaries import t_interval

_DEFINITION = (
    "Subnormal numbers, those below 2^-126 in float32, are stored with fewer digits, and many processors compute on "
    "them several times slower. Gradients that vanish get there, and so does momentum that no gradient feeds. "
    "`torch.set_flush_denormal` takes them for zero. Measured with one thread, as the switch belongs to a thread, in "
    "nets of their own, whatever the study has: PyTorch's default weights, which make gradients vanish fastest, no "
    "norm, and momentum. The ratio with and without flushing tells what they cost, and of a difference between "
    "activations how much they make, in the steps that were timed. Shares are of the gradients of weights and of "
    "momentum after the last step; gradients inside the net, which are not looked at, may be smaller."
)


def subnormal_part(times: Times) -> Part | None:
    """Step times with subnormal numbers kept and flushed."""
    if not times.subnormal:
        return None
    return Part("Subnormal numbers", _DEFINITION, _sentences(times), [_figure(times)])


def _found(times: Times) -> dict[tuple[int, str], dict[bool, Mapping[str, Any]]]:
    found: dict[tuple[int, str], dict[bool, Mapping[str, Any]]] = {}
    for entry in times.subnormal:
        found.setdefault((entry["depth"], entry["activation"]), {})[entry["flush"]] = entry
    return found


def _sentences(times: Times) -> list[str]:
    sentences = []
    found = _found(times)
    for (depth, name), own in found.items():
        kept, flushed = (np.array(own[flush]["seconds"]) for flush in (False, True))
        sentences.append(
            f"Depth {depth}: {_shares(own[False])} of {name} are subnormal; a step takes "
            f"{duration(float(np.median(kept)))}, and {ratio(ratio_of(kept, flushed))} times as long as with flushing "
            f"({duration(float(np.median(flushed)))})."
        )
    sentences += _compared(found)
    partly = {count: share for count, share in times.timing.get("flushed_share", {}).items() if share < 1}
    if partly:
        told = listing([f"{100 * share:.0f}% of the numbers with {count} threads" for count, share in partly.items()])
        sentences.append(f"The switch reaches {told}: threads that PyTorch started before are not told.")
    return sentences


def _compared(found: Mapping[tuple[int, str], Mapping[bool, Mapping[str, Any]]]) -> list[str]:
    """Each activation relative to ReLU, with subnormal numbers kept and flushed: what they make of a difference."""
    sentences = []
    for (depth, name), own in found.items():
        if name != PAIR[0] and (depth, PAIR[0]) in found:
            kept, flushed = (
                ratio_of(np.array(own[flush]["seconds"]), np.array(found[depth, PAIR[0]][flush]["seconds"]))
                for flush in (False, True)
            )
            sentences.append(
                f"Depth {depth}: a step with {name} takes {ratio(kept)} times as long as one with {PAIR[0]} where "
                f"subnormal numbers are kept, and {ratio(flushed)} times where they are flushed."
            )
    return sentences


def _shares(entry: Mapping[str, Any]) -> str:
    """How many gradients, and how much of the momentum if there is one."""
    told = {"gradients": entry["gradients"], "momentum": entry["state"]}
    return listing([f"{_share(value)} of the {what}" for what, value in told.items() if value is not None])


def _share(value: float) -> str:
    return "none" if value == 0 else f"{number(100 * value)}%"


def _figure(times: Times) -> Illustration:
    depths = sorted({entry["depth"] for entry in times.subnormal})
    names = list(dict.fromkeys(entry["activation"] for entry in times.subnormal))
    figure, panels = panel_grid(len(depths), min(len(depths), 2), 0.3 * 2 * len(names) + 0.5, 0.2, share_y=False)
    found = _found(times)
    for axes, depth in zip(panels, depths, strict=True):
        labels: list[str] = []
        for name in names:
            for flush in (False, True):
                entry = found[depth, name][flush]
                seconds, i = np.array(entry["seconds"]) * 1e3, len(labels)
                labels.append(f"{name}, {'flushed' if flush else 'kept'}")
                style = style_of(name)
                value = float(np.median(seconds))
                low, high = np.exp(t_interval(np.log(seconds)))
                axes.barh(i, value, height=0.6, color=style.colour, alpha=0.45 if flush else 1)
                axes.hlines(i, low, high, color="black", linewidth=1.5)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.grid(axis="y", visible=False)
        axes.set_xlim(left=0)
        axes.set_title(f"depth {depth}")
        axes.set_xlabel("milliseconds per training step")
    return Illustration(
        "time-subnormal",
        figure,
        f"Time of a training step with subnormal numbers kept and flushed to zero, for {listing(names)} at depth "
        f"{listing(depths)}; the text has ratios.",
        "Median time of a training step in nets whose gradients vanish (PyTorch's default weights), with subnormal "
        "numbers kept, as is the default, and flushed to zero (pale); lines: 95% intervals.",
    )
