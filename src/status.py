"""What is done, failed and missing of a grid of runs.

python src/status.py                                            the study of params.yaml
python src/status.py activation=relu,sigmoid depth=4,8 seed=0   any other grid
"""

from whyrelu.commandline import overrides_from_arguments, overrides_of_params, reports_errors


@reports_errors
def main() -> None:
    """Print a table of activations by depth, the failures, and the command that does what is missing."""
    overrides = overrides_from_arguments(__doc__) or overrides_of_params()
    from whyrelu.runs.plan import identify
    from whyrelu.runs.status import print_status
    from whyrelu.tuning.rates import compose_tuned_grid

    print_status(identify(compose_tuned_grid(overrides)), overrides)


if __name__ == "__main__":
    main()
