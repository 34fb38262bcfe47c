"""A study inside a notebook: trained in this process, read as a report reads it, its figures shown below the cell."""

import io
import shlex
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path

from IPython.display import Image, Markdown, display

from whyrelu.config.grid import compose_grid
from whyrelu.errors import UserError
from whyrelu.report.facts import Facts
from whyrelu.report.picture import Picture
from whyrelu.report.style import WIDTH, drawing
from whyrelu.results.aggregation import aggregate
from whyrelu.runs.execute import describe, execute
from whyrelu.runs.plan import identify
from whyrelu.theory.tables import write_predictions

# Dots per inch: a little more than a plain screen has, and still small files.
_DPI = 120
# Read at once, because the next grid of this study replaces them.
_TABLES = ("runs", "history", "cells", "profiles", "theory")


def run_study(overrides: Sequence[str], folder: Path) -> Facts:
    """Train every run of a grid that is not done yet, one after the other, and read their tables as a report does.

    No claims are decided: a handful of seeds says little. Data, runs and results are kept in `folder`. A run that fails
    is a UserError.
    """
    overrides = [*overrides, "mlflow.tracking_uri=null"]
    folder.mkdir(parents=True, exist_ok=True)
    with chdir(folder):
        runs = compose_grid(overrides)
        write_predictions(runs)
        planned = identify(runs)
        for i, run in enumerate(planned):
            record, _ = execute(run.config, run.run_id)
            assert record is not None
            print(f"[{i + 1:{len(str(len(planned)))}}/{len(planned)}] {run.label}: {describe(record)}", flush=True)
            if record["status"] == "failed":
                raise UserError(f"{shlex.join(overrides)}: run {run.label} failed: {record['error']}")
        study = aggregate(runs, overrides)
        for table in _TABLES:
            getattr(study, table)
    return Facts(study)


def show(draw: Callable[[Facts], Picture | None], study: Facts) -> None:
    """Show a figure of the report with its caption; `draw` is one of its functions, such as `depth_figure`."""
    with drawing():
        drawn = draw(study)
        if drawn is None:
            raise UserError(f"study {study.name} has no data for {draw.__name__}")
        buffer = io.BytesIO()
        # without a name of the software, the same figure always gives the same bytes
        drawn.figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    display(Image(data=buffer.getvalue(), width=round(96 * WIDTH), alt=drawn.title))
    display(Markdown(f"*{drawn.shows}*"))
