"""Compare the results of a study in this checkout with those in another, times aside.

python src/compare.py digits ../other-checkout

On the same kind of machine all tables must be the same. On another, what was trained is another sample: every cell says
whether the two agree, differ, or have too few seeds to tell. The exit code is 1 where something differs that must not.
"""

import argparse
from pathlib import Path

from whyrelu.commandline import fail, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("study", help="its tables are read from results/<study>/")
        parser.add_argument("other", help="another checkout of this project", type=Path)
        given = parser.parse_args()
        from whyrelu.results.comparison import compare

        found = compare(Path("results") / given.study, given.other / "results" / given.study)
        for line in found.lines:
            print(line, flush=True)
        if not found.passes:
            fail(found.verdict)
        print(found.verdict)
