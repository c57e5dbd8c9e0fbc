"""device=bundle: a zip to be run by hand on any machine; its results.jsonl comes back with import=."""

import zipfile
from functools import partial
from pathlib import Path

from nas.recording.devices.base import Device, Report
from nas.recording.rows import read_plan
from nas.resources import replacing

_README = """\
Needs Python 3.9 or newer with numpy and onnxruntime:  python -m pip install numpy onnxruntime
Run:  python runner.py      (stop it at any instant; the same command goes on from there)
Bring results.jsonl back:  python -m nas.record hardware={name} import=results.jsonl
"""


def zip_bundle(name: str, folder: Path, report: Report) -> None:
    """Write the bundle in `folder` as NAME.bundle.zip into the working folder, and say what to do with it."""
    archive = Path(f"{name}.bundle.zip")
    with replacing(archive) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", _README.format(name=name))
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".onnx", ".py", ".json"):
                bundle.write(path, path.relative_to(folder))
    plan = read_plan(folder)
    minutes = plan["minutes"] * len(plan["configurations"])
    report(
        f"{archive} ({archive.stat().st_size / 1e6:.1f} MB) measures for about {minutes:g} minutes.\n"
        "Unpack it on the device and run it (Python 3.9 or newer, numpy, onnxruntime):\n"
        "  python runner.py\n"
        f"Bring results.jsonl back:\n  python -m nas.record hardware={name} import=results.jsonl"
    )


BUNDLE = Device(open=lambda reach, name: partial(zip_bundle, name), by_hand=True)
