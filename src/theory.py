"""Print what mean-field theory predicts for every layer of a network at initialisation, before any training.

  python src/theory.py activation=gelu init=he depth=16

With -m and the settings of a sweep, write the predictions of all its cells to results/<study>/theory.parquet, and the
activations drawn from their callables to functions.parquet:
  python src/theory.py -m experiment=digits activation=relu,sigmoid depth=2,4 'seed=range(0,10)'
"""

import sys

from whyrelu.commandline import overrides_from_arguments, reports_errors
from whyrelu.interruption import end_on_signals


@reports_errors
def main() -> None:
    """Print one prediction, or write those of a grid."""
    overrides = overrides_from_arguments(__doc__)
    is_sweep = "-m" in sys.argv or "--multirun" in sys.argv

    from pathlib import Path

    from whyrelu.config.composition import compose_grid
    from whyrelu.config.settings import one_per_cell
    from whyrelu.data.prepare import prepare
    from whyrelu.errors import UserError

    jobs = compose_grid(overrides)
    if len(jobs) > 1 and not is_sweep:
        raise UserError(f"these settings make {len(jobs)} runs: with -m their predictions are written to a file")
    cells_of_grid = one_per_cell(jobs)
    configs = [job.config for job in cells_of_grid]
    if len({config["study"] for config in configs}) > 1:
        raise UserError("these settings belong to several studies; predict one at a time")
    for config in {str(config["data"]): config for config in configs}.values():
        prepare(config["data"], Path(config["prepared_root"]))
    if not is_sweep:
        from whyrelu.theory.printing import print_prediction

        print_prediction(configs[0])
        return

    from whyrelu.results.files import write_table
    from whyrelu.results.given_rates import compares_tuned_with_given
    from whyrelu.theory.configured import Theory
    from whyrelu.theory.tables import drawn_functions, predicted_cells

    directory = Path("results") / configs[0]["study"]
    theory = Theory()
    given = [job.given_lr for job in cells_of_grid]
    cells = predicted_cells(configs, theory, given if compares_tuned_with_given(given) else None)
    functions = drawn_functions(configs, theory)
    write_table(cells, directory / "theory.parquet")
    write_table(functions, directory / "functions.parquet")
    print(f"{int((cells['layer'] == 1).sum())} cells -> {directory / 'theory.parquet'}")


if __name__ == "__main__":
    end_on_signals()
    main()
