"""Where a bundle is measured. A device is a function that runs the bundle in a folder.

It gets the folder and a function to report lines of progress to, measures what `results.jsonl` lacks, and
returns when the rows are in that file. Whatever ends it early leaves the rows finished so far.
"""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from nas.errors import NasError

Report = Callable[[str], None]
Device = Callable[[Path, Report], None]

README = """\
Needs Python 3.9 or newer with numpy and onnxruntime:  python -m pip install numpy onnxruntime
Run:  python runner.py      (stop it at any instant; the same command goes on from there)
Bring results.jsonl back:  python -m nas.record hardware={name} import=results.jsonl
"""


def run_here(folder: Path, report: Report) -> None:
    """Measure on this machine, in a process of its own that ends with this one.

    Raises:
        NasError: the measuring failed; the message is its last line.
    """
    line = [sys.executable, str(folder / "runner.py"), str(folder), "--parent", str(os.getpid())]
    last = ""
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
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


DEVICES: dict[str, Device] = {"host": run_here}


def zip_bundle(folder: Path, archive: Path, name: str) -> None:
    """Write the bundle in `folder` as one zip, to be run by hand."""
    part = archive.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", README.format(name=name))
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".onnx", ".py", ".json"):
                bundle.write(path, path.relative_to(folder))
    os.replace(part, archive)
