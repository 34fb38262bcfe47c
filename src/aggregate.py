"""Make the tables of a study from its finished runs, and the effects that its claims are decided by: results/<study>/.

Takes the same settings as the sweep that trained them:
  python src/aggregate.py experiment=digits
  python src/aggregate.py study=mine activation=relu,sigmoid depth=2,4 'seed=range(0,10)'
"""

from whyrelu.commandline import overrides_from_arguments, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        overrides = overrides_from_arguments(__doc__)
        from whyrelu.claims.decide import write_effects
        from whyrelu.results.aggregation import aggregate
        from whyrelu.tuning.rates import compose_tuned_grid

        study = aggregate(compose_tuned_grid(overrides), overrides)
        write_effects(study)
        print(f"{len(study.runs)} runs -> {study.folder}")
