"""device=adb: an Android device, measured by Termux's Python, by another Python there, or by onnxruntime_perf_test."""

import os
from functools import partial
from pathlib import Path

from nas.errors import ConfigError
from nas.recording.devices.base import Device, Measure, Reach, require_file
from nas.recording.devices.link import Link, measure_there
from nas.recording.devices.perf_test import measure_with

_TERMUX = "/data/data/com.termux/files"
_DROP = "/data/local/tmp/nas-record"
_USB = "`adb devices` must list it as `device`: connect it, allow USB debugging, confirm this computer on its screen"
_NO_RUN_AS = (
    "adb may enter Termux only if that is a debug build (those of its GitHub releases are); with any other, run sshd "
    "in Termux, `adb forward tcp:8022 tcp:8022`, and device=ssh host=127.0.0.1 port=8022"
)


def check_adb(reach: Reach) -> None:
    """Refuse two ways of measuring at once, and a binary that is not there."""
    if reach.python is not None and reach.perf_test is not None:
        raise ConfigError("python and perf_test do not go together: the one or the other measures")
    require_file("perf_test", reach.perf_test)


def open_adb(reach: Reach, name: str) -> Measure:
    """Measure with Termux's Python, another one, or a binary that is sent there."""
    python = reach.python or f"{_TERMUX}/usr/bin/python"
    termux = reach.perf_test is None and python.startswith(_TERMUX)
    remote = reach.remote or (f"nas-record/{name}" if termux else f"{_DROP}/{name}")
    link = _link(reach.serial, name, termux)
    if reach.perf_test is not None:
        return partial(measure_with, link, Path(os.path.expanduser(reach.perf_test)), remote)
    return partial(measure_there, link, python, remote)


def _link(serial: str | None, name: str, termux: bool) -> Link:
    """By adb, to its one device or that of `serial`; `termux`: as that app, whose files others cannot see."""
    adb = ("adb", *(() if serial is None else ("-s", serial)))
    advice = {
        "more than one device": "several devices are connected; choose one of `adb devices` with serial=…",
        "no devices": _USB,
        "device unauthorized": _USB,
        "device offline": _USB,
        f"device '{serial}' not found": _USB,
        "not debuggable": _NO_RUN_AS,
        "unknown package": "it has no Termux; install that, or give python=… or perf_test=…",
    }
    prefix = "run-as com.termux " if termux else ""
    setting = (
        f"export HOME={_TERMUX}/home TMPDIR={_TERMUX}/usr/tmp PATH={_TERMUX}/usr/bin:$PATH; cd; " if termux else ""
    )
    install = "pkg install python-numpy python-onnxruntime" if termux else "pip install numpy onnxruntime"
    label = "the device of adb" if serial is None else serial
    drop = f"/data/local/tmp/nas-record-{name}.tar"
    return Link(label, (*adb, "shell"), advice, install, prefix, setting, (*adb, "push"), drop)


ADB = Device(open_adb, takes=("serial", "python", "perf_test", "remote"), check=check_adb)
