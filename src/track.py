"""Make MLflow show every finished run, and each cell's summary over its seeds; what is there already stays as it is.

python src/track.py                                              all studies below runs/
python src/track.py study=digits                                 one of them
python src/track.py mlflow.tracking_uri=http://localhost:5000    to a server
"""

import os
from pathlib import Path

from whyrelu.commandline import fail, overrides_from_arguments, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        overrides = overrides_from_arguments(__doc__)
        from whyrelu.config.grid import compose
        from whyrelu.tracking import synchronise, without_password

        config = compose(overrides)
        uri = config["mlflow"]["tracking_uri"]
        if uri is None:
            fail("mlflow.tracking_uri is null, which switches tracking off; give an address")
        # by default the study is called after the data set: only one that was typed narrows what is tracked
        is_typed = any(override.lstrip("+").startswith("study=") for override in overrides)
        folders = [config["study"], f"{config['study']}-tuning"] if is_typed else None
        counts = synchronise(uri, Path(config["run_root"]), folders)
        print(f"written: {counts.runs} runs, {counts.cells} cells; there already: {counts.unchanged} runs")
        server = without_password(uri).rstrip("/")
        if not server.startswith("http"):
            port = os.environ.get("MLFLOW_PORT", "5000")
            print(f"to look at it: mlflow ui --backend-store-uri {server} --port {port}")
            server = f"http://127.0.0.1:{port}"
        for name, experiment in counts.experiments.items():
            # charts, because the list shows neither accuracy nor outcome until a person adds columns
            address = f"{server}/#/experiments/{experiment}/runs?workflowType=machine_learning&compareRunsMode=CHART"
            print(f"{name}: {address}", flush=True)
