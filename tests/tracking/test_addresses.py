import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from synthetic import make_record, make_records
from tracking_lab import Lab
from whyrelu.tracking.addresses import addresses, wait_for
from whyrelu.tracking.client import quiet_mlflow
from whyrelu.tracking.content import cell_content, run_content
from whyrelu.tracking.shared_views import CELLS, LEARNING, PREFIX, SEEDS, shared_view_tags, view_address

pytest_plugins = ["tracking_fixtures"]


@pytest.fixture
def served(lab: Lab) -> Iterator[tuple[Lab, str]]:
    """A lab, and a server that answers with its experiments and runs as MLflow's own would."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with quiet_mlflow():
                if self.path.endswith("experiments/search"):
                    found = lab.client.search_experiments(max_results=body["max_results"], filter_string=body["filter"])
                    self._answer({"experiments": [self._experiment(experiment) for experiment in found]})
                    return
                runs = lab.client.search_runs(
                    body["experiment_ids"], body["filter"], max_results=body["max_results"], order_by=body["order_by"]
                )
            self._answer({"runs": [{"info": {"experiment_id": run.info.experiment_id}} for run in runs]})

        def _experiment(self, experiment: Any) -> dict[str, Any]:
            tags = [{"key": key, "value": value} for key, value in experiment.tags.items()]
            return {"experiment_id": experiment.experiment_id, "name": experiment.name, "tags": tags}

        def _answer(self, body: dict[str, Any]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield lab, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def later(record: dict[str, Any], study: str) -> dict[str, Any]:
    record["config"] = record["config"] | {"study": study}
    record["provenance"] = record["provenance"] | {"started": "2001-01-01T00:00:00+00:00"}
    record["run_id"] = "f" * 16
    return record


def test_the_first_address_is_of_the_study_that_was_trained_last(served: tuple[Lab, str]) -> None:
    lab, server = served
    assert "no run is logged yet" in addresses(server)[0]
    lab.add(make_record(), later(make_record(seed=1), "another"))
    lab.synchronise()
    with quiet_mlflow():
        experiment = lab.client.get_experiment_by_name("whyrelu/another").experiment_id
        other = lab.client.get_experiment_by_name("whyrelu/synthetic").experiment_id
    lines = addresses(server)
    assert lines[0] == "Study another, the last to be trained:"
    assert lines[1].endswith(view_address(server, experiment, CELLS, charts=True))
    assert lines[-1].split() == ["synthetic", view_address(server, other, CELLS, charts=True)]


def test_a_server_that_refuses_is_not_waited_for_beyond_the_time_given() -> None:
    assert not wait_for("http://127.0.0.1:9", 0.5)


def test_an_experiment_of_an_earlier_version_gets_its_views(lab: Lab) -> None:
    lab.add(make_record())
    lab.synchronise()
    with quiet_mlflow():
        experiment = lab.client.get_experiment_by_name("whyrelu/synthetic").experiment_id
        lab.client.set_experiment_tag(experiment, f"{PREFIX}{CELLS}", "{}")
        lab.synchronise()
        tags = lab.client.get_experiment(experiment).tags
    assert {key: tags[key] for key in shared_view_tags()} == shared_view_tags()


def test_views_name_metrics_that_are_logged() -> None:
    """A chart of a metric that is not there is empty; one that a view does not know is added by the UI."""
    states = {key: json.loads(value) for key, value in shared_view_tags().items()}
    cell = {point.key for point in cell_content(make_records(["relu"], [2], seeds=3)).points}
    for key in (CELLS, SEEDS):
        charts = states[f"{PREFIX}{key}"]["compareRunCharts"]
        assert cell | {"errors"} == {chart["metricKey"] for chart in charts}
        assert {column.split("`")[1] for column in states[f"{PREFIX}{key}"]["selectedColumns"]} <= cell
    run = {point.key for point in run_content(make_record()).points}
    learning = states[f"{PREFIX}{LEARNING}"]
    assert {chart["metricKey"] for chart in learning["compareRunCharts"]} <= run


def test_the_ui_of_this_mlflow_reads_what_a_view_says() -> None:
    """The page picks the state by the names of its keys: those must be in the script that MLflow delivers."""
    with quiet_mlflow():
        import mlflow
    scripts = Path(mlflow.__file__).parent / "server/js/build/static/js"
    text = "".join(path.read_text() for path in scripts.glob("main.*.js"))
    assert PREFIX in text and '"viewStateShareKey"' in text
    lists = "".join(path.read_text() for path in scripts.glob("*.chunk.js") if "modelVersionFilter" in path.read_text())
    for value in shared_view_tags().values():
        for key in json.loads(value):
            assert f'"{key}"' in text or f'"{key}"' in lists, key
