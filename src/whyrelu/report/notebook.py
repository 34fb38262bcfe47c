"""A study inside a notebook: trained in this process, read as a report reads it, its figures shown below the cell."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd
from IPython.display import Image, Markdown, display

from whyrelu.claims.study import decide_study
from whyrelu.config.grid import one_per_cell
from whyrelu.errors import UnknownNameError, UserError
from whyrelu.report.grid import Grid
from whyrelu.report.panels import Illustration
from whyrelu.report.reading import read_study
from whyrelu.report.study import Study
from whyrelu.report.style import drawing
from whyrelu.report.why.part import Part
from whyrelu.results.aggregation import aggregate, finished_records
from whyrelu.results.files import write_table
from whyrelu.results.given_rates import compares_tuned_with_given
from whyrelu.runs.execute import describe, execute
from whyrelu.runs.plan import identify, one_study, prepare_data
from whyrelu.runs.store import RunStore
from whyrelu.theory.configured import Theory
from whyrelu.theory.tables import drawn_functions, predicted_cells
from whyrelu.tuning.rates import compose_tuned_grid

# Dots per inch of a figure 800 pixels wide: a little more than a plain screen has, and still small files.
_DPI = 120
_SHOWN_WIDTH = 800

Draw = Callable[[Study], Part | Sequence[Illustration] | None]


def places(folder: Path) -> list[str]:
    """The overrides that keep data and runs below a folder, and nothing in MLflow."""
    # quoted, because a folder may be called anything
    quoted = [f"{key}='{folder / name}'" for key, name in (("prepared_root", "data"), ("run_root", "runs"))]
    return [*quoted, "mlflow.tracking_uri=null"]


def run_study(overrides: Sequence[str], folder: Path) -> Study:
    """Train every run of a grid that is not done yet, one after the other, and read their tables as a report does.

    No claims are decided: for a handful of seeds that would be no more than words. A line is printed for each run; it
    says the same whether the run was trained now or before.

    Args:
        overrides: as typed behind `python src/train.py -m`; learning rates are given, or all tuned.
        folder: where data, runs and results are kept.

    Raises:
        UserError: the grid cannot be composed, belongs to several studies or a run of it fails.
    """
    overrides = [*overrides, *places(folder)]
    runs = compose_tuned_grid(overrides)
    if compares_tuned_with_given(way for run in runs for way in run.given_lr):
        raise UserError("some learning rates of these settings are tuned and some given: run them as two studies")
    one_study(run.config for run in runs)
    cells = [run.config for run in one_per_cell(runs)]
    prepare_data(cells)
    planned = identify(runs)
    for i, run in enumerate(planned):
        record, _ = execute(run.config, run.run_id)
        assert record is not None
        print(f"[{i + 1:{len(str(len(planned)))}}/{len(planned)}] {run.label}: {describe(record)}", flush=True)
        if record["status"] == "failed":
            raise UserError(f"run {run.label} failed: {record['error']}")
    directory = folder / "results" / cells[0]["study"]
    theory = Theory()
    write_table(predicted_cells(cells, theory), directory / "theory.parquet")
    write_table(drawn_functions(cells, theory), directory / "functions.parquet")
    store = RunStore.of(cells[0])
    records = (store.record(run.run_id) for run in planned)
    command = shlex.join(["python", "src/train.py", "-m", *overrides])
    aggregate(finished_records(records, command), store.layers, overrides, directory)
    decide_study([], directory)
    return read_study(directory)


def show(draw: Draw, study: Study, *names: str) -> None:
    """Show figures of the report, each with its caption.

    Args:
        draw: a function of `whyrelu.report`, such as `curves_figures` or `gradients_part`.
        study: what it draws.
        names: of the figures to show; all without them.

    Raises:
        UnknownNameError: there is no figure of such a name.
    """
    with drawing():
        drawn = draw(study)
        illustrations = (drawn.illustrations if isinstance(drawn, Part) else drawn) or []
        known = {illustration.name: illustration for illustration in illustrations}
        for name in names:
            if name not in known:
                raise UnknownNameError("figure", name, known)
        for illustration in [known[name] for name in names or known]:
            buffer = io.BytesIO()
            # without a name of the software, the same figure always gives the same bytes
            illustration.figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
            display(Image(data=buffer.getvalue(), width=_SHOWN_WIDTH, alt=illustration.alternative))
            display(Markdown(f"*{illustration.caption}*"))


def tell(sentences: Iterable[str]) -> None:
    """Show sentences as a list."""
    display(Markdown("\n".join(f"- {sentence}" for sentence in sentences)))


def table(grid: Grid | None) -> pd.DataFrame:
    """A table of the report as a data frame, whose index is what names its rows; empty if there is none."""
    if grid is None:
        return pd.DataFrame()
    return pd.DataFrame(grid.rows, columns=grid.header).set_index(grid.header[: grid.names])
