"""The commands as a user calls them: bad input in one line, predictions, one whole search, kill, Ctrl-C, multirun."""

import csv
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hydra import compose, initialize_config_dir
from optuna.trial import TrialState

from nas.commandline import _run_folder, command
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.latency.validation import leave_one_out
from nas.predict import PredictSettings
from nas.predict import main as predict
from nas.report.__main__ import main as report
from nas.resources import data_dir
from nas.search.front import nondominated
from nas.search.record.study import COLUMNS, load_journal, rows
from nas.search.settings import SearchSettings
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.validate import ValidateSettings
from nas.validate import main as validate

search_command = importlib.import_module("nas.search.__main__")
COMMANDS: dict[str, tuple[Any, Callable[..., None]]] = {
    "search": (SearchSettings, search_command.main),
    "predict": (PredictSettings, predict),
    "validate": (ValidateSettings, validate),
}


def call(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> int:
    """The exit code of `python -m nas.<name> <arguments>`, run in this process."""
    settings, main = COMMANDS[name]
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(SystemExit) as ended:
        command(name, settings, main)
    return int(ended.value.code or 0)


# --- a whole search -------------------------------------------------------------------------------

SMALL = [
    *("search_space=tiny", "budget=[3M,1.1ms]", "data.limit=400", "proxy.resolution=16", "proxy.batch_size=16"),
    *("confirm.resolution=16", "confirm.seeds=2", "confirm.epochs=1", "confirm.extra=0", "sampler.start=4"),
    "score.population=16",
]
LIMIT_S = 240
"""A safety net for whatever is waited for; nothing is measured against it."""


class Command:
    """`python -m nas.search …` in a process group of its own, its output in a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._log = folder.parent / f"{folder.name}.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nas.search", *arguments],
                cwd=folder.parent,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait(self) -> int:
        return self.process.wait(LIMIT_S)

    def alive(self) -> bool:
        """Whether any process of the group still runs; one that is dead and not yet reaped does not."""
        if not Path("/proc/self/stat").exists():
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return False
            return True
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            except OSError:  # gone meanwhile
                continue
            if int(group) == self.process.pid and state not in "ZX":
                return True
        return False

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def wait_for(condition: Callable[[], Any], running: Command) -> None:
    give_up = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up, running.output
        time.sleep(0.02)


def hold_in_mid_search(running: Command, folder: Path, finished: int) -> None:
    """Stop the process at an instant with `finished` trials done and at least one being evaluated."""

    def reached() -> bool:
        assert running.process.poll() is None, running.output
        if not (folder / "study.journal").exists():
            return False
        os.kill(running.process.pid, signal.SIGSTOP)
        try:
            states = [row["state"] for row in rows(load_journal(folder))]
        except KeyError:  # the journal does not hold the study yet
            states = []
        if states.count("complete") >= finished and "running" in states:
            return True
        os.kill(running.process.pid, signal.SIGCONT)
        return False

    wait_for(reached, running)


def snapshot(folder: Path) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """Complete rows by number, and the keys of what is being evaluated."""
    found = rows(load_journal(folder))
    complete = {row["number"]: row for row in found if row["state"] == "complete"}
    return complete, {row["number"]: row["key"] for row in found if row["state"] == "running"}


def test_killed_interrupted_finished_and_called_again(tmp_path: Path) -> None:
    """One run folder through all that may happen to it: one test, since each start costs seconds."""
    folder = tmp_path / "run"
    arguments = [*SMALL, "trials=12", "workers=2", "proxy.epochs=4", "confirm.networks=3", "confirm.members=1"]
    arguments += ["references.widths=[0.25]", "hydra.run.dir=run"]
    started: list[Command] = []

    def start() -> Command:
        started.append(Command(folder, *arguments))
        return started[-1]

    try:
        killed, begun = _killed(start(), folder)
        interrupted, begun_again = _interrupted(start(), folder, arguments, killed, begun)
        last = start()
        assert last.wait() == 0, last.output
        table = _kept_and_finished(folder, interrupted, begun_again)
        _holds_the_contract(folder, table, " ".join(arguments))
        _is_quick_to_repeat(start(), folder)
    finally:
        for running in started:
            running.end()


def _killed(running: Command, folder: Path) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """Kill the main process alone, in mid-search; its workers must notice."""
    hold_in_mid_search(running, folder, finished=2)
    complete, begun = snapshot(folder)
    os.kill(running.process.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    wait_for(lambda: not running.alive(), running)
    assert len(complete) >= 2
    assert begun
    return complete, begun


def _interrupted(
    running: Command, folder: Path, arguments: list[str], killed: dict[int, dict[str, Any]], begun: dict[int, str]
) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """Resume, and press Ctrl-C some trials later."""
    hold_in_mid_search(running, folder, finished=len(killed) + len(begun) + 1)
    complete, begun_again = snapshot(folder)
    os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does it: everyone in the group
    os.kill(running.process.pid, signal.SIGCONT)
    assert running.wait() == 130, running.output
    wait_for(lambda: not running.alive(), running)
    assert "Traceback" not in running.output
    assert "interrupted; what is finished is kept. To go on:" in running.output
    resume = running.output.splitlines()[-1].strip()
    assert resume.startswith("python -m nas.search search_space=tiny 'budget=[3M,1.1ms]'")
    assert resume.endswith("hydra.run.dir=run")
    assert {number: complete[number] for number in killed} == killed
    assert {number: complete[number]["key"] for number in begun} == begun
    return complete, begun_again


def _kept_and_finished(
    folder: Path, interrupted: dict[int, dict[str, Any]], begun: dict[int, str]
) -> list[dict[str, Any]]:
    found = rows(load_journal(folder))
    complete = {row["number"]: row for row in found if row["state"] == "complete"}
    assert {number: complete[number] for number in interrupted} == interrupted
    assert {number: complete[number]["key"] for number in begun} == begun
    assert len(complete) == 12
    assert len({row["key"] for row in found}) == len(found)
    assert {row["state"] for row in found} <= {"complete", "rejected"}
    return found


def _holds_the_contract(folder: Path, found: list[dict[str, Any]], line: str) -> None:
    """Section 5 of the design: every file, key and type of a run folder."""
    files = ("front.json", "trials.csv", "report.html", "front.png", "study.journal", ".hydra/config.yaml")
    assert all((folder / name).stat().st_size > 0 for name in files)
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    html = (folder / "report.html").read_text()
    assert not re.search(r"""(src|href)=["']?https?://[^"'>]+\.(js|css|png)""", html)

    front = json.loads((folder / "front.json").read_text())
    assert front["schema"] == 1
    assert (front["search_space"], front["seed"]) == ("tiny", 0)
    assert front["hardware"]["name"] == "pixel4"
    assert front["hardware"]["error"]["mape_percent"] > 0
    assert (front["budget"]["macs"], front["budget"]["latency_ms"]) == (3e6, 1.1)
    networks, space = front["budget"]["networks"], load_space("tiny")
    assert networks["low"] == networks["inside"] == networks["high"]
    assert 0 < networks["inside"] < networks["of"] == len({space.architecture(r).key for r in space.genotypes()})
    states = [row["state"] for row in found]
    assert front["counts"] == {
        "proposed": len(found),
        "rejected_by_budget": states.count("rejected"),
        "evaluated": 12,
        "stopped": 0,
        "failed": 0,
        "confirmed": len(front["confirmed"]),
    }
    assert 0 < front["hypervolume"]["value"] < 1
    assert len(front["hypervolume"]["history"]) == 12
    assert front["proxy_fidelity"]["n"] == len(front["confirmed"])
    assert [curve["name"] for curve in front["references"]] == ["mobilenet_v1_w0.25_r32", "mobilenet_v2_w0.25_r32"]
    assert set(front["command"].replace("'", "").split()[3:]) == set(line.split())

    assert len(front["confirmed"]) == 3
    chosen = front["confirmed"]
    for accuracy in ("val_accuracy", "accuracy"):
        points = [[entry[accuracy]["value"], entry["latency_ms"]["value"]] for entry in chosen]
        chosen = [chosen[i] for i in nondominated(points, ["maximize", "minimize"])]
    assert {entry["key"] for entry in chosen} == {member["key"] for member in front["front"]}
    for entry in front["confirmed"]:
        _is_a_member(folder, entry, {row["key"] for row in found})

    with (folder / "trials.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    assert [row["state"] for row in table] == states
    assert [row["key"] for row in table] == [row["key"] for row in found]
    for row in table:
        if row["state"] == "complete":
            assert 0 <= float(row["accuracy"]) <= 1
            assert float(row["latency_ms"]) <= 1.1
            assert int(row["macs"]) <= 3_000_000
            assert row["how"] == "short"
        else:
            assert " over " in row["error"]


def _is_a_member(folder: Path, entry: dict[str, Any], evaluated: set[str]) -> None:
    arch = Architecture.from_json(entry["architecture"])
    costs, predicted = cost(arch), latency(arch, load_profile("pixel4"))
    assert (entry["key"], entry["notation"]) == (arch.key, arch.notation)
    assert entry["key"] in evaluated
    assert (entry["macs"], entry["params"]) == (costs.macs, costs.params)
    assert entry["macs"] <= 3e6
    measured = entry["accuracy"]
    assert 0 <= measured["low"] <= measured["value"] <= measured["high"] <= 1
    assert (measured["how"], measured["seeds"]) == ("confirmed", 2)
    milliseconds = entry["latency_ms"]
    assert (milliseconds["value"], milliseconds["low"], milliseconds["high"]) == (
        *(predicted.ms, predicted.low, predicted.high),
    )
    assert (milliseconds["how"], milliseconds["in_range"]) == ("predicted", predicted.in_range)
    assert entry["host_latency_ms"]["median"] > 0
    assert entry["onnx"] == f"models/{entry['key']}.onnx"
    session = onnxruntime.InferenceSession(str(folder / entry["onnx"]), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": np.zeros((3, 1, 32, 32), np.float32)})
    assert logits.shape == (3, 10)
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["key"] == entry["key"]
    assert {"classes", "preprocessing", "accuracy", "latency_ms"} <= set(metadata)


def _is_quick_to_repeat(running: Command, folder: Path) -> None:
    """The same command once more trains nothing, and ends with the same front."""
    before = load_journal(folder)
    front = json.loads((folder / "front.json").read_text())
    assert running.wait() == 0, running.output
    after = load_journal(folder)
    assert after.trials == before.trials
    assert after.user_attrs == before.user_attrs
    assert not after.get_trials(states=(TrialState.RUNNING,))
    assert json.loads((folder / "front.json").read_text()) == front
    assert f"report: {folder.name}/report.html" in running.output or f"report: {folder}/report.html" in running.output


# --- wrong input ----------------------------------------------------------------------------------

TYPO = """
resolution: 32
downsample: 2
stages:
  - {op: sep, kernal: 3, out_channels: 8, stride: 2}
"""

# what is wrong: command, arguments, what the one line must say
WRONG: dict[str, tuple[str, list[str], str]] = {
    "hardware": ("search", ["hardware=pixel5"], r"unknown hardware.* 'pixel5'; known: .*pixel4"),
    "device": ("search", ["device=phone"], r"device: .*'auto', 'none', 'host', 'ssh' or 'adb', got 'phone'"),
    "accelerator": ("search", ["accelerator=tpu"], r"accelerator: .*'auto', 'cpu' or 'gpu', got 'tpu'"),
    "device without host": ("search", ["device=ssh"], r"device=ssh needs host=…"),
    "host without device": ("search", ["reach.host=pi"], r"host goes with device=ssh, not with device=host"),
    "configuration": ("search", ["hardware=pixel4:9huge"], r"9huge.*1large_fp32"),
    "space": ("search", ["search_space=huge"], r"unknown search space 'huge'; known: .*separable.*tiny"),
    "space typo": ("search", ["search_space=typo.yaml"], r"typo\.yaml: stage1: unknown key 'kernal'; known: .*kernel"),
    "space not YAML": ("search", ["search_space=broken.yaml"], r"broken\.yaml: not YAML"),
    "negative budget": ("search", ["budget=-3M"], r"a budget must be above 0, got -3M MACs"),
    "unreadable budget": ("search", ["budget=abc"], r"cannot read the budget 'abc'; use 300M"),
    "zero budget": ("search", ["budget=0ms"], r"a budget must be above 0, got 0 ms"),
    "budget without unit": ("search", ["budget=300"], r"no unit in the budget '300'"),
    "budget unit": ("search", ["budget=3parsec"], r"unknown unit 'parsec'"),
    "budget twice": ("search", ["budget=[300M,200M]"], r"the budget limits macs twice"),
    "impossible budget": ("search", ["budget=1k"], r"no network of separable meets the budget .* smallest has [\d.]+M"),
    "impossible second budget": ("search", ["budget=[300M,0.01ms]"], r"no network .* the smallest has .* ms"),
    "data path": ("search", ["data=imagefolder", "data.path=nowhere"], r"nowhere"),
    "no data path": ("search", ["data=imagefolder"], r"data\.path is not set; give data\.path="),
    "empty data folder": ("search", ["data=imagefolder", "data.path=empty"], r"empty"),
    "run folder": (
        "search",
        ["hydra.run.dir=file/run"],
        r"cannot write the run folder.*file/run; choose hydra.run.dir",
    ),
    "run folder is a file": ("search", ["hydra.run.dir=file"], r"cannot write the run folder.*file"),
    "unknown key": ("search", ["trails=3"], r"unknown setting 'trails'; known: .*trials"),
    "unknown inner key": ("search", ["confirm.epoch=3"], r"unknown setting 'confirm\.epoch'; known: .*confirm\.epochs"),
    "added key": ("search", ["+colour=red"], r"unknown setting 'colour'; known: .*budget"),
    "added inner key": ("search", ["+proxy.width=2"], r"unknown setting 'proxy\.width'; known: .*proxy\.epochs"),
    "wrong type": ("search", ["trials=many"], r"trials: .*integer.*'many'"),
    "wrong inner type": ("search", ["proxy.learning_rate=fast"], r"proxy\.learning_rate: .*number.*'fast'"),
    "wrong type of a list": ("search", ["references.widths=[a]"], r"references\.widths\.0: .*'a'"),
    "zero trials": ("search", ["trials=0"], r"trials: .*greater than or equal to 1, got 0"),
    "zero workers": ("search", ["workers=0"], r"workers.*: .*greater than or equal to 1, got 0"),
    "negative seed": ("search", ["seed=-1"], r"seed: .*greater than or equal to 0, got -1"),
    "zero time": ("search", ["time_limit=0"], r"time_limit.*: .*greater than 0, got 0"),
    "members": (
        "search",
        ["confirm.members=13"],
        r"confirm\.members=13 is more than .* confirm\.networks=6, .* up to 12",
    ),
    "objective": ("search", ["objectives=[accuracy,speed]"], r"unknown objective 'speed'; known: accuracy, latency"),
    "no accuracy": ("search", ["objectives=[latency]"], r"accuracy must be one of the objectives"),
    "rungs": ("search", ["rungs=[short,huge]"], r"unknown rung 'huge'; known: .*short"),
    "order of rungs": (
        "search",
        ["rungs=[long,short]"],
        r"must go from cheap to dear .* got \['long', 'short'\]",
    ),
    "score": ("search", ["score.names=[magic]"], r"unknown score 'magic'; known: depth, .*zico"),
    "no rungs": ("search", ["rungs=[]"], r"the last of rungs must be a training.*got \[\]"),
    "keep": ("search", ["keep=1.5"], r"keep: .*less than 1, got 1\.5"),
    "patience": ("search", ["patience=0"], r"patience.*: .*greater than or equal to 1, got 0"),
    "group option": ("search", ["sampler=magic"], r"unknown sampler 'magic'; known: nsga2, pareto, random, tpe"),
    "tracker option": ("search", ["tracker=mlflow"], r"unknown tracker 'mlflow'; known: none, wandb"),
    "data option": (
        "search",
        ["data=mnist"],
        r"unknown data 'mnist'; known: cifar10, digits, fashion_mnist, hf, imagefolder",
    ),
    "group name": ("search", ["sampler.name=magic"], r"unknown sampler 'magic'; known: nsga2, pareto, random, tpe"),
    "proxy name": ("search", ["proxy.name=magic"], r"unknown proxy 'magic'; known: score, short, supernet"),
    "executor name": ("search", ["executor.name=magic"], r"unknown executor 'magic'; known: local"),
    "grammar": ("search", ["budget=[300M"], r"cannot read the command line: .* in 'budget=\[300M'"),
    "no value": ("search", ["trials"], r"trials"),
    "sampler option": ("search", ["sampler.start=many", "data.limit=60"], r"start must be a whole number .*'many'"),
    "storage": ("search", ["storage=nothing://x", "data.limit=60"], r"cannot open storage=nothing://x"),
    "no arch": ("predict", [], r"arch is not set; give arch="),
    "arch": ("predict", ["arch=resnet50"], r"resnet50.*mobilenet_v2"),
    "arch JSON": ("predict", ["arch=broken.json"], r"broken\.json"),
    "arch key": ("predict", ["arch=typo.json"], r"typo\.json.*kernal"),
    "arch file": ("predict", ["arch=nowhere.json"], r"nowhere\.json"),
    "arch notation": ("predict", ["arch='32x3 conv3/2-8 septic fc10'"], r"cannot read the block 'septic'"),
    "format": ("predict", ["arch=mobilenet_v2", "format=xml"], r"format: .*'text' or 'json'.*'xml'"),
    "predict hardware": ("predict", ["arch=mobilenet_v2", "hardware=pixel5"], r"unknown hardware.* 'pixel5'"),
    "validate hardware": ("validate", ["hardware=pixel5"], r"unknown hardware.* 'pixel5'"),
    "validate key": ("validate", ["hardwear=pixel4"], r"unknown setting 'hardwear'; known: format, hardware, rem"),
}


@pytest.fixture
def mistakes(here: Path) -> Path:
    (here / "typo.yaml").write_text(TYPO)
    (here / "broken.yaml").write_text("stages: [")
    (here / "broken.json").write_text("{")
    (here / "typo.json").write_text(
        '{"resolution": 32, "blocks": [{"op": "conv", "kernel": 3, "stride": 1, "out_channels": 8, "kernal": 3}]}'
    )
    (here / "file").write_text("not a folder")
    (here / "empty").mkdir()
    return here


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_one_line_and_exit_code_2(
    what: str, mistakes: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    name, arguments, message = WRONG[what]
    assert call(monkeypatch, name, *arguments) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert re.search(message, lines[0]), lines[0]


def test_report_of_no_run_folder(mistakes: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["report", "empty"])
    assert report() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"error: cannot read empty/front\.json: .*; give the folder of a finished search", line)


def test_a_real_process_says_the_same(mistakes: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "nas.search", "budget=-3M"], capture_output=True, text=True, timeout=300, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(r"error: a budget must be above 0, got -3M MACs; .*\n", ended.stderr)


def fail_while_interrupted(settings: Any, invocation: Any) -> None:
    try:
        raise KeyboardInterrupt
    finally:
        os.unlink("gone")  # as when Ctrl-C cuts the release of the journal's lock short


def fail(settings: Any, invocation: Any) -> None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(("main", "code", "says"), [(fail_while_interrupted, 130, "To go on:"), (fail, 1, "a bug")])
def test_ctrl_c_and_bugs_have_their_exit_codes(
    main: Any, code: int, says: str, here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "validate", (ValidateSettings, main))
    assert call(monkeypatch, "validate") == code
    text = capsys.readouterr().err
    assert says in text
    assert ("Traceback" in text) == (code == 1)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, name, "--help") == 0
    text = capsys.readouterr().out
    assert f"python -m nas.{name} hardware=pixel4" in text
    for key in COMMANDS[name][0].__dataclass_fields__:
        assert re.search(rf"^{key}:", text, re.MULTILINE), key
    assert not list(here.iterdir())


# --- predict and validate -------------------------------------------------------------------------


def test_predict_json(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "predict", "hardware=pixel4", "arch=mobilenet_v2", "format=json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"arch", "macs", "params", "latency_ms", "in_range"} <= set(found)
    assert (found["arch"], found["macs"], found["params"]) == ("mobilenet_v2", 300_774_272, 3_504_872)
    expected = latency(load_architecture("mobilenet_v2"), load_profile("pixel4"))
    assert found["latency_ms"] == {"value": expected.ms, "low": expected.low, "high": expected.high}
    assert found["in_range"] is True
    assert not list(here.iterdir())


def test_predict_text(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "predict", "hardware=pixel4:1large_int8", "arch=mobilenet_v2") == 0
    (line,) = capsys.readouterr().out.splitlines()
    expected = latency(load_architecture("mobilenet_v2"), load_profile("pixel4:1large_int8"))
    assert line.startswith(f"mobilenet_v2 on pixel4:1large_int8: {expected.ms:.2f} ms (90 % interval")
    assert line.endswith("300.8M MACs, 3.50M params")


def test_predict_says_when_it_extrapolates(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    arch = Architecture.from_notation("32x3 conv3/2-8 sep3-8 fc10")
    (here / "small.json").write_text(json.dumps(arch.to_json()))
    assert call(monkeypatch, "predict", "arch=small.json") == 0
    assert "; beyond what was measured: " in capsys.readouterr().out
    assert call(monkeypatch, "predict", "arch=small.json", "format=json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["in_range"] is False
    assert found["macs"] == cost(arch).macs


def test_validate(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "validate", "hardware=pixel4", "store=false") == 0
    text = " ".join(capsys.readouterr().out.split())
    errors = leave_one_out(load_profile("pixel4"))
    assert "pixel4:1large_fp32: each of 18 networks predicted from the others" in text
    for name, value in (
        ("MAPE", f"{errors.mape_percent:.1f} %"),
        ("largest error", f"{errors.max_percent:.1f} %"),
        ("within 5 %", f"{errors.within_5_percent:.0f} %"),
        ("within 10 %", f"{errors.within_10_percent:.0f} %"),
        ("Spearman", f"{errors.spearman:.3f}"),
    ):
        assert re.search(rf"│ {name} │ {re.escape(value)} │", text), name


# --- the run folder's name ------------------------------------------------------------------------


def folder_of(*overrides: str) -> str:
    with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
        return _run_folder(_root_=compose("search", overrides=list(overrides)))


def test_the_default_run_folder_is_readable_and_the_same_for_the_same_command(here: Path) -> None:
    folder = folder_of("budget=[300M,25ms]", "seed=3")
    assert re.fullmatch(r"pixel4-300M_25ms-separable-digits-seed3-[0-9a-f]{6}", folder)
    assert folder == folder_of("seed=3", "budget=[300M,25ms]")


@pytest.mark.parametrize(
    "change",
    [
        *("hardware=pixel4:1large_int8", "budget=150M", "search_space=tiny", "seed=1", "objectives=[accuracy,macs]"),
        *("data.limit=100", "sampler=random", "sampler.start=5", "proxy.epochs=9", "hardware=other/pixel4"),
        *("warm_start=false", "references.widths=[]", "rungs=[short,long]", "keep=0.5", "long.epochs=9"),
    ],
)
def test_what_makes_results_comparable_changes_the_run_folder(change: str, here: Path) -> None:
    assert folder_of(change) != folder_of()


@pytest.mark.parametrize(
    "change",
    [
        *("trials=99", "workers=7", "accelerator=cpu", "time_limit=5", "confirm.epochs=3", "tracker=wandb"),
        *("storage=sqlite:///x.db", "executor=local", "budget=300M", "patience=9", "patience_gain=0.1"),
    ],
)
def test_what_may_change_on_resuming_does_not(change: str, here: Path) -> None:
    assert folder_of(change) == folder_of()


# --- several searches -----------------------------------------------------------------------------


def test_multirun_is_one_front_per_combination_and_a_comparison(tmp_path: Path) -> None:
    arguments = ["-m", *SMALL, "trials=2", "workers=1", "proxy.epochs=1", "confirm.networks=1", "confirm.members=1"]
    arguments = [argument for argument in arguments if not argument.startswith("budget=")]
    running = Command(tmp_path / "multirun", *arguments, "references.widths=[]", "confirm.seeds=1", "budget=2M,1M")
    try:
        assert running.wait() == 0, running.output
    finally:
        running.end()
    fronts = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/front.json")]
    assert sorted(front["budget"]["macs"] for front in fronts) == [1e6, 2e6]
    for front in fronts:
        assert front["counts"]["evaluated"] == 2
        assert all(member["macs"] <= front["budget"]["macs"] for member in front["front"])
    (comparison,) = tmp_path.glob("runs/comparison-*.html")
    assert all(member["key"] in comparison.read_text() for front in fronts for member in front["front"])
    assert "comparison: " in running.output
