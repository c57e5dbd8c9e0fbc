"""device=host: this machine."""

import os
import subprocess
import sys
from pathlib import Path

from nas.errors import NasError
from nas.recording.devices.base import Device, Report


def measure_here(folder: Path, report: Report) -> None:
    """Measure in a process of its own that ends with this one.

    Raises:
        NasError: the measuring failed; the message is its last line.
    """
    line = [sys.executable, str(folder / "runner.py"), str(folder), "--parent", str(os.getpid())]
    last = ""
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        try:
            for text in process.stdout:
                last = text.strip()
                report(last)
            process.wait()
        except BaseException:
            process.terminate()
            raise
    if process.returncode == 130:
        raise KeyboardInterrupt
    if process.returncode:
        raise NasError(f"measuring failed: {last.removeprefix('error: ')}")


HOST = Device(open=lambda reach, name: measure_here)
