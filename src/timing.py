"""Time the activations and nets of a study on this machine: results/<study>/timing.json.

Nothing else should run meanwhile. Takes the same settings as the sweep, and spends timing.seconds:
  python src/timing.py experiment=digits activation=relu,sigmoid depth=2,4 'seed=range(0,10)'
  python src/timing.py study=mine depth=4 activation=relu,gelu,sigmoid timing=quick
"""

from whyrelu.commandline import overrides_from_arguments, reports_errors
from whyrelu.interruption import end_on_signals


@reports_errors
def main() -> None:
    """Time the study that the command line plans."""
    overrides = overrides_from_arguments(__doc__)

    from pathlib import Path

    from whyrelu.config.composition import compose_grid
    from whyrelu.data.prepare import prepare
    from whyrelu.errors import UserError
    from whyrelu.results.files import write_json

    configs = [job.config for job in compose_grid(overrides, look_up=False)]
    if len({config["study"] for config in configs}) > 1:
        raise UserError("these settings belong to several studies; time one at a time")
    for config in {str(config["data"]): config for config in configs}.values():
        prepare(config["data"], Path(config["prepared_root"]))

    from whyrelu.timing.stage import time_study, write_timing

    study, prepared = configs[0]["study"], Path(configs[0]["prepared_root"])
    timing = time_study(configs, lambda line: print(line, flush=True))
    path = Path("results") / study / "timing.json"
    write_timing(timing, path)
    # unlike timing.json it is not committed: a fresh clone is another machine, and DVC measures there
    write_json(timing["machine"], prepared / f"{study}-timing.json")
    for what in timing["left_out"]:
        print(f"left out, as it would take too long: {what}")
    count = sum(len(timing[kind]) for kind in ("op", "step", "subnormal"))
    print(f"{count} times, {timing['seconds']:.0f} s -> {path}")


if __name__ == "__main__":
    end_on_signals()
    main()
