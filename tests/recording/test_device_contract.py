"""What every kind of device does alike: it measures a bundle, goes on where it stopped, and fails in one line."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import pytest

from nas.errors import ConfigError, NasError
from nas.recording.devices import DEVICES, Kind, Reached
from nas.recording.devices.base import Device, Reach
from nas.recording.devices.target import Target, open_device
from tests.helpers.devices import PERF_TEST, script
from tests.helpers.recordings import check_measured_once, rows_of, small_bundle


@dataclass(frozen=True)
class Way:
    """How tests measure on a kind of device: `target` by the name of a profile, and what the user does by hand."""

    target: Callable[[str], Target]
    by_hand: Callable[[str, Path], None] = lambda name, folder: None


def host(request: pytest.FixtureRequest, here: Path) -> Way:
    return Way(lambda name: Target("host"))


def ssh(request: pytest.FixtureRequest, here: Path) -> Way:
    server = request.getfixturevalue("server")
    return Way(lambda name: Target("ssh", server.reach(here / f"there {name}")))


def termux(request: pytest.FixtureRequest, here: Path) -> Way:
    request.getfixturevalue("phone")
    return Way(lambda name: Target("adb"))


def perf_test(request: pytest.FixtureRequest, here: Path) -> Way:
    request.getfixturevalue("phone")
    binary = script(here / "build" / "onnxruntime_perf_test", PERF_TEST)
    return Way(lambda name: Target("adb", Reach(perf_test=str(binary))))


def bundle(request: pytest.FixtureRequest, here: Path) -> Way:
    def run(name: str, folder: Path) -> None:
        elsewhere, results = here / f"elsewhere {name}", folder / "results.jsonl"
        zipfile.ZipFile(here / f"{name}.bundle.zip").extractall(elsewhere)
        if results.exists():
            shutil.copy(results, elsewhere)
        done = subprocess.run([sys.executable, "-I", "runner.py"], cwd=elsewhere, capture_output=True, text=True)
        shutil.copy(elsewhere / "results.jsonl", folder)
        if done.returncode:
            raise NasError(done.stderr.strip())

    return Way(lambda name: Target("bundle"), run)


WAYS: dict[str, tuple[Kind, Callable[[pytest.FixtureRequest, Path], Way]]] = {
    "host": ("host", host),
    "ssh": ("ssh", ssh),
    "adb with Termux": ("adb", termux),
    "adb with perf_test": ("adb", perf_test),
    "bundle": ("bundle", bundle),
}


class TestEveryDevice:
    """A new kind of device joins by its entry in WAYS."""

    @pytest.fixture(params=WAYS)
    def way(self, request: pytest.FixtureRequest, here: Path) -> Way:
        return WAYS[request.param][1](request, here)

    def measure(self, way: Way, name: str, folder: Path) -> list[str]:
        """The lines it reports."""
        lines: list[str] = []
        open_device(way.target(name), name)(folder, lines.append)
        way.by_hand(name, folder)
        return lines

    def test_it_measures_a_bundle_and_nothing_twice(self, way: Way, here: Path) -> None:
        folder = small_bundle(here / "a")
        before = sorted(os.listdir(here))
        open_device(way.target("first"), "first")
        assert sorted(os.listdir(here)) == before  # nothing is reached before it is to measure
        assert self.measure(way, "first", folder)
        rows = rows_of(folder / "results.jsonl")
        check_measured_once([json.loads(row) for row in rows])
        assert {json.loads(row)["id"] for row in rows if b'"profile"' in row} == {
            path.stem for path in folder.rglob("*.onnx")
        }
        self.measure(way, "first", folder)
        assert rows_of(folder / "results.jsonl") == rows
        # another device, or the same with its folder lost, goes on from the rows that are here
        other, half = small_bundle(here / "b"), rows[: len(rows) // 2]
        (other / "results.jsonl").write_bytes(b"".join(row + b"\n" for row in half) + rows[len(half)][:9])
        self.measure(way, "second", other)
        found = rows_of(other / "results.jsonl")
        assert found[: len(half)] == half
        check_measured_once([json.loads(row) for row in found])

    def test_a_failure_is_one_line_and_keeps_what_was_measured(self, way: Way, here: Path) -> None:
        folder = small_bundle(here / "a")
        lost = sorted((folder / "models" / "fp32").iterdir())[-1]
        content = lost.read_bytes()
        lost.unlink()
        with pytest.raises(NasError) as caught:
            self.measure(way, "first", folder)
        assert str(caught.value)
        assert "\n" not in str(caught.value)
        rows = rows_of(folder / "results.jsonl")
        assert rows
        lost.write_bytes(content)
        self.measure(way, "first", folder)
        found = rows_of(folder / "results.jsonl")
        assert found[: len(rows)] == rows
        check_measured_once([json.loads(row) for row in found])

    @pytest.mark.parametrize("kind", DEVICES)
    def test_it_refuses_what_does_not_go_with_it(self, kind: Kind) -> None:
        every = [field.name for field in fields(Reach)]
        assert set(DEVICES[kind].takes) <= set(every)
        for key in set(every) - set(DEVICES[kind].takes):
            given: dict[str, Any] = {key: 1 if key == "port" else "x"}
            with pytest.raises(ConfigError, match=rf"^{key} goes with device=.*, not with device={kind}$"):
                Target(kind, Reach(**given))

    def test_it_has_a_way_and_a_file(self) -> None:
        assert {kind for kind, _ in WAYS.values()} == set(DEVICES) == set(get_args(Kind))
        assert set(get_args(Reached)) == {kind for kind, device in DEVICES.items() if not device.by_hand}
        taken = {key for device in DEVICES.values() for key in device.takes}
        assert taken == {field.name for field in fields(Reach)}
        for kind, device in DEVICES.items():
            assert isinstance(device, Device)
            assert device.open.__module__ == f"nas.recording.devices.{kind}"
