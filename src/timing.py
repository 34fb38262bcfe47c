"""Time the activations and nets of a study on this machine: results/<study>/timing.json.

Nothing else should run meanwhile. Takes the same settings as the sweep, and spends timing.seconds:
  python src/timing.py experiment=digits
  python src/timing.py study=mine depth=4 activation=relu,gelu,sigmoid timing=quick
"""

from pathlib import Path

from whyrelu.commandline import overrides_from_arguments, reports_errors


@reports_errors
def main() -> None:
    """Time the study that the command line plans."""
    overrides = overrides_from_arguments(__doc__)
    from whyrelu.config.grid import compose_grid, one_per_cell
    from whyrelu.files import write_json
    from whyrelu.runs.plan import one_study, prepare_data
    from whyrelu.timing.stage import time_study, write_timing

    configs = [run.config for run in one_per_cell(compose_grid(overrides))]
    study = one_study(configs)
    prepare_data(configs)
    timing = time_study(configs, lambda line: print(line, flush=True))
    path = Path("results") / study / "timing.json"
    write_timing(timing, path)
    # unlike timing.json it is not committed: a fresh clone is another machine, and DVC measures there
    write_json(timing["machine"], Path(configs[0]["prepared_root"]) / f"{study}-timing.json")
    for what in timing["left_out"]:
        print(f"left out, as it would take too long: {what}")
    count = sum(len(timing[kind]) for kind in ("op", "step", "subnormal"))
    print(f"{count} times, {timing['seconds']:.0f} s -> {path}")


if __name__ == "__main__":
    main()
