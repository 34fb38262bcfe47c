"""Execute notebooks/relu_vs_sigmoid.ipynb and write its outputs into it: `make notebook`.

What is trained is kept in notebooks/relu_vs_sigmoid/, so that a second time takes seconds.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOK = Path(__file__).resolve().parent / "relu_vs_sigmoid.ipynb"
# Seconds for one cell.
_TIMEOUT = 3600


def read(path: Path) -> NotebookNode:
    """Read a notebook."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call, no-any-return]


def sources_digest(notebook: NotebookNode) -> str:
    """Return the SHA-256 of the sources of all cells: outputs with another one are of another notebook."""
    return hashlib.sha256("\0".join(f"{cell.cell_type} {cell.source}" for cell in notebook.cells).encode()).hexdigest()


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells from the first on in a kernel of this Python, and put their outputs into the notebook.

    Args:
        notebook: gets the outputs, and the digest of the sources that made them.
        folder: where the kernel runs.

    Raises:
        CellExecutionError: a cell raised an exception.
    """
    # no times of cells in the metadata, and as many outputs as there are, however the kernel sends them
    client = NotebookClient(
        notebook,
        timeout=_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    # of which machine's Python is nobody's concern
    notebook.metadata.pop("language_info", None)
    notebook.metadata["whyrelu"] = {"executed": sources_digest(notebook)}


def main() -> None:
    """Execute the notebook in place."""
    if os.environ.get("WHYRELU_TINY"):
        sys.exit("error: WHYRELU_TINY is set: its numbers are none to publish")
    notebook = read(NOTEBOOK)
    execute(notebook, NOTEBOOK.parent)
    nbformat.write(notebook, NOTEBOOK)  # type: ignore[no-untyped-call]
    print(f"{len(notebook.cells)} cells -> {NOTEBOOK.name}")


if __name__ == "__main__":
    main()
