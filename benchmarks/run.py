"""Measure whyrelu beside a bare PyTorch loop and the common Lightning way (our stand-in).

python benchmarks/run.py                            results/benchmark and reports/benchmark; about forty minutes
python benchmarks/run.py --quick                    smaller and fewer, into build/benchmark; five minutes

Nothing else should run meanwhile.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from joblib import cpu_count

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks import commands, data, throughput  # noqa: E402
from benchmarks.report import write_page  # noqa: E402
from whyrelu.runs.provenance import provenance  # noqa: E402

# training images by depth: about a second of training; the depths of the sweep, and the images of its runs
FULL = {4: 4096, 8: 2048, 16: 1024}, (4, 8, 16), 1024
QUICK = {4: 1024}, (1, 2, 4), 256


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="depth 4 alone, fewer images, 2 pairs")
    quick = parser.parse_args().quick
    results, report = (ROOT / ("build" if quick else folder) / "benchmark" for folder in ("results", "reports"))
    results.mkdir(parents=True, exist_ok=True)
    measure(2 if quick else 10, quick, results / "benchmark.json")
    print(f"report: {write_page(results / 'benchmark.json', report)}")


def measure(pairs: int, quick: bool, results: Path) -> None:
    """Measure everything once per repetition, so that what is compared was measured within a minute or two."""
    # Lightning advises the stand-in to do otherwise
    os.environ["PYTHONWARNINGS"] = "ignore"
    images, depths, swept = QUICK if quick else FULL
    rows: list[dict[str, Any]] = []
    facts = provenance() | {
        "started": datetime.now(UTC).isoformat(timespec="minutes"),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "quick": quick,
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data.make(root)
        # the first run on a machine makes whyrelu's arrays and MLflow's database
        commands.timed([*commands.typed("ours", "32-true", root, root / "first", 512), "depth=1"])
        for repetition in range(pairs):
            trained = throughput.measure_all(root, repetition, images)
            found = [*trained, *commands.measure_all(root, repetition, depths, swept)]
            rows += [row | {"repetition": repetition} for row in found]
            # what is measured is safe
            results.write_text(json.dumps(facts | {"pairs": repetition + 1, "rows": rows}, indent=1) + "\n")
            print(f"measured {repetition + 1} of {pairs} times", flush=True)


if __name__ == "__main__":
    main()
