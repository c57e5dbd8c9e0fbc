"""The confirmed networks on the target: measured, beside their predictions, in front.json and the report."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.errors import ConfigError, NasError
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.measures import Interval
from nas.problem import Problem
from nas.proxies.base import Evaluation
from nas.recording.devices.base import Reach
from nas.recording.devices.target import Target
from nas.recording.profile_writer import SOURCE, device_words
from nas.recording.runner.machine import environment
from nas.report.curves import measured_figure
from nas.report.drawing import svg
from nas.report.network_row import network_row
from nas.report.sections.latency import measured
from nas.results.front import Front
from nas.results.member import ModelFile
from nas.search.confirm import target
from nas.search.confirm.network import Confirmed
from nas.search.confirm.target import DeviceTiming, is_here, measure_on_target
from nas.search.context import Run
from nas.search.loop import Stopping, search
from nas.search.parameters import decode
from nas.search.record.trial import records
from nas.search.result.compose import compose
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import make_sampler
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.training.long import Judged, Trained, hexadecimal
from tests.helpers.display import Told
from tests.helpers.search import ABOUT, context, in_memory, sampler_settings

PIXEL4 = load_profile("pixel4")
TINY = load_space("tiny").with_data(1, 10)
PROBLEM = Problem(TINY, PIXEL4, Budget())
REFERENCE = {"accuracy": 0.1, "latency": 10.0}
ARCHS = {arch.key: arch for arch in map(TINY.architecture, TINY.sample(np.random.default_rng(0), 3))}


def one_ms_per_million(plans: list[dict[str, Any]], wild: str = "") -> Callable[..., Any]:
    """A device that takes 1 ms per million MACs; the network `wild` never settles. Its plans go to `plans`."""

    def measure(folder: Path, _: Callable[[str], None]) -> None:
        plan = json.loads((folder / "plan.json").read_text())
        plans.append(plan)
        (way,) = plan["configurations"]
        about = {**way, **environment(), "cores": [0]}
        header = {key: plan[key] for key in ("search_space", "seed", "burst_s")}
        rows: list[dict[str, Any]] = [{"type": "plan", "schema": 1, **header}]
        rows.append({"type": "begin", "configuration": way["name"], **about})
        for entry in plan["chunks"][0]:
            ms = cost(Architecture.from_notation(entry["notation"])).macs / 1e6
            named = {"configuration": way["name"], "id": entry["id"]}
            for n in range(16):
                figure = ms * (1 + (n - 7.5) * (0.1 if entry["id"] == wild else 1e-4))
                rows.append({"type": "burst", **named, "ms": [figure] * 4, "runs": 9, "kept": 9, "seconds": 0.1})
            rows.append({"type": "profile", **named, "model": entry, "kernels": [], "seconds": 0.1})
        (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    return lambda *_: measure


def test_networks_are_measured_as_the_profile_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[dict[str, Any]] = []
    wild = list(ARCHS)[1]
    monkeypatch.setattr(target, "open_device", one_ms_per_million(plans, wild))
    profile = load_profile("raspberry_pi4:4t_int8")
    found = DeviceTiming(profile, Target("ssh", Reach("pi@10.0.0.7")))(ARCHS, tmp_path / "measured", print)
    (way,) = plans[0]["configurations"]
    assert (way["threads"], way["precision"], way["cores"]) == (4, "int8", None)
    assert [entry["id"] for entry in plans[0]["chunks"][0]] == list(ARCHS)
    assert {path.stem for path in (tmp_path / "measured/models/int8").iterdir()} == set(ARCHS)
    assert set(found) == set(ARCHS) - {wild}
    for key, ms in found.items():
        macs = cost(ARCHS[key]).macs / 1e6
        assert ms.value == pytest.approx(macs, rel=1e-3)
        assert macs * 0.999 <= ms.low < ms.value < ms.high <= macs * 1.001


def test_cores_are_those_of_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[dict[str, Any]] = []
    monkeypatch.setattr(target, "open_device", one_ms_per_million(plans))
    for cores, expected in (("all", None), ("4, 5", [4, 5])):
        DeviceTiming(replace(PIXEL4, source=SOURCE, cores=cores), Target())(ARCHS, tmp_path / cores, print)
        assert plans[-1]["configurations"][0]["cores"] == expected


def test_this_host_for_real(tmp_path: Path) -> None:
    on_target = DeviceTiming(PIXEL4, Target("host"))
    first = on_target(ARCHS, tmp_path, lambda line: None)
    results = (tmp_path / "results.jsonl").read_bytes()
    assert set(first) <= set(ARCHS)  # on a busy machine some may not settle
    assert all(0 < each.low <= each.value <= each.high for each in first.values())
    bursts = [row for row in map(json.loads, results.splitlines()) if row["type"] == "burst"]
    assert {row["id"] for row in bursts} == set(ARCHS)
    assert on_target(ARCHS, tmp_path, lambda line: None) == first
    assert (tmp_path / "results.jsonl").read_bytes() == results  # nothing is measured twice


def test_where_a_profile_is_of_this_host() -> None:
    here = environment()
    mine = replace(PIXEL4, source=SOURCE, device=device_words(here), runtime_version=here["runtime_version"])
    assert is_here(mine)
    assert not is_here(PIXEL4)
    assert not is_here(replace(mine, runtime_version="0.1"))
    assert not is_here(replace(mine, device="Fast CPU, 2 cores, x86_64"))


def test_a_precision_that_is_never_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match="networks are measured at fp32, int8, and pixel4:1large_fp32 is fp16"):
        DeviceTiming(replace(PIXEL4, precision="fp16"), Target())


# --- front.json and the report -----------------------------------------------------------------------


def confirmed(arch: Architecture, measured: Interval | None = None) -> Confirmed:
    trained = Trained(1, 0.5, hexadecimal(np.arange(100) < 50), 100, 32, 1.0)
    files = (
        ModelFile("onnx", "fp32", f"models/{arch.key}.onnx", 1000),
        ModelFile("onnx", "int8", None, None, error="no"),
    )
    return Confirmed(arch, (trained,), (Judged(0.5, 100),), files, measured)


def searched() -> tuple[Run, Ladder, dict[str, Architecture]]:
    """A small search, with three of its networks by key."""
    run = context(PROBLEM, in_memory(PROBLEM), reference=REFERENCE)
    ladder = Ladder((Rung("short", lambda arch: Evaluation(0.5, 0.4, 0.6, "short", 1.0, 1, arch.resolution)),))
    search(run, ladder, make_sampler(PROBLEM, sampler_settings("random"), 0), Stopping(trials=5))
    return run, ladder, {str(trial.key): decode(TINY, trial.params) for trial in records(run.study)[:3]}


def test_the_front_is_that_of_the_measured_milliseconds() -> None:
    run, ladder, networks = searched()
    keys, predicted = list(networks), {key: latency(arch, PIXEL4) for key, arch in networks.items()}
    ms = dict(zip(keys, (3.0, 1.0, 2.0), strict=True))
    chosen = [confirmed(networks[key], Interval(ms[key], ms[key] - 0.1, ms[key] + 0.1)) for key in keys]
    name = "mobilenet_v1_w0.25_s8_r32"
    trained = confirmed(baseline(name, 1, 10), Interval(7.0, 6.9, 7.1))
    front = compose(run, ladder, chosen, {name: trained}, ABOUT)
    assert Front.from_json(json.loads(json.dumps(front.to_json(), allow_nan=False))) == front
    assert [member.latency_ms.value for member in front.confirmed] == [1.0, 2.0, 3.0]
    assert [member.key for member in front.front] == [keys[1]]  # equal accuracies: the fastest measured
    for member in front.confirmed:
        was = predicted[member.key]
        assert member.latency_ms.how == "measured"
        assert member.latency_ms.predicted == Interval(was.ms, was.low, was.high)
        assert (member.onnx, member.onnx_int8) == (f"models/{member.key}.onnx", None)
        assert [file.error for file in member.files] == [None, "no"]
    errors = [100 * abs(predicted[key].ms / ms[key] - 1) for key in keys]
    found = front.predicted_and_measured
    assert found is not None
    assert found.n == 3
    assert found.mape_percent == pytest.approx(np.mean(errors), abs=1e-3)
    assert found.max_percent == pytest.approx(max(errors), abs=1e-3)
    was = latency(trained.architecture, PIXEL4)
    (curve,) = front.baselines
    assert (curve.name, curve.architecture, curve.accuracy.value) == (name, trained.architecture, 0.5)
    assert (curve.latency_ms.value, curve.latency_ms.how) == (7.0, "measured")
    assert curve.latency_ms.predicted == Interval(was.ms, was.low, was.high)
    row = network_row(front.front[0])
    assert (row.latency, row.latency_how) == ("1.00", "measured")
    assert row.predicted.startswith(f"predicted {predicted[keys[1]].ms:.3g} (")
    assert "3 confirmed networks measured on the device" in str(measured(front))
    assert svg(measured_figure(front)).startswith(b"<?xml")


def test_without_measuring_everything_stays_predicted() -> None:
    run, ladder, networks = searched()
    front = compose(run, ladder, [confirmed(next(iter(networks.values())))], {}, ABOUT)
    assert front.predicted_and_measured is None
    assert front.front[0].latency_ms.how == "predicted"
    assert measured(front) is None
    assert network_row(front.front[0]).predicted == ""


def test_a_target_out_of_reach_costs_nothing_but_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _, networks = searched()
    key, arch = next(iter(networks.items()))
    told, timing, network = Told(), DeviceTiming(PIXEL4, Target()), confirmed(arch)
    run = replace(run, folder=tmp_path, display=told)

    def unreachable(*_: Any) -> Any:
        raise NasError("pi@10.0.0.7: no route to host")

    monkeypatch.setattr(target, "open_device", unreachable)
    assert measure_on_target(run, timing, {key: network}) == {key: network}
    assert told.messages == [
        "warning: the networks were not measured, their latencies are predicted: pi@10.0.0.7: no route to host"
    ]
    plans: list[dict[str, Any]] = []
    monkeypatch.setattr(target, "open_device", one_ms_per_million(plans))
    assert measure_on_target(run, timing, {key: network})[key].measured is not None
    monkeypatch.setattr(target, "open_device", one_ms_per_million(plans, key))
    assert measure_on_target(run, timing, {key: network}) == {key: network}
    assert told.messages[-1] == "warning: 1 of 1 networks did not settle, their latency is predicted"
    assert measure_on_target(run, None, {key: network}) == {key: network}
    assert timing.target.kind == "host"
