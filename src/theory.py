"""Print what mean-field theory predicts for every layer of a network at initialisation, before any training.

  python src/theory.py activation=gelu init=he depth=16

docs/method.md explains q, chi and decades, and src/whyrelu/results/columns.py all columns (THEORY_COLUMNS).

With -m and the settings of a sweep, write the predictions of all its cells to results/<study>/theory.parquet:
  python src/theory.py -m experiment=digits
"""

import sys

from whyrelu.commandline import overrides_from_arguments, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        overrides = overrides_from_arguments(__doc__)
        from whyrelu.config.grid import compose
        from whyrelu.theory.printing import print_prediction
        from whyrelu.theory.tables import write_predictions
        from whyrelu.tuning.rates import compose_tuned_grid, with_tuned_rate

        if {"-m", "--multirun"} & set(sys.argv):
            print(write_predictions(compose_tuned_grid(overrides)))
        else:
            print_prediction(with_tuned_rate(compose(overrides)))
