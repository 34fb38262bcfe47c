"""A process that trains one implementation on request: JSON lines in, JSON lines out.

python -m benchmarks.worker ours|template|bare ROOT
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from benchmarks.setting import Setting
from benchmarks.synthetic import find


def main() -> None:
    """Answer requests until there are no more."""
    name, root = sys.argv[1:]
    # what the libraries print goes elsewhere
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    implementation = importlib.import_module(f"benchmarks.{name}")
    data = find(Path(root))
    print(json.dumps({"ready": name}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        setting = Setting(**request["setting"])
        cold = implementation.measure(setting.warm_up(), data, *request.get("more", []))
        found = implementation.measure(setting, data, *request.get("more", []))
        print(json.dumps(found._asdict() | {"warm_up_seconds": cold.seconds}), file=answers, flush=True)


if __name__ == "__main__":
    main()
