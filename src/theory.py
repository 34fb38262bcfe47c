"""Print what mean-field theory predicts for every layer of a network at initialisation, before any training.

  python src/theory.py activation=gelu init=he depth=16

With -m and the settings of a sweep, write the predictions of all its cells to results/<study>/theory.parquet, and the
activations drawn from their callables to functions.parquet:
  python src/theory.py -m experiment=digits
"""

import sys

from whyrelu.commandline import overrides_from_arguments, reports_errors


@reports_errors
def main() -> None:
    """Print one prediction, or write those of a grid."""
    overrides = overrides_from_arguments(__doc__)
    from whyrelu.config.grid import compose, one_per_cell
    from whyrelu.runs.plan import one_study, prepare_data
    from whyrelu.theory.printing import print_prediction
    from whyrelu.theory.tables import write_predictions
    from whyrelu.tuning.rates import compose_tuned_grid, with_tuned_rate

    if not {"-m", "--multirun"} & set(sys.argv):
        config = with_tuned_rate(compose(overrides))
        prepare_data([config])
        print_prediction(config)
        return

    cells = one_per_cell(compose_tuned_grid(overrides))
    one_study(run.config for run in cells)
    prepare_data(run.config for run in cells)
    print(write_predictions(cells))


if __name__ == "__main__":
    main()
