"""Choose the learning rate of every cell of a study: results/<study>/lr.csv, which lr=tuned looks up.

Takes the settings of the sweep, and trains through train.py; what is done already is not trained again:
  python src/tune.py -m experiment=digits
  python src/tune.py -m study=mine activation=relu,sigmoid depth=2,4 lr=tuned
"""

import runpy
import sys
from pathlib import Path

from whyrelu.commandline import overrides_from_arguments, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        sys.argv[1:] = ["-m", "hydra/sweeper=tuning", *overrides_from_arguments(__doc__)]
        runpy.run_path(str(Path(__file__).with_name("train.py")), run_name="__main__")
