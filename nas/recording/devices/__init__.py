"""Where a bundle is measured: one file a kind of device; `base` says what they have in common."""

from collections.abc import Mapping
from typing import Literal

from nas.recording.devices.adb import ADB
from nas.recording.devices.base import Device
from nas.recording.devices.bundle import BUNDLE
from nas.recording.devices.host import HOST
from nas.recording.devices.ssh import SSH

Reached = Literal["host", "ssh", "adb"]
"""The kinds whose rows come back by themselves."""
Kind = Literal[Reached, "bundle"]

DEVICES: Mapping[Kind, Device] = {
    "host": HOST,
    "ssh": SSH,
    "adb": ADB,
    "bundle": BUNDLE,
}
