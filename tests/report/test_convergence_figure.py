import numpy as np
import pytest

from synthetic import make_record
from synthetic_layers import write_tables
from whyrelu.report.convergence_figure import convergence_figures
from whyrelu.report.reading import read_study


def test_runs_that_diverge_at_once_never_reach_anything(tmp_path):
    # five of ten stop in the first epochs, the others learn
    records = [make_record(seed=i, epochs=12, outcome="diverged" if i < 5 else "learned") for i in range(10)]
    for record in records[:5]:
        history = record["history"]
        history["val_accuracy"] = [0.1] * len(history["epoch"])
    write_tables(records, tmp_path, level="off")
    illustration, *_ = convergence_figures(read_study(tmp_path))
    panels = [axes for axes in illustration.figure.axes if axes.get_title().startswith("depth 2, to")]
    assert len(panels) == 3
    for axes in panels:
        curve, marker = axes.get_lines()
        assert curve.get_ydata()[-1] == pytest.approx(50)
        # the open marker is at the last step of all, as high as the curve ends
        assert (marker.get_xdata().tolist(), marker.get_ydata().tolist()) == ([12 * 19], [pytest.approx(50)])
        assert np.max(curve.get_xdata()) == 12 * 19
    assert "Runs that reach 90% in the end, at depth 2: relu 50.0%." in illustration.caption
    assert "No run reaches" not in illustration.caption


def titles(records, folder, best):
    """Titles of the panels, and the caption, of runs whose validation accuracy ends there."""
    for record in records:
        history = record["history"]
        history["val_accuracy"] = [*np.linspace(0.1, best, len(history["epoch"]) - 1), best]
    write_tables(records, folder, level="off")
    illustration, *_ = convergence_figures(read_study(folder))
    return [axes.get_title() for axes in illustration.figure.axes if axes.get_title()], illustration.caption


def test_thresholds_that_no_run_reaches_are_named_and_not_drawn(tmp_path):
    records = [make_record(seed=seed, epochs=12) for seed in range(3)]
    drawn, caption = titles(records, tmp_path / "one", 0.6)
    assert drawn == ["depth 2, to 50%"]
    assert caption.endswith(
        "Runs that reach 50% in the end, at depth 2: relu 100.0%. No run reaches 80% or 90% twice in a row."
    )
    # the lowest stays, so that there is a figure
    drawn, caption = titles(records, tmp_path / "none", 0.3)
    assert drawn == ["depth 2, to 50%"]
    assert caption.endswith("at depth 2: relu 0.0%. No run reaches 80% or 90% twice in a row.")


def test_with_a_panel_per_activation_there_is_the_lower_one_of_two_thresholds_reached(tmp_path):
    names = ["relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh", "sigmoid"]
    records = [make_record(name, epochs=12) for name in names]
    drawn, caption = titles(records, tmp_path, 0.85)
    assert drawn == names
    assert "have reached a validation accuracy of 50% on two" in caption
