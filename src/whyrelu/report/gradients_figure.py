"""The gradient by layer at initialisation, measured and predicted."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from whyrelu.report.facts import Facts
from whyrelu.report.names import activation_name, setting_name
from whyrelu.report.picture import Picture, picture
from whyrelu.report.style import INK, label_ends, style_of

_MOST_PANELS = 6
# Factors that change nothing before training.
_OF_TRAINING = ("optimizer", "clip", "epochs", "lr", "lr_given")


def gradients_figure(facts: Facts) -> Picture | None:
    """`gradients-at-init`, of the deepest networks; None where nothing was measured."""
    profiles = facts.study.profiles
    measured = profiles[(profiles["epoch"] == 0) & profiles["gradient_relative"].notna()]
    measured = measured[measured["depth"] == measured["depth"].max()]
    factors = [factor for factor in facts.factors if factor in measured and factor not in _OF_TRAINING]
    measured = facts.named(measured.drop_duplicates(["layer", *factors]))
    measured["setting"] = [setting_name(row, factors) for row in measured.to_dict("records")]
    panels = list(measured.groupby("setting", sort=False))
    if measured.empty or measured["layer"].max() < 2 or len(panels) > _MOST_PANELS or "init.gain" in facts.factors:
        return None
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    drawn = picture("gradients-at-init", 2.7 * rows + 0.5, _numbers(measured))
    grid = drawn.figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=True).ravel()
    values = measured[["gradient_relative", "predicted_gradient_relative"]].to_numpy(float)
    values = values[np.isfinite(values) & (values > 0)]
    for axes, (setting, panel) in zip(grid, panels, strict=False):
        axes.set_yscale("log")
        axes.set_ylim(0.5 * values.min(), 2 * values.max())
        axes.set_xlim(panel["layer"].max() + 0.2, 0.8)
        axes.axhline(1, color=INK, linewidth=0.6)
        ends = []
        for name, line in panel.groupby("act", sort=False):
            line = line.sort_values("layer")
            colour = style_of(line["activation"].iloc[0]).colour
            low, high = line["gradient_relative_low"], line["gradient_relative_high"]
            axes.fill_between(line["layer"], low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(line["layer"], line["gradient_relative"], color=colour, linewidth=2.4, alpha=0.75)
            predicted = line["predicted_gradient_relative"]
            axes.plot(line["layer"], predicted, color=INK, linewidth=1, linestyle=(0, (3, 2)))
            ends.append((float(line["gradient_relative"].iloc[0]), str(name), colour))
        label_ends(axes, ends, 0.08)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(textwrap.fill(str(setting), 26))
        axes.set_xlabel("layer (1 is nearest the input)")
        axes.grid(axis="y")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    drawn.figure.axes[0].set_ylabel("gradient, relative to the last layer's")
    return drawn


def _numbers(measured: pd.DataFrame) -> dict[str, Any]:
    """The first layer's gradient where it is nearest to the last layer's and where it is farthest from it."""
    first = measured[measured["layer"] == 1]
    distance = np.log(first["gradient_relative"].clip(lower=1e-30)).abs()
    ends = [first.loc[place] for place in (distance.idxmin(), distance.idxmax())]
    near, far = (
        {"name": activation_name(row.to_dict()), "setting": row["setting"], "ratio": row["gradient_relative"]}
        for row in ends
    )
    return {"depth": int(measured["depth"].max()), "near": near, "far": far, "one": len(first) == 1}
