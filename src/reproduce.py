"""Train runs of a published study once more, and compare them with its tables bit for bit.

python src/reproduce.py digits                  # three runs, evenly spread over the study
python src/reproduce.py digits --runs 10
python src/reproduce.py digits 0a1b2c 3d4e5f    # these runs; the beginning of an id is enough

The runs of this checkout are neither used nor changed.
"""

import argparse
from pathlib import Path

from whyrelu.commandline import fail, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("study", help="its tables are read from results/<study>/")
        parser.add_argument("run", nargs="*", help="id of a run, or its beginning")
        parser.add_argument("--runs", type=int, default=3, help="how many, where none is named")
        given = parser.parse_args()
        from whyrelu.results.reproduction import published_overrides, reproduce
        from whyrelu.results.study import Study
        from whyrelu.tuning.rates import compose_tuned_grid

        study = Study(Path("results") / given.study)
        runs = compose_tuned_grid(published_overrides(study))
        if found := reproduce(study, runs, given.run, given.runs):
            fail("; ".join(found))
        print("identical")
