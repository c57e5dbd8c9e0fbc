"""The confirmed networks on the target: measured, beside their predictions, in front.json and the report."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from nas.errors import ConfigError, NasError
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.problem import Problem
from nas.proxies.base import Evaluation
from nas.recording.devices.base import Reach
from nas.recording.devices.target import Target
from nas.recording.profile_writer import SOURCE, device_words
from nas.recording.runner.machine import environment
from nas.report import facts
from nas.report.figures import measured_figure, svg
from nas.report.html import network_row
from nas.report.terminal import Silent
from nas.search.result.compose import compose
from nas.search.confirm import target
from nas.search.confirm.target import DeviceTiming, is_here
from nas.search.executors.inline import InlineExecutor
from nas.search.loop import search
from nas.search.parameters import decode
from nas.search.record.study import rows
from nas.search.run import _measure
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import make_sampler
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.training.long import hexadecimal

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
        assert ms["how"] == "measured"
        assert ms["value"] == pytest.approx(macs, rel=1e-3)
        assert macs * 0.999 <= ms["low"] < ms["value"] < ms["high"] <= macs * 1.001


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
    assert all(0 < each["low"] <= each["value"] <= each["high"] for each in first.values())
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


def confirmed(key: str) -> dict[str, Any]:
    judged = {"test": [0.5], "test_images": 100, "val": [0.5], "val_images": 100, "resolution": 32}
    trainings = [{"val": 0.5, "seed": 1, "right": hexadecimal(np.arange(100) < 50)}]
    int8 = {"onnx_int8": None, "onnx_int8_bytes": None, "accuracy_int8": None, "failed": "not tried"}
    return {**judged, "trainings": trainings, "onnx": f"{key}.onnx", "onnx_bytes": 1000, **int8}


class Told:
    """A display that notes its messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def stage(self, *_: Any) -> None:
        """Nothing."""

    def advance(self) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        self.messages.append(text)


def searched() -> tuple[optuna.Study, Ladder, list[str]]:
    """A small study, with the keys of three of its networks."""
    study = optuna.create_study(directions=list(PROBLEM.directions))
    ladder = Ladder((Rung("short", lambda arch: Evaluation(0.5, 0.4, 0.6, "short", 1.0, 1, arch.resolution)),))
    sampler = make_sampler(PROBLEM, "random", {}, 0)
    search(PROBLEM, ladder, study, sampler, InlineExecutor(), trials=5, reference=REFERENCE, observer=Silent())
    return study, ladder, [row["key"] for row in rows(study)][:3]


def test_the_front_is_that_of_the_measured_milliseconds() -> None:
    study, ladder, keys = searched()
    trials = {t.user_attrs["key"]: t for t in study.get_trials(deepcopy=False)}
    networks = {key: decode(TINY, trials[key].params) for key in keys}
    predicted = {key: latency(arch, PIXEL4) for key, arch in networks.items()}
    ms = dict(zip(keys, (3.0, 1.0, 2.0), strict=True))
    measured = {key: {"value": ms[key], "low": ms[key] - 0.1, "high": ms[key] + 0.1, "how": "measured"} for key in ms}
    measured["mobilenet_v1_w0.25_r32"] = {"value": 7.0, "low": 6.9, "high": 7.1, "how": "measured"}
    curve = [{"name": "mobilenet_v1_w0.25_r32", "latency_ms": 5.0, "accuracy": 0.4}]
    results = {key: confirmed(key) for key in keys}
    front = compose(PROBLEM, study, ladder, REFERENCE, results, {}, measured, curve, {"seed": 0})
    json.dumps(front, allow_nan=False)
    assert [entry["latency_ms"]["value"] for entry in front["confirmed"]] == [1.0, 2.0, 3.0]
    assert [entry["key"] for entry in front["front"]] == [keys[1]]  # equal accuracies: the fastest measured
    for entry in front["confirmed"]:
        was = predicted[entry["key"]]
        assert entry["latency_ms"]["how"] == "measured"
        assert entry["latency_ms"]["predicted"] == {"value": was.ms, "low": was.low, "high": was.high}
    errors = [100 * abs(predicted[key].ms / ms[key] - 1) for key in keys]
    found = front["predicted_and_measured"]
    assert found["n"] == 3
    assert found["mape_percent"] == pytest.approx(np.mean(errors), abs=1e-3)
    assert found["max_percent"] == pytest.approx(max(errors), abs=1e-3)
    assert front["references"] == [{**curve[0], "latency_ms": 7.0, "predicted_ms": 5.0}]
    row = network_row(front["front"][0])
    assert (row["latency"], row["latency_how"]) == ("1.00", "measured")
    assert row["predicted"].startswith(f"predicted {predicted[keys[1]].ms:.2f} (")
    assert "3 confirmed networks measured on the device" in str(facts.measured(front))
    assert svg(measured_figure(front)).startswith(b"<?xml")


def test_a_network_measured_above_the_budget_is_told() -> None:
    entry = {"key": "k", "latency_ms": {"value": 5.2, "low": 5.1, "high": 5.3, "how": "measured", "in_range": False}}
    front = {"front": [entry], "budget": {"latency_ms": 5.0}}
    assert "1 network on the front measured above the budget of 5 ms." in facts.notices(front)
    assert not any("extrapolate" in notice for notice in facts.notices(front))


def test_without_measuring_everything_stays_predicted() -> None:
    study, ladder, keys = searched()
    front = compose(PROBLEM, study, ladder, REFERENCE, {keys[0]: confirmed(keys[0])}, {}, {}, [], {"seed": 0})
    assert front["predicted_and_measured"] is None
    assert front["front"][0]["latency_ms"]["how"] == "predicted"
    assert facts.measured(front) is None
    assert network_row(front["front"][0])["predicted"] == ""


def test_a_target_out_of_reach_costs_nothing_but_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, _, keys = searched()
    networks = {keys[0]: decode(TINY, study.trials[0].params)}

    def unreachable(*_: Any) -> Any:
        raise NasError("pi@10.0.0.7: no route to host")

    on_target = DeviceTiming(PIXEL4, Target())
    told = Told()
    arguments = (networks, on_target, tmp_path, told)
    monkeypatch.setattr(target, "open_device", unreachable)
    assert _measure(*arguments) == {}  # type: ignore[arg-type]
    assert told.messages == [
        "warning: the networks were not measured, their latencies are predicted: pi@10.0.0.7: no route to host"
    ]
    plans: list[dict[str, Any]] = []
    monkeypatch.setattr(target, "open_device", one_ms_per_million(plans))
    assert list(_measure(*arguments)) == [keys[0]]  # type: ignore[arg-type]
    monkeypatch.setattr(target, "open_device", one_ms_per_million(plans, keys[0]))
    assert _measure(*arguments) == {}  # type: ignore[arg-type]
    assert told.messages[-1] == "warning: 1 of 1 networks did not settle, their latency is predicted"
    assert asdict(on_target.target)["kind"] == "host"
