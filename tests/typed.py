"""The commands of src/ as a person types them, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"
# Seconds after which a command is taken to hang: many times what any takes, since others share the cores.
PATIENCE = 900


def python(folder: Path, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of src/ in a folder with further environment variables, and wait for its end."""
    return subprocess.run(
        [sys.executable, str(SOURCE / script), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | environment,
        check=False,
    )
