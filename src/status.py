"""What is done, failed and missing of a grid of runs.

python src/status.py                                            the study of params.yaml
python src/status.py activation=relu,sigmoid depth=4,8 seed=0   any other grid
"""

import gc

from whyrelu.commandline import overrides_from_arguments, reports_errors
from whyrelu.interruption import end_on_signals


@reports_errors
def main() -> None:
    """Print a table of activations by depth, the failures, and the command that does what is missing."""
    overrides = overrides_from_arguments(__doc__)
    if not overrides:
        from whyrelu.config.study import study_overrides

        overrides = study_overrides()

    from whyrelu.runs.plan import plan
    from whyrelu.runs.status import print_status

    # a grid is made of many small objects, and has no cycles that a collector could find in them
    gc.disable()
    print_status(plan(overrides), overrides)


if __name__ == "__main__":
    end_on_signals()
    main()
