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
    assert "Runs that reach 90% in the end, at depth 2 together: relu 50.0%." in illustration.caption
