"""The interpreter of the tests, as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def python(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the interpreter of the tests, warnings as they are, terminal 80 columns wide."""
    environment = {**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", **(env or {})}
    for name in ("FORCE_COLOR", "PYTHONWARNINGS", "TTY_COMPATIBLE"):
        environment.pop(name, None)
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, cwd=cwd, check=False)
