"""What the pages of MLflow show of a study: its shared views, which its UI keeps as tags of the experiment.

The UI opens the view `cells` at `#/experiments/<id>/runs?viewStateShareKey=cells`. The tag holds, as JSON, what its
page would keep of a person's choices: search and order, columns of the table, charts. What a page does not know it
leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

PREFIX = "mlflow.sharedViewState."
CELLS, SEEDS, LEARNING = "cells", "seeds", "learning"
# In an address: pages about training, not those about language models that the UI opens by default.
TRAINING = "workflowType=machine_learning"

# Of a cell, in the order of the table; those without a chart have a column only.
CELL_METRICS = ("test_accuracy", "test_accuracy_low", "test_accuracy_high", "failures", "n")
CELL_CHARTS = ("test_accuracy", "failures")
# All else that a cell has. The UI adds a chart for each metric that the view does not mention.
CELL_OTHERS = ("test_accuracy_mean", "test_accuracy_sd", "test_accuracy_iqm", "errors")

LEARNING_CHARTS = ("val_accuracy", "train_loss", "val_loss", "train_accuracy")


def shared_view_tags() -> dict[str, str]:
    """Tags of an experiment that holds a study, by key: cells, the seeds below them, and how seed 0 learned."""
    hidden = tuple(key for key in (*CELL_METRICS, *CELL_OTHERS) if key not in CELL_CHARTS)
    charts = _charts("Cells: means over all seeds", "BAR", CELL_CHARTS, hidden)
    cells = _view("tags.kind = 'cell'", CELL_METRICS) | charts
    # The UI lays runs below one another only where it neither searches nor orders by anything but the start.
    seeds = _view("", CELL_METRICS) | charts | {"orderByKey": "attributes.start_time", "orderByAsc": False}
    learning = _view("tags.kind = 'run' and params.seed = '0'", ("test_accuracy", "val_accuracy"))
    learning |= _charts("The run with seed 0 of each cell, by epoch", "LINE", LEARNING_CHARTS, ())
    views = {CELLS: cells, SEEDS: seeds, LEARNING: learning}
    return {f"{PREFIX}{key}": json.dumps(state) for key, state in views.items()}


def view_address(server: str, experiment: str, key: str, charts: bool) -> str:
    """Where a browser finds a view.

    Args:
        server: address of the UI, without a slash at its end.
        experiment: id of the experiment.
        key: CELLS, SEEDS or LEARNING.
        charts: whether it opens on the charts; else on the table.
    """
    mode = "CHART" if charts else "TABLE"
    return f"{server}/#/experiments/{experiment}/runs?{TRAINING}&viewStateShareKey={key}&compareRunsMode={mode}"


def _view(search: str, metrics: Sequence[str]) -> dict[str, Any]:
    columns = [f"metrics.`{key}`" for key in metrics]
    return {
        "searchFilter": search,
        "orderByKey": "tags.`mlflow.runName`",
        "orderByAsc": True,
        "selectedColumns": columns,
        "columnOrder": columns,
        # of runs, the UI shows ten by default
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
    }


def _charts(title: str, kind: str, shown: Sequence[str], hidden: Sequence[str]) -> dict[str, Any]:
    section = {"uuid": "whyrelu", "name": title, "display": True, "isReordered": True, "deleted": False, "columns": 2}
    charts = [
        {
            "uuid": f"whyrelu-{key}",
            "type": kind,
            "metricKey": key,
            "displayName": key,
            "metricSectionId": section["uuid"],
            "runsCountToCompare": 100,
            "deleted": key in hidden,
            "isGenerated": False,
        }
        for key in (*shown, *hidden)
    ]
    if kind == "LINE":
        axes = {"xAxisKey": "step", "scaleType": "linear", "xAxisScaleType": "linear", "lineSmoothness": 0, "range": {}}
        charts = [chart | axes | {"yAxisKey": "metric", "useGlobalXaxisKey": True} for chart in charts]
    return {"compareRunCharts": charts, "compareRunSections": [section], "isAccordionReordered": True}
