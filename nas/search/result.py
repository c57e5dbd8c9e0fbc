"""What a run leaves behind: the contents of front.json and trials.csv."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from optuna.study import Study

from nas.latency.validation import leave_one_out
from nas.resources import replace_file
from nas.search.confirming import accuracy_intervals, rank_fidelity
from nas.search.front import hypervolume_history, nondominated
from nas.search.problem import Problem
from nas.search.random_search import drawn_without_model, random_search
from nas.search.rungs import Ladder, at_rung
from nas.search.space import decode
from nas.search.study import COLUMNS, reached, rows
from nas.spaces.architecture import Architecture
from nas.spaces.budget import show

PACKAGES = ("sepconv-nas", "torch", "pytorch-lightning", "optuna", "onnxruntime", "numpy")


def write_trials(study: Study, folder: Path) -> list[dict[str, Any]]:
    """Write trials.csv, a row per finished trial, and return the rows."""
    finished = [row for row in rows(study) if row["state"] != "running"]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "rungs": json.dumps(row["rungs"]) if row["rungs"] else None} for row in finished)
    replace_file(folder / "trials.csv", text.getvalue().encode())
    return finished


def write_front(front: Mapping[str, Any], folder: Path) -> None:
    """Write front.json."""
    replace_file(folder / "front.json", (json.dumps(front, indent=2) + "\n").encode())


def compose(
    problem: Problem,
    study: Study,
    ladder: Ladder,
    reference: Mapping[str, float],
    confirmed: Mapping[str, Mapping[str, Any]],
    timings: Mapping[str, Mapping[str, Any]],
    measured: Mapping[str, Mapping[str, Any]],
    references: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """The contents of front.json.

    `confirmed` and `timings` are by key, results of `Confirmation` and `time_model`; `measured` is what `OnTarget`
    gave, by key or reference; `about` holds what this function only passes on: seed, data, sampler, proxy, command.
    """
    every = rows(study)
    complete = [row for row in every if row["state"] == "complete"]
    entries = [_with_measured(entry, measured) for entry in _entries(problem, study, confirmed, timings)]
    points = [problem.values({**entry, **_flat(entry)}) for entry in entries]
    members = [entries[index] for index in nondominated(points, problem.directions)]
    history = hypervolume_history([problem.values(row) for row in complete], problem.objectives, reference)
    drawn, without_model = drawn_without_model(problem, study)
    random = random_search(without_model, problem.objectives, reference, len(history))
    inside, every_one = problem.networks()
    cheap = {row["key"]: row["accuracy"] for row in complete}
    states = [row["state"] for row in every]
    return {
        "schema": 1,
        "hardware": {**problem.profile.provenance(), "error": _error(problem)},
        "budget": {
            **asdict(problem.budget),
            "text": [show(*limit) for limit in problem.budget.limits.items()],
            "networks": {"inside": round(inside.estimate), "low": inside.low, "high": inside.high, "of": every_one},
        },
        "search_space": problem.space.name,
        "objectives": list(problem.objectives),
        **about,
        "counts": {
            "proposed": len(states),
            "rejected_by_budget": states.count("rejected"),
            "evaluated": states.count("complete"),
            "stopped": states.count("stopped"),
            "failed": states.count("failed"),
            "confirmed": len(entries),
        },
        "hypervolume": {
            "value": history[-1] if history else 0.0,
            "reference": dict(reference),
            "history": history,
            "random": {"drawn": drawn, **random} if random else None,
        },
        "proxy_fidelity": rank_fidelity(
            [cheap[entry["key"]] for entry in entries],
            [entry["accuracy"]["value"] for entry in entries],
            [entry["macs"] for entry in entries],
        )
        | {"rungs": _rungs(study, ladder)},
        "predicted_and_measured": _comparison(entries),
        "references": [_reference(curve, measured) for curve in references],
        "versions": {package: version(package) for package in PACKAGES},
        "front": sorted(members, key=lambda entry: entry["latency_ms"]["value"]),
        "confirmed": sorted(entries, key=lambda entry: entry["latency_ms"]["value"]),
    }


def _rungs(study: Study, ladder: Ladder) -> list[dict[str, Any]]:
    """How each rung ranked the next, over the networks that finished both."""
    found = []
    for step, (rung, following) in enumerate(pairwise(ladder.rungs)):
        below = at_rung(study, step)
        worth = rung.values([reached(trial)[step] for trial in below])
        both = [(value, trial) for value, trial in zip(worth, below, strict=True) if len(reached(trial)) > step + 1]
        dear = [reached(trial)[step + 1]["accuracy"] for _, trial in both]
        macs = [trial.user_attrs["candidate"]["macs"] for _, trial in both]
        tau = rank_fidelity([value for value, _ in both], dear, macs)
        found.append({"from": rung.name, "to": following.name, "reached": len(below), **tau})
    return found


def _entries(
    problem: Problem,
    study: Study,
    confirmed: Mapping[str, Mapping[str, Any]],
    timings: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """One entry per confirmed network, in the form of front.json."""
    good = {key: result for key, result in confirmed.items() if "error" not in result}
    trials = {t.user_attrs.get("key"): t for t in study.get_trials(deepcopy=False)}
    entries = []
    for (key, result), accuracy in zip(good.items(), accuracy_intervals(list(good.values())), strict=True):
        architecture = decode(problem.space, trials[key].params)
        entries.append(entry(problem, architecture) | {"accuracy": accuracy, "onnx": f"models/{result['onnx']}"})
        entries[-1] |= {"onnx_int8": None, "host_latency_ms": timings.get(key)}
    return entries


def entry(problem: Problem, architecture: Architecture) -> dict[str, Any]:
    """What is known of a network before training, in the form of front.json."""
    candidate = problem.candidate(architecture)
    return {
        "key": candidate.key,
        "notation": candidate.notation,
        "architecture": architecture.to_json(),
        "macs": candidate.macs,
        "params": candidate.params,
        "weight_bytes": candidate.weight_bytes,
        "peak_activation_bytes": candidate.peak_activation_bytes,
        "latency_ms": {
            "value": candidate.latency_ms,
            "low": candidate.latency_low_ms,
            "high": candidate.latency_high_ms,
            "how": "predicted",
            "in_range": candidate.in_range,
        },
    }


def _with_measured(entry: dict[str, Any], measured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The entry with its measured latency in place of the predicted one, which goes to `predicted`."""
    found, predicted = measured.get(entry["key"]), entry["latency_ms"]
    if found is None:
        return entry
    ends = {name: predicted[name] for name in ("value", "low", "high")}
    return {**entry, "latency_ms": {**found, "in_range": predicted["in_range"], "predicted": ends}}


def _reference(curve: Mapping[str, Any], measured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    found = measured.get(curve["name"])
    if found is None:
        return dict(curve)
    return {**curve, "latency_ms": found["value"], "predicted_ms": curve["latency_ms"]}


def _comparison(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """How far the predictions of the confirmed networks were from what was measured; None if nothing was."""
    found = [entry["latency_ms"] for entry in entries if "predicted" in entry["latency_ms"]]
    if not found:
        return None
    errors = [100 * abs(each["predicted"]["value"] / each["value"] - 1) for each in found]
    inside = sum(each["predicted"]["low"] <= each["value"] <= each["predicted"]["high"] for each in found)
    return {
        "n": len(found),
        "mape_percent": round(sum(errors) / len(errors), 4),
        "max_percent": round(max(errors), 4),
        "inside_interval": inside,
    }


def _flat(entry: Mapping[str, Any]) -> dict[str, float]:
    return {"accuracy": entry["accuracy"]["value"], "latency_ms": entry["latency_ms"]["value"]}


def _error(problem: Problem) -> dict[str, Any]:
    return {**leave_one_out(problem.profile).to_json(), "how": "leave-one-out"}
