"""What is done, failed and missing of a grid of runs.

python src/status.py experiment=digits
python src/status.py activation=relu,sigmoid depth=4,8 seed=0
"""

from whyrelu.commandline import overrides_from_arguments, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        overrides = overrides_from_arguments(__doc__)
        from whyrelu.runs.plan import identify
        from whyrelu.runs.status import print_status
        from whyrelu.tuning.rates import compose_tuned_grid

        print_status(identify(compose_tuned_grid(overrides)), overrides)
