"""The devices' one interface, and the settings by which they are reached."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nas.errors import ConfigError
from nas.reading.words import short

Report = Callable[[str], None]
"""Takes a line of progress."""

Measure = Callable[[Path, Report], None]
"""Measures what `results.jsonl` lacks of the bundle in a folder, and returns when the rows are in that file.

Whatever ends it early leaves the rows finished so far, and raises a NasError of one line.
"""


@dataclass(frozen=True, slots=True)
class Reach:
    """How a device is reached; None is the default of its kind."""

    host: str | None = None
    """ssh: where, such as pi@10.0.0.7, or a Host of ~/.ssh/config."""
    port: int | None = None
    """ssh: such as 2222; null: as ~/.ssh/config says, else 22."""
    identity: str | None = None
    """ssh: the file of the private key, such as ~/.ssh/id_ed25519; null: as ~/.ssh/config says."""
    serial: str | None = None
    """adb: which device, such as 8XV0A1, of those that `adb devices` lists; null: the only one."""
    python: str | None = None
    """ssh, adb: the Python there, such as python3.12; null: python3 (ssh), Termux's (adb)."""
    perf_test: str | None = None
    """adb: a program such as ./onnxruntime_perf_test, built for the device measures, in place of a Python there."""
    remote: str | None = None
    """ssh, adb: the folder there, such as nas, from the home; null: nas-record/NAME."""


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of device.

    `open` takes how it is reached and the profile's name, which names the folder there; nothing is reached yet.
    `takes` are the fields of `Reach` that go with it, `check` raises a ConfigError about their values.
    With `by_hand` the bundle is only handed over, and the user brings its rows back.
    """

    open: Callable[[Reach, str], Measure]
    takes: tuple[str, ...] = ()
    check: Callable[[Reach], None] = lambda reach: None
    by_hand: bool = False


def require_file(key: str, path: str | None) -> None:
    """Refuse a setting that names a file where there is none."""
    if path is not None and not os.path.isfile(os.path.expanduser(path)):
        raise ConfigError(f"{key}: there is no file {short(path)}")
