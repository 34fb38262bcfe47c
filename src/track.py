"""Make MLflow show every finished run, and each cell's summary over its seeds; what is there already stays as it is.

python src/track.py                                              all studies below runs/
python src/track.py study=digits                                 one of them
python src/track.py mlflow.tracking_uri=http://localhost:5000    to a server
"""

from whyrelu.commandline import overrides_from_arguments, reports_errors
from whyrelu.interruption import end_on_signals


@reports_errors
def main() -> None:
    """Complete or rebuild the view of runs/ in MLflow."""
    overrides = overrides_from_arguments(__doc__)

    from pathlib import Path

    from whyrelu.config.composition import compose
    from whyrelu.errors import UserError
    from whyrelu.tracking.synchronisation import synchronise, ui_command

    config = compose(overrides)
    uri = config.mlflow.tracking_uri
    if uri is None:
        raise UserError("mlflow.tracking_uri is null, which switches tracking off; give an address")
    # By default the study is called after the data set: only one that was typed narrows what is tracked.
    study = config.study if any(override.lstrip("+").startswith("study=") for override in overrides) else None
    counts = synchronise(uri, Path(config.run_root), study)
    if counts.runs == counts.cells == 0:
        print(f"nothing to do: all {counts.unchanged} runs are there")
    else:
        print(f"written: {counts.runs} runs, {counts.cells} cells; there already: {counts.unchanged} runs")
    print(ui_command(uri))


if __name__ == "__main__":
    end_on_signals()
    main()
