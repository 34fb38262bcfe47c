"""Compare the results of a study in this checkout with those in another, times aside.

python src/compare.py digits ../other-checkout
"""

from whyrelu.commandline import reports_errors
from whyrelu.interruption import end_on_signals


@reports_errors
def main() -> None:
    """Print what differs; leave with an exit code of 1 if anything does."""
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="its tables are read from results/<study>/")
    parser.add_argument("other", help="another checkout of this project", type=Path)
    given = parser.parse_args()

    from whyrelu.errors import UserError
    from whyrelu.results.comparison import differences

    found = differences(Path("results") / given.study, given.other / "results" / given.study)
    if found:
        raise UserError("; ".join(found))
    print("the same, times aside")


if __name__ == "__main__":
    end_on_signals()
    main()
