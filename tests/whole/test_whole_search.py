"""One whole search as a user runs it: killed, interrupted, finished and called again; and several at once."""

import csv
import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnxruntime
from optuna.trial import TrialState

from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.results.run_folder import read_front
from nas.results.schema import SCHEMA_FILE
from nas.results.trials import COLUMNS, TrialRow
from nas.search.front import nondominated
from nas.search.record.notes import study_notes
from nas.search.record.trial import rows
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from tests.helpers.journal import load_journal
from tests.helpers.search_process import SMALL, Command, hold_in_mid_search, snapshot, wait_for


def test_killed_interrupted_finished_and_called_again(tmp_path: Path) -> None:
    """One run folder through all that may happen to it: one test, since each start costs seconds."""
    folder = tmp_path / "run"
    arguments = [*SMALL, "trials=12", "workers=2", "proxy.epochs=4", "confirm.networks=3", "confirm.members=1"]
    arguments += ["baselines.widths=[0.05,0.1,0.25]", "hydra.run.dir=run"]
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


def _killed(running: Command, folder: Path) -> tuple[dict[int, TrialRow], dict[int, str | None]]:
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
    running: Command, folder: Path, arguments: list[str], killed: dict[int, TrialRow], begun: dict[int, str | None]
) -> tuple[dict[int, TrialRow], dict[int, str | None]]:
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
    keys = begun_again | {number: row.key for number, row in complete.items()}  # a slow one may still be at it
    assert {number: keys.get(number) for number in begun} == begun
    return complete, begun_again


def _kept_and_finished(folder: Path, interrupted: dict[int, TrialRow], begun: dict[int, str | None]) -> list[TrialRow]:
    found = rows(load_journal(folder))
    complete = {row.number: row for row in found if row.state == "complete"}
    assert {number: complete[number] for number in interrupted} == interrupted
    assert {number: complete[number].key for number in begun} == begun
    assert len(complete) == 12
    assert len({row.key for row in found}) == len(found)
    assert {row.state for row in found} <= {"complete", "rejected"}
    return found


def _holds_the_contract(folder: Path, found: list[TrialRow], line: str) -> None:
    """Section 5 of the design: every file, key and type of a run folder."""
    files = ("front.json", "trials.csv", "report.html", "front.png", "study.journal", ".hydra/config.yaml")
    assert all((folder / name).stat().st_size > 0 for name in files)
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    html = (folder / "report.html").read_text()
    assert not re.search(r"""(src|href)=["']?https?://[^"'>]+\.(js|css|png)""", html)

    front = json.loads((folder / "front.json").read_text())
    jsonschema.validate(front, json.loads(SCHEMA_FILE.read_text()))
    assert read_front(folder).to_json() == front
    assert front["schema"] == 1
    assert (front["search_space"], front["seed"]) == ("tiny", 0)
    assert front["hardware"]["name"] == "pixel4"
    assert front["hardware"]["error"]["mape_percent"] > 0
    assert (front["budget"]["macs"], front["budget"]["latency_ms"]) == (3e6, 1.1)
    networks, space = front["budget"]["networks"], load_space("tiny")
    assert networks["low"] == networks["inside"] == networks["high"]
    assert 0 < networks["inside"] < networks["of"] == len({space.architecture(r).key for r in space.genotypes()})
    states = [row.state for row in found]
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
    assert [curve["name"] for curve in front["baselines"]] == ["mobilenet_v1_w0.05_s8_r32", "mobilenet_v1_w0.1_s8_r32"]
    assert set(front["command"].replace("'", "").split()[3:]) == set(line.split())

    assert len(front["confirmed"]) == 3
    chosen = front["confirmed"]
    for accuracy in ("val_accuracy", "accuracy"):
        points = [[entry[accuracy]["value"], entry["latency_ms"]["value"]] for entry in chosen]
        chosen = [chosen[i] for i in nondominated(points, ["maximize", "minimize"])]
    assert {entry["key"] for entry in chosen} == {member["key"] for member in front["front"]}
    for entry in front["confirmed"]:
        _is_a_member(folder, entry, {row.key for row in found})

    with (folder / "trials.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    assert [row["state"] for row in table] == states
    assert [row["key"] for row in table] == [row.key for row in found]
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
    fp32, int8, *lite = entry["files"]
    assert [(file["format"], file["precision"], file["error"]) for file in lite] in (
        [],
        [("tflite", "fp32", None), ("tflite", "int8", None)],  # where the extra is installed
    )
    pixels = measured["resolution"]  # what files, their accuracies and their MACs are of
    assert {file["resolution"] for file in entry["files"]} == {pixels} == {16}
    assert {file["macs"] for file in entry["files"]} == {cost(replace(arch, resolution=pixels)).macs}
    assert (folder / entry["weights"]).is_file()
    assert (folder / f"models/{entry['key']}.md").is_file()
    assert (fp32["format"], fp32["precision"], fp32["path"], fp32["error"]) == ("onnx", "fp32", entry["onnx"], None)
    assert (int8["format"], int8["precision"], int8["path"], int8["error"]) == (
        "onnx",
        "int8",
        entry["onnx_int8"],
        None,
    )
    assert all(file["host_latency_ms"]["median"] > 0 for file in entry["files"])
    assert all((folder / file["path"]).stat().st_size == file["bytes"] for file in entry["files"])
    assert entry["onnx"] == f"models/{entry['key']}.onnx"
    session = onnxruntime.InferenceSession(str(folder / entry["onnx"]), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": np.zeros((3, 1, pixels, pixels), np.float32)})
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
    assert study_notes(after) == study_notes(before)
    assert not after.get_trials(states=(TrialState.RUNNING,))
    assert json.loads((folder / "front.json").read_text()) == front
    assert f"report: {folder.name}/report.html" in running.output or f"report: {folder}/report.html" in running.output


def test_multirun_is_one_front_per_combination_and_a_comparison(tmp_path: Path) -> None:
    arguments = ["-m", *SMALL, "trials=2", "workers=1", "proxy.epochs=1", "confirm.networks=1", "confirm.members=1"]
    arguments = [argument for argument in arguments if not argument.startswith("budget=")]
    arguments += ["baselines.widths=[]", "confirm.seeds=1", "confirm.formats=[onnx]", "score.population=8"]
    running = Command(tmp_path / "multirun", *arguments, "budget=2M,1M")
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
