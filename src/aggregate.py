"""Make the tables of a study from its finished runs, and decide its claims: results/<study>/.

Takes the same settings as the sweep that trained them:
  python src/aggregate.py experiment=digits activation=relu,sigmoid depth=2,4 'seed=range(0,10)'
"""

from whyrelu.commandline import overrides_from_arguments, reports_errors
from whyrelu.interruption import end_on_signals


@reports_errors
def main() -> None:
    """Aggregate the runs that the command line plans."""
    overrides = overrides_from_arguments(__doc__)

    import shlex
    from collections import Counter
    from pathlib import Path

    from whyrelu.claims.declaration import declared_thresholds, read_claims
    from whyrelu.claims.study import decide_study
    from whyrelu.results.aggregation import aggregate, finished_records
    from whyrelu.results.given_rates import compares_tuned_with_given, trained_id, with_given_lr
    from whyrelu.runs.plan import plan
    from whyrelu.runs.store import RECORD, RunStore

    claims = read_claims()
    planned = plan(overrides)
    store = RunStore(Path(planned[0].config["run_root"]))
    directory = Path("results") / planned[0].config["study"]
    run_ids = [run.run_id for run in planned]
    given = {run.run_id: run.given_lr for run in planned}
    asked = {
        "question": planned[0].config["question"],
        "given_lr": list(dict.fromkeys(way for ways in given.values() for way in ways)),
    }
    data = [run.config["data"] for run in planned]
    notes = {found["name"]: found["note"] for found in data if found["note"]}
    del planned, data
    command = shlex.join(["python", "src/train.py", "-m", *overrides])
    finished = finished_records(
        store.records_of(run_ids),
        command,
        lambda: [path for path in map(store.damage, run_ids) if path is not None and path.name == RECORD],
    )
    is_compared = compares_tuned_with_given(way for ways in given.values() for way in ways)
    aggregate(
        with_given_lr(finished, given) if is_compared else finished,
        lambda record: store.layers({**record, "run_id": trained_id(record["run_id"])}),
        overrides,
        directory,
        lambda name: declared_thresholds(claims, name),
        notes,
        asked,
    )
    verdicts = Counter(entry["verdict"] for entry in decide_study(claims, directory))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    print(f"{len(run_ids)} runs -> {directory}; of {len(claims)} claims {counts}")


if __name__ == "__main__":
    end_on_signals()
    main()
