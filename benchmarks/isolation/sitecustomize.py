"""Python runs this at its start where it is on PYTHONPATH: it keeps other checkouts of whyrelu out of what is measured.

An editable install puts src/ of one checkout on the path of all, and Hydra would find the plugins of that one too.
"""

import os
import sys
from pathlib import Path

_OWN = os.environ["PYTHONPATH"].split(os.pathsep)
sys.path[:] = [entry for entry in sys.path if entry in _OWN or not (Path(entry) / "whyrelu/__init__.py").is_file()]
