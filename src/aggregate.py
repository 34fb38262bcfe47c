"""Make the tables of a study from its finished runs, and decide its claims: results/<study>/.

Takes the same settings as the sweep that trained them:
  python src/aggregate.py experiment=digits
  python src/aggregate.py study=mine activation=relu,sigmoid depth=2,4 'seed=range(0,10)'
"""

from whyrelu.commandline import overrides_from_arguments, reports_errors


@reports_errors
def main() -> None:
    """Aggregate the runs that the command line plans."""
    overrides = overrides_from_arguments(__doc__)
    from whyrelu.claims.study import aggregate_study

    print(aggregate_study(overrides))


if __name__ == "__main__":
    main()
