"""Compare the results of a study in this checkout with those in another, times aside.

python src/compare.py digits ../other-checkout

On the same kind of processor all must be the same. On another kind verdicts must be, and so must predictions within a
thousandth; what was trained there is another sample, because learning rates may fall out otherwise.
"""

import argparse
from pathlib import Path

from whyrelu.commandline import reports_errors


@reports_errors
def main() -> None:
    """Print what differs; leave with an exit code of 1 if anything does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="its tables are read from results/<study>/")
    parser.add_argument("other", help="another checkout of this project", type=Path)
    given = parser.parse_args()
    from whyrelu.errors import UserError
    from whyrelu.results.comparison import compare

    found = compare(Path("results") / given.study, given.other / "results" / given.study)
    if found.differences:
        raise UserError("; ".join(found.differences))
    print(found.verdict)


if __name__ == "__main__":
    main()
