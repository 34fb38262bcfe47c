"""Decide the claims of a study anew from its tables in results/<study>/, and say which verdicts have changed.

For claims of conf/claims/ that are new or have changed, such as one with another margin. No run is needed: what is
published can be decided anew in any checkout.
  python src/decide.py digits && python src/report.py digits
  python src/decide.py --all && python src/report.py --all
"""

from whyrelu.commandline import add_studies, named_studies, reports_errors


@reports_errors
def main() -> None:
    """Decide, and print a line per verdict that changed."""
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_studies(parser)
    given = parser.parse_args()

    from collections import Counter

    from whyrelu.claims.decide import decide_anew
    from whyrelu.errors import UserError

    results = Path("results")
    studies = named_studies(given, results)
    if given.all and not studies:
        raise UserError("no folder in results/ has a claims.json: python src/aggregate.py writes it")
    for study in studies:
        decided = decide_anew(results / study)
        for change in decided.changes:
            print(f"{study}: {change.id} is {change.after}, and was {change.before}")
        counts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(decided.verdicts.values()).items())
        changed = len(decided.changes) or "none"
        print(f"{study}: of {len(decided.verdicts)} claims {counts}; {changed} decided otherwise than before")


if __name__ == "__main__":
    main()
