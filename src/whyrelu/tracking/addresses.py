"""Where a browser finds the studies of a running MLflow server.

Asks the server by requests alone: importing MLflow takes seconds.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from whyrelu.tracking.shared_views import CELLS, LEARNING, PREFIX, SEEDS, TRAINING, view_address

# One answer holds at most this many experiments.
MOST_STUDIES = 1_000


def wait_for(server: str, seconds: float) -> bool:
    """Whether a server answers within some seconds.

    Args:
        server: its address, without a slash at its end.
        seconds: how long to wait.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urlopen(f"{server}/health", timeout=5):
                return True
        except (URLError, OSError):
            time.sleep(0.3)
    return False


def addresses(server: str) -> list[str]:
    """Lines that say where to look at the study whose runs ended last, and which other studies there are.

    Args:
        server: address of a server that answers, without a slash at its end.

    Raises:
        URLError: it does not answer.
    """
    found = _ask(server, "experiments", max_results=MOST_STUDIES, filter="name LIKE 'whyrelu/%'").get("experiments", [])
    experiments = {experiment["experiment_id"]: experiment for experiment in found}
    nothing = [f"no run is logged yet; what will be is at {server}/#/experiments?{TRAINING}"]
    if not experiments:
        return nothing
    last = {"filter": "tags.kind = 'run'", "order_by": ["attributes.end_time DESC"], "max_results": 1}
    latest = _ask(server, "runs", experiment_ids=sorted(experiments), **last).get("runs", [])
    if not latest:
        return nothing
    first = latest[0]["info"]["experiment_id"]
    lines = [f"Study {_study(experiments[first])}, the last to be trained:"]
    lines += [f"  {words:<24}{address}" for words, address in _views(server, experiments[first])]
    others = [experiment for key, experiment in experiments.items() if key != first]
    if others:
        lines.append("Other studies:")
        lines += [f"  {_study(experiment):<24}{_views(server, experiment)[0][1]}" for experiment in others]
    return lines


def _views(server: str, experiment: dict[str, Any]) -> list[tuple[str, str]]:
    key = experiment["experiment_id"]
    if f"{PREFIX}{CELLS}" not in {tag["key"] for tag in experiment.get("tags", [])}:
        # logged by an earlier version: `python src/track.py` adds the views
        return [("all runs", f"{server}/#/experiments/{key}/runs?{TRAINING}")]
    return [
        ("cells, as charts", view_address(server, key, CELLS, charts=True)),
        ("cells, as a table", view_address(server, key, CELLS, charts=False)),
        ("how they learned", view_address(server, key, LEARNING, charts=True)),
        ("cells, seeds below them", view_address(server, key, SEEDS, charts=False)),
    ]


def _study(experiment: dict[str, Any]) -> str:
    return str(experiment["name"]).removeprefix("whyrelu/")


def _ask(server: str, what: str, **body: Any) -> dict[str, Any]:
    address = f"{server}/api/2.0/mlflow/{what}/search"
    request = Request(address, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer
