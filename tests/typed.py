"""The commands of src/ as a person types them: processes of their own, in some folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"


def python(folder: Path, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of src/ in a folder, with further variables of the environment, and wait for its end."""
    return subprocess.run(
        [sys.executable, str(SOURCE / script), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | environment,
        check=False,
    )
