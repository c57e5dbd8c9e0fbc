"""What runs on a device: figures from bursts, runs set aside, what is measured next, the file of results.

Clocks are made up here, so that every disturbance is where a test puts it.
"""

import ast
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nas.recording import runner as runner_folder
from nas.recording.bundle import LAUNCHER, configuration
from nas.recording.runner import measure as runner
from nas.recording.runner import timing
from nas.recording.runner.figures import (
    LAYER_SHARE,
    LEAST_RUNS,
    MOST,
    PASSES,
    SETTLED,
    estimate,
    figures,
    finished,
    settled,
)
from nas.recording.runner.results import Results
from nas.recording.runner.schedule import Schedule
from nas.recording.runner.timing import DISTURBED, PATIENCE, Cores, Pace, Waiting, burst, profile

SCRIPTS = sorted(Path(runner_folder.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_file_of_a_bundle_is_python_39_and_needs_the_folder_numpy_and_onnxruntime_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    found |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {str(name).split(".")[0] for name in found} - sys.stdlib_module_names <= {"numpy", "onnxruntime"}
    levels = {node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert levels <= {0, 1}


def test_the_launcher_is_python_39_and_calls_the_runner() -> None:
    tree = ast.parse(LAUNCHER, feature_version=(3, 9))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert found == {"pathlib", "nas_runner.measure"}


# Figures


def made(*values: float, kept: int = LEAST_RUNS) -> list[dict[str, Any]]:
    """Bursts with these figures."""
    return [{"ms": [ms, ms, ms, ms], "kept": kept} for ms in values]


@pytest.mark.parametrize("kind", PASSES)
def test_a_model_is_settled_when_enough_bursts_agree(kind: str) -> None:
    enough = PASSES[kind]
    wide = np.linspace(80, 120, MOST * enough)
    assert settled(made(*[99.9, 100.1] * (enough // 2)), kind)
    assert not settled(made(*[99.9, 100.1] * (enough // 2))[:-1], kind)
    assert not settled(made(*wide), kind)
    assert not settled(made(*[100] * enough, kept=LEAST_RUNS - 1), kind)
    assert not settled([*made(*[100] * (enough - 1)), *made(100, kept=0)], kind)
    assert settled(made(*[0.004, 0.005] * (enough // 2)), kind)  # the clock's own
    assert finished(made(*wide), kind)
    assert not finished(made(*wide)[:-1], kind)


def test_a_network_gets_more_bursts_than_a_layer_and_settles_by_its_standard_error() -> None:
    assert settled(made(*[100] * 4), "layer")
    assert not settled(made(*[100] * 4), "network")
    for count in (16, 24, 32):
        share = SETTLED * count**0.5 / (1.2533 * 1.4826)  # this far above and below, the error is as SETTLED says
        inside, beyond = ([100 * (1 - x), 100 * (1 + x)] * (count // 2) for x in (0.98 * share, 1.02 * share))
        for kind in PASSES:
            assert settled(made(*inside), kind)
            assert not settled(made(*beyond), kind)


def test_one_burst_astray_does_not_count() -> None:
    ms, spread_ms = estimate(made(1, 2, 3, 4, 100))
    assert ms == 3
    assert spread_ms == pytest.approx(1.4826)
    assert figures([*made(5), *made(7, kept=0)]) == [5]
    assert settled(made(*[10] * 15, 30), "network")


def test_the_spread_is_the_standard_deviation_of_normal_bursts() -> None:
    values = np.random.default_rng(0).normal(10, 0.3, 4000)
    ms, spread_ms = estimate(made(*values))
    assert ms == pytest.approx(10, abs=0.02)
    assert spread_ms == pytest.approx(0.3, abs=0.02)


# Runs


class Clock:
    """A clock that goes only when told, and whatever else a test counts by runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: Any) -> None:
        self.now, self.runs = 0.0, 0
        for module in modules:
            monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def run(self, *_: object) -> None:
        """The n-th run takes 10 + n / 1000 ms, so that it is known by its time."""
        self.runs += 1
        self.now += (10 + self.runs / 1000) / 1e3


class Probes(Pace):
    """Probes that take 50 us, but twice as long after the runs `slow`."""

    def __init__(self, clock: Clock, slow: Callable[[int], bool]) -> None:
        super().__init__()
        self._clock, self._slow = clock, slow

    def probe(self) -> float:
        found_us = 50.0 * (1 + self._slow(self._clock.runs))
        self.least_us = min(self.least_us, found_us)
        return found_us


def burst_of(
    monkeypatch: pytest.MonkeyPatch,
    slow: Callable[[int], bool] = lambda n: False,
    waits: Callable[[int], float] = lambda n: 0.0,
) -> tuple[list[int], list[int]]:
    """The numbers of the runs of a burst of 0.3 s, after a warm-up of 6: all, and those kept.

    `slow(n)`: whether the probe after the n-th run is slow; `waits(n)`: ms of waiting told after the n-th run.
    """
    clock = Clock(monkeypatch, timing)
    monkeypatch.setattr(Waiting, "ms", lambda self: sum(map(waits, range(clock.runs + 1))))
    pace = Probes(clock, slow)
    pace.least_us = 50.0
    runs, kept = burst(clock, {}, 0.3, pace)
    return ([round((ms - 10) * 1000) for ms in runs], [round((ms - 10) * 1000) for ms in kept])


def test_a_calm_burst_keeps_every_run_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, kept = burst_of(monkeypatch)
    assert runs == kept == list(range(7, 37))


def test_the_runs_before_and_after_a_slow_probe_are_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, kept = burst_of(monkeypatch, slow=lambda n: n in (6, 10, 20, 21))
    assert runs == list(range(7, 37))
    assert set(runs) - set(kept) == {7, 10, 11, 20, 21, 22}


def test_a_burst_lasts_longer_where_too_few_runs_are_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, kept = burst_of(monkeypatch, slow=lambda n: n < 60)
    assert kept == list(range(61, 61 + LEAST_RUNS))
    runs, kept = burst_of(monkeypatch, slow=lambda n: True)
    assert kept == []
    assert len(runs) == pytest.approx(PATIENCE * 30, abs=1)


def test_runs_that_waited_are_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, kept = burst_of(monkeypatch, waits=lambda n: 5.0 * (n % 2))
    assert kept == [n for n in runs if n % 2 == 0]
    _, kept = burst_of(monkeypatch, waits=lambda n: 11.0)
    assert kept == []
    # told once it was over, a long wait takes the runs before with it
    runs, kept = burst_of(monkeypatch, waits=lambda n: 25.0 if n == 20 else 0.0)
    assert set(runs) - set(kept) == {18, 19, 20}


def test_the_pace_is_the_least_that_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0, 100e-6, 1, 1 + 60e-6, 2, 2 + 80e-6])
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    pace = Pace()
    assert [pace.probe() for _ in range(3)] == pytest.approx([100, 60, 80])
    assert pace.least_us == pytest.approx(60)
    assert not pace.disturbed(60 * DISTURBED - 1, 60)
    assert pace.disturbed(60, 60 * DISTURBED + 1)


@pytest.mark.parametrize(
    ("slow", "runs", "ms"),
    [
        (lambda n: False, 2 + 8, 1.0),
        (lambda n: n in (4, 7), 2 + 8 + 4, 1.0),  # 4 and 5, 7 and 8 are left out
        (lambda n: True, 2 + PATIENCE * 8, 1.0),
    ],
)
def test_the_profile_leaves_disturbed_runs_out(
    slow: Callable[[int], bool], runs: int, ms: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = Clock(monkeypatch)
    events = tmp_path / "events.json"

    class Session:
        def run(self, *_: object) -> None:
            clock.runs += 1

        def get_inputs(self) -> list[Any]:
            return []

        def end_profiling(self) -> str:
            return str(write_events(events, slow, clock.runs))

    monkeypatch.setattr(timing, "open_session", lambda *_, **__: Session())
    pace = Probes(clock, slow)
    pace.least_us = 50.0
    expected = 3.0 if slow(0) else 1.0
    assert profile(tmp_path, 8, pace) == [("000.conv", "Conv", expected), ("001.add", "Add", 2 * expected)]
    assert clock.runs == runs


def write_events(path: Path, slow: Callable[[int], bool], runs: int) -> Path:
    """What ONNX Runtime's profiler writes of `runs` runs: 1 and 2 ms, three times as long beside a slow probe."""
    events: list[dict[str, Any]] = [{"cat": "Session", "name": "model_run", "dur": 7}]
    for n in range(1, runs + 1):
        dur = 3000 if slow(n) or slow(n - 1) else 1000
        for name, op, times in (("000.conv", "Conv", 1), ("001.add", "Add", 2)):
            arguments = {"cat": "Node", "args": {"op_name": op}}
            events.append({**arguments, "name": f"{name}_kernel_time", "dur": times * dur})
            events.append({**arguments, "name": f"{name}_fence_before", "dur": 9})
    path.write_text(json.dumps(events))
    return path


# What is measured


def plan_of(chunks: int, minutes: float) -> dict[str, Any]:
    """Chunks of two networks and a layer, which take 2.3 s each where every burst lasts 0.06 s."""
    models = [
        [
            {"id": f"{number}{letter}", "role": "fit", "kind": kind}
            for letter, kind in (("a", "network"), ("b", "network"), ("c", "layer"))
        ]
        for number in range(chunks)
    ]
    ways = [configuration(1, "fp32"), configuration(2, "int8")]
    about = {"search_space": "tiny", "seed": 0, "burst_s": 0.06, "minutes": minutes}
    return {**about, "configurations": ways, "chunks": models}


PLAN = plan_of(12, 20 / 60)


class Machine:
    """Stands in for ONNX Runtime and the clock: each model takes 5 ms, those in `restless` 3.5 to 6.5."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, restless: Iterable[str] = ()) -> None:
        self._folder, self._restless, self._monkeypatch = folder, set(restless), monkeypatch
        self._clock = Clock(monkeypatch, timing, runner)
        self.paces: list[float] = []
        monkeypatch.setattr(Pace, "learn", lambda self: None)
        monkeypatch.setattr(runner, "open_session", lambda path, **options: path)
        monkeypatch.setattr(runner, "feeds", lambda session: {})
        monkeypatch.setattr(runner, "burst", self._burst)
        monkeypatch.setattr(runner, "profile", self._profile)
        monkeypatch.setattr(runner, "pin", lambda cores: [0, 1])
        monkeypatch.setattr(runner, "Cores", lambda cores: Cores([]))

    def _burst(self, path: Path, feed: object, seconds: float, pace: Pace) -> tuple[list[float], list[float]]:
        self.paces.append(pace.least_us)
        pace.least_us = min(pace.least_us, 50.0)
        self._clock.now += seconds
        self._clock.runs += 1
        ms = 5.0 + 0.3 * (self._clock.runs % 11 - 5) * (path.stem in self._restless)
        return [ms] * 9, [ms] * 8

    def _profile(self, path: Path, runs: int, pace: Pace, **options: object) -> list[tuple[str, str, float]]:
        self._clock.now += 0.1
        return [("000.conv", "Conv", 1.0)]

    def measure(self, plan: dict[str, Any], stop_after: int | None = None) -> list[dict[str, Any]]:
        """The rows, after a run that is stopped (Ctrl-C) once it has written `stop_after` rows."""
        count, append = 0, Results.append

        def counted(results: Results, row: dict[str, Any]) -> None:
            nonlocal count
            append(results, row)
            count += 1
            if count == stop_after:
                raise KeyboardInterrupt

        with self._monkeypatch.context() as patch:
            patch.setattr(Results, "append", counted)
            try:
                runner.measure(plan, self._folder)
            except KeyboardInterrupt:
                assert stop_after is not None
        return [json.loads(line) for line in (self._folder / "results.jsonl").read_text().splitlines()]


def measured(rows: list[dict[str, Any]], way: str) -> Counter[str]:
    """How many bursts each model has; none may be begun and not profiled, or profiled twice."""
    mine = [row for row in rows if row.get("configuration") == way]
    profiled = Counter(row["id"] for row in mine if row["type"] == "profile")
    found = Counter(row["id"] for row in mine if row["type"] == "burst")
    assert set(found) == set(profiled)
    assert set(profiled.values()) == {1}
    return found


def test_models_are_measured_in_groups_that_take_half_of_the_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = Machine(monkeypatch, tmp_path).measure(PLAN)
    for way in ("1t_fp32", "2t_int8"):
        found = measured(rows, way)
        assert len(found) == 3 * (1 + 4 + 4)  # one chunk tells the time; 4 take 9.3 s of 20, and 4 more the rest
        assert set(found.values()) == {PASSES["network"], PASSES["layer"]}
        assert {model for model, count in found.items() if count == PASSES["layer"]} == {f"{n}c" for n in range(9)}
        # a pass of the second group goes through all of its models before any gets its next burst
        order = [row["id"] for row in rows if row["type"] == "burst" and row["configuration"] == way]
        group = [model["id"] for chunk in PLAN["chunks"][1:5] for model in chunk]
        first = order.index(group[0])
        assert order[first : first + 2 * len(group)] == 2 * group
    assert [row["type"] for row in rows if row["type"] in ("begin", "end")] == ["begin", "end"] * 2


def test_a_layer_has_a_shorter_burst_than_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = Machine(monkeypatch, tmp_path).measure(PLAN)
    seconds = {row["id"]: row["seconds"] for row in rows if row["type"] == "burst"}
    assert seconds["0a"] == 0.06
    assert seconds["0c"] == pytest.approx(LAYER_SHARE * 0.06)


def test_what_does_not_settle_gets_up_to_three_times_as_many_bursts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = measured(Machine(monkeypatch, tmp_path, restless=("0a", "1c")).measure(PLAN), "1t_fp32")
    assert (found["0a"], found["1c"]) == (MOST * PASSES["network"], MOST * PASSES["layer"])
    assert (found["0b"], found["1b"], found["0c"]) == (PASSES["network"], PASSES["network"], PASSES["layer"])


@pytest.mark.parametrize("stop", [1, 2, 30, 41, 60, 75, 119, 200, 260, 333, 400, 405, 406, 500, 620])
def test_stopped_anywhere_nothing_stays_half_measured_and_nothing_is_repeated(
    stop: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine = Machine(monkeypatch, tmp_path)
    before = machine.measure(PLAN, stop_after=stop)
    rows = machine.measure(PLAN)
    assert rows[: len(before)] == before
    for way in ("1t_fp32", "2t_int8"):
        found = measured(rows, way)
        assert all(count == PASSES["layer" if model.endswith("c") else "network"] for model, count in found.items())
        assert 3 * 8 <= len(found) <= 3 * 10  # a group that was cut leaves another rest of the time
    assert machine.measure(PLAN) == rows  # nothing is left to do


def test_more_minutes_go_on_with_further_chunks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = Machine(monkeypatch, tmp_path)
    first = measured(machine.measure(plan_of(12, 5 / 60)), "1t_fp32")
    second = measured(machine.measure(plan_of(12, 10 / 60)), "1t_fp32")
    assert len(first) < len(second) < 3 * 12
    assert first.items() <= second.items()


def test_going_on_the_least_probe_of_before_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = Machine(monkeypatch, tmp_path)
    machine.measure(PLAN, stop_after=20)
    machine.measure(PLAN, stop_after=5)
    assert machine.paces[0] == float("inf")
    assert set(machine.paces[1:]) == {50.0}


def test_rows_without_a_probe_are_gone_on_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = Machine(monkeypatch, tmp_path)
    path = tmp_path / "results.jsonl"
    rows = machine.measure(PLAN, stop_after=20)
    path.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "probe_us"}) + "\n" for row in rows))
    assert len(measured(machine.measure(PLAN), "1t_fp32")) == 3 * 9


def test_the_line_counts_what_is_finished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = Machine(monkeypatch, tmp_path, restless=("0a", "1c")).measure(PLAN)
    line = Schedule(PLAN, PLAN["configurations"][0], rows).line()
    assert line.startswith("1t_fp32: ")
    assert line.endswith(" of 20 s: 16 networks, 8 layers, 2 not settled"), line


# The files


def test_a_torn_last_line_is_cut_and_another_plan_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    Results(path, PLAN).append({"type": "begin", "configuration": "1t_fp32"})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"type":"burst","ms":[1')
    assert len(Results(path, PLAN).rows) == 2
    assert path.read_bytes() == whole
    with pytest.raises(ValueError, match=r"results.jsonl has seed 0, not 1; move it away"):
        Results(path, {**PLAN, "seed": 1})
    path.write_bytes(whole + b"\n" + whole)
    with pytest.raises(ValueError, match=r"results.jsonl:3: not a row"):
        Results(path, PLAN)


class Slow(Pace):
    """A core whose loop takes 100 us, and as many times that as `times` says at each further probe."""

    def __init__(self, times: list[float]) -> None:
        super().__init__(100.0)
        self._times = times

    def probe(self) -> float:
        return 100.0 * self._times.pop(0)


def test_all_cores_are_calm_where_none_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    here = sorted(os.sched_getaffinity(0))[:1]
    cores = Cores(here)
    monkeypatch.setattr(cores, "_paces", {here[0]: Slow([9, 9, 1, *[1.1 * DISTURBED] * 3])})
    assert cores.calm()  # one of three probes was quick
    assert not cores.calm()
    assert sorted(os.sched_getaffinity(0))[:1] == here  # and the thread may go where it could before
    assert Cores([]).calm()


def test_every_core_is_probed_where_it_is() -> None:
    found = []
    allowed = os.sched_getaffinity(0)

    class Noting(Pace):
        def probe(self) -> float:
            found.append(os.sched_getaffinity(0))
            return super().probe()

    cores = Cores(sorted(allowed))
    cores._paces = {core: Noting() for core in cores._paces}
    cores.calm()
    assert found == [{core} for core in sorted(allowed) for _ in range(3)]
    assert os.sched_getaffinity(0) == allowed


@pytest.mark.parametrize("calm", [[True, True], [False, True], [True, False]])
def test_a_burst_counts_where_all_cores_are_calm_before_and_after(
    calm: list[bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    way = configuration(2, "fp32")
    plan = {"search_space": "s", "seed": 0, "burst_s": 0.01, "minutes": 1, "configurations": [way], "chunks": []}
    answers = list(calm)

    class Told(Cores):
        def calm(self) -> bool:
            return answers.pop(0)

    monkeypatch.setattr(runner, "open_session", lambda *_, **__: None)
    monkeypatch.setattr(runner, "feeds", lambda _: {})
    monkeypatch.setattr(runner, "burst", lambda *_: ([1.0] * 5, [1.0] * 4))
    results = Results(tmp_path / "results.jsonl", plan)
    run = runner.ConfigurationRun(plan, way, tmp_path, results, Told([]), None)
    run._burst({"id": "net", "kind": "network"})
    row = json.loads((tmp_path / "results.jsonl").read_text().splitlines()[-1])
    assert (row["runs"], row["kept"]) == (5, 4 if all(calm) else 0)
