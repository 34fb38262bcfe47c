"""Measure whyrelu beside the common template way and a bare loop, and write reports/benchmark/README.md.

python benchmarks/run.py                     everything, about twenty minutes; nothing else should run meanwhile
python benchmarks/run.py --quick depth=4     ratios at one depth in about a minute; nothing is written
python benchmarks/run.py parts=sweep,peak    these parts anew, the others as they were measured

depth=4,8,16 precision=32-true,bf16-mixed threads=1,2 repetitions=3 epochs=2 narrow or widen what is measured.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.options import Options  # noqa: E402
from whyrelu.commandline import overrides_from_arguments, reports_errors  # noqa: E402


@reports_errors
def main() -> None:
    """Measure what the command line asks for."""
    quick = "--quick" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--quick"]
    options = Options.parse(overrides_from_arguments(__doc__, arguments), quick)

    from benchmarks import machine, parts, table
    from benchmarks.synthetic import make

    make(options.data)
    if quick:
        print(table.throughput(parts.throughput(options), options))
        return

    from benchmarks.page import write_page
    from whyrelu.results.files import write_json

    parts.same_machine(options.output, options.parts)
    for part in options.parts:
        print(f"measuring: {part}", flush=True)
        when = machine.moment()
        found: Any = parts.PARTS[part](options)
        results = parts.read(options.output)
        results["measured"] = results.get("measured", {}) | {part: when}
        # each part is safe as soon as it is measured
        write_json(results | {part: found}, options.output)
    print(f"report: {write_page(options.output, options.report)}")


if __name__ == "__main__":
    main()
