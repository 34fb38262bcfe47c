"""Time the activations and networks of a study on this machine: results/<study>/timing.json.

Nothing else should run meanwhile. Takes the same settings as the sweep, and about timing.seconds:
  python src/timing.py experiment=digits
  python src/timing.py study=mine depth=4 activation=relu,gelu,sigmoid timing=quick
"""

from whyrelu.commandline import overrides_from_arguments, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        overrides = overrides_from_arguments(__doc__)
        from whyrelu.config.grid import compose_grid
        from whyrelu.timing.stage import time_runs

        print(time_runs(compose_grid(overrides)))
