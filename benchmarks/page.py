"""The page of the benchmark, from what was measured: python benchmarks/page.py writes it without measuring again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks import figures, tables  # noqa: E402
from benchmarks.acceptance import THREADS, lines  # noqa: E402
from benchmarks.overhead import EPOCHS as SHORT_EPOCHS  # noqa: E402
from benchmarks.parts import read  # noqa: E402
from benchmarks.reading import sentences  # noqa: E402
from whyrelu.errors import UserError  # noqa: E402
from whyrelu.report.style import drawing, save_svg  # noqa: E402
from whyrelu.report.templating import markdown_environment  # noqa: E402
from whyrelu.results.files import write_bytes  # noqa: E402


def write_page(results: Path, target: Path) -> Path:
    """Write the page and its figures.

    Args:
        results: the file that `benchmarks/run.py` writes.
        target: the folder of the page.

    Returns:
        path of the page.

    Raises:
        UserError: nothing was measured yet.
    """
    found = read(results)
    if not found:
        raise UserError(f"{results} is missing: make bench writes it")
    with drawing():
        drawn = {}
        if found.get("throughput"):
            drawn["throughput"] = figures.throughput_figure(found["throughput"])
        if found.get("sweep"):
            drawn["sweep"] = figures.sweep_figure(tables.sweep_bars(found["sweep"], found.get("machine")))
        if found.get("breakdown"):
            drawn["breakdown"] = figures.breakdown_figure(found["breakdown"])
        for name, figure in drawn.items():
            save_svg(figure, target / "figures" / f"{name}.svg")
    page = target / "README.md"
    write_bytes(render(found).encode(), page)
    return page


def render(found: Mapping[str, Any]) -> str:
    """Return the page as Markdown, of whatever parts were measured."""
    environment = markdown_environment(ROOT / "benchmarks")
    targets = lines(found)
    asked = [line for line in targets if line.is_target and line.found is not None]
    context = {
        "met": sum(line.met is True for line in asked),
        "asked": len(asked),
        "unmeasured": sum(line.is_target and line.found is None for line in targets),
        "targets": tables.targets(targets),
        "sentences": sentences(found),
        "threads": THREADS,
        "throughput": {
            threads: tables.throughput(found["throughput"], threads)
            for threads in sorted({row["threads"] for row in found.get("throughput", [])})
        },
        "sweep": tables.sweep(found["sweep"]) if found.get("sweep") else None,
        "sweep_size": found["sweep"][0] if found.get("sweep") else None,
        "peak": tables.peak(found) if found.get("peak") else None,
        "use": tables.use(found) if found.get("peak") and found.get("throughput") else None,
        "breakdown": tables.breakdown(found["breakdown"]) if found.get("breakdown") else None,
        "startup": tables.startup(found["startup"]) if found.get("startup") else None,
        "overhead": tables.overhead(found["overhead"]) if found.get("overhead") else None,
        "workers": found["overhead"]["warm"][0]["workers"] if found.get("overhead") else None,
        "short_epochs": SHORT_EPOCHS,
        "startup_repetitions": max((len(row["seconds"]) for row in found.get("startup") or []), default=0),
        "diagnostics": tables.diagnostics(found["overhead"]) if found.get("overhead") else None,
        "precision": tables.precision(found["precision"]) if found.get("precision") else None,
        "moments": tables.moments(found["measured"]) if found.get("measured") else None,
        "machine": tables.machine(found["machine"]) if found.get("machine") else None,
    }
    return environment.get_template("page.md.jinja").render(context)


def main() -> None:
    """Write the page again."""
    from benchmarks.options import Options
    from whyrelu.commandline import overrides_from_arguments, reports_errors

    @reports_errors
    def write() -> None:
        options = Options.parse(overrides_from_arguments(__doc__))
        print(f"report: {write_page(options.output, options.report)}")

    write()


if __name__ == "__main__":
    main()
