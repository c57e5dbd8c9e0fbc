"""Where a bundle is measured. A device is a function that runs the bundle in a folder.

It gets the folder and a function to report lines of progress to, measures what `results.jsonl` lacks, and
returns when the rows are in that file. Whatever ends it early leaves the rows finished so far.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nas.errors import ConfigError, NasError
from nas.recording.devices.link import Link, Report, measure_there
from nas.recording.devices.perf_test import measure_with

Device = Callable[[Path, Report], None]

_GOES_WITH = {
    "host": ("ssh",),
    "port": ("ssh",),
    "identity": ("ssh",),
    "serial": ("adb",),
    "perf_test": ("adb",),
    "python": ("ssh", "adb"),
    "remote": ("ssh", "adb"),
}
_SSH = ("BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4")
_TERMUX = "/data/data/com.termux/files"
_DROP = "/data/local/tmp/nas-record"
_USB = "`adb devices` must list it as `device`: connect it, allow USB debugging, confirm this computer on its screen"
_NO_RUN_AS = (
    "adb may enter Termux only if that is a debug build (those of its GitHub releases are); with any other, run sshd "
    "in Termux, `adb forward tcp:8022 tcp:8022`, and device=ssh host=127.0.0.1 port=8022"
)


@dataclass(frozen=True, slots=True)
class Target:
    """Which device, and how to reach it: settings of nas.record. None is the default of the kind."""

    kind: str = "host"
    host: str | None = None
    port: int | None = None
    identity: str | None = None
    serial: str | None = None
    python: str | None = None
    perf_test: str | None = None
    remote: str | None = None

    def __post_init__(self) -> None:
        for key, kinds in _GOES_WITH.items():
            value = getattr(self, key)
            if value is not None and self.kind not in kinds:
                raise ConfigError(f"{key} goes with device={' or device='.join(kinds)}, not with device={self.kind}")
            if isinstance(value, str) and (not value or value.startswith("-")):
                raise ConfigError(f"{key} must not be empty or begin with -, got {value!r}")
        if self.kind == "ssh" and self.host is None:
            raise ConfigError("device=ssh needs host=…, such as host=pi@10.0.0.7 or a Host of ~/.ssh/config")
        if self.port is not None and not 0 < self.port < 65536:
            raise ConfigError(f"port must be 1 to 65535, got {self.port}")
        if self.python is not None and self.perf_test is not None:
            raise ConfigError("python and perf_test do not go together: the one or the other measures")
        for key in ("identity", "perf_test"):
            file = getattr(self, key)
            if file is not None and not Path(file).expanduser().is_file():
                raise ConfigError(f"{key}: there is no file {file}")


def device(target: Target, name: str) -> Device:
    """The device `target`; `name` is the profile's, and names the folder on a device that is not this host.

    Raises:
        ConfigError: nothing can be measured on a device of that kind.
    """
    if target.kind == "host":
        return run_here
    if target.kind == "ssh":
        python, remote = target.python or "python3", target.remote or f"nas-record/{name}"
        return partial(measure_there, ssh_link(target), python, remote)
    if target.kind == "adb":
        python = target.python or f"{_TERMUX}/usr/bin/python"
        termux = target.perf_test is None and python.startswith(_TERMUX)
        remote = target.remote or (f"nas-record/{name}" if termux else f"{_DROP}/{name}")
        link = adb_link(target.serial, name, termux)
        if target.perf_test is not None:
            return partial(measure_with, link, Path(target.perf_test).expanduser(), remote)
        return partial(measure_there, link, python, remote)
    raise ConfigError(f"nothing is measured with device={target.kind}")


def ssh_link(target: Target) -> Link:
    """By the system's OpenSSH client; its own settings (~/.ssh/config) hold. It never asks for anything."""
    options = [argument for option in _SSH for argument in ("-o", option)]
    if target.port is not None:
        options += ["-p", str(target.port)]
    if target.identity is not None:
        options += ["-i", str(Path(target.identity).expanduser()), "-o", "IdentitiesOnly=yes"]
    assert target.host is not None
    port = "" if target.port is None else f"-p {target.port} "
    advice = {
        "HOST IDENTIFICATION HAS CHANGED": "its host key is not the one known; if that is right, remove the old one "
        f"with ssh-keygen -R, and connect once by hand: ssh {port}{target.host}",
        "Host key verification failed": "its host key is not known yet; connect once by hand and accept it: "
        f"ssh {port}{target.host}",
        "Permission denied": "it refused the key; give identity=…, or put the key there: "
        f"ssh-copy-id {port}{target.host}",
    }
    return Link(target.host, ("ssh", "-T", *options, "--", target.host), advice)


def adb_link(serial: str | None, name: str, termux: bool) -> Link:
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
