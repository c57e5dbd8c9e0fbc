"""What a run leaves behind: the contents of front.json and trials.csv."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from optuna.study import Study

from nas.latency.validation import leave_one_out
from nas.problem import Problem
from nas.resources import replace_file
from nas.search.confirm.candidates import right
from nas.search.confirm.intervals import accuracy_intervals, probabilities
from nas.search.fidelity import proxy_fidelity
from nas.search.front import hypervolume_history, nondominated
from nas.search.parameters import decode
from nas.search.random_search import drawn_without_model, random_search
from nas.search.record.study import COLUMNS, rows
from nas.search.rungs import Ladder
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

    `confirmed` is by key, what `judge` and `publish` gave of a network; `timings` are results of `time_model`, by key
    and, of int8 files, by `key:int8`; `measured` is what `DeviceTiming` gave, by key or reference; `about` holds what
    this function only passes on: seed, data, sampler, proxy, command. The front is chosen by the validation split; of
    its networks, those that another beats on the test split as well as in all costs are left out, so that it is a
    front in the figures that it shows.
    """
    every = rows(study)
    complete = [row for row in every if row["state"] == "complete"]
    entries = [_with_measured(entry, measured) for entry in _entries(problem, study, confirmed, timings)]
    costs = np.array([problem.cost_values(_flat(entry, "val_accuracy")) for entry in entries])
    flags = [right(result["trainings"], result["val_images"]) for result in confirmed.values()]
    for member, probability in zip(entries, probabilities(flags, costs), strict=True):
        member["probability"] = probability
    members = _front(problem, _front(problem, entries, "val_accuracy"), "accuracy")
    history = hypervolume_history([problem.values(row) for row in complete], problem.objectives, reference)
    drawn, without_model = drawn_without_model(problem, study)
    random = random_search(without_model, problem.objectives, reference, len(history))
    inside, every_one = problem.networks()
    states = [row["state"] for row in every]
    return {
        "schema": 1,
        "hardware": {**problem.profile.provenance(), "error": _error(problem)},
        "budget": {
            **problem.budget.to_json(),
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
        "proxy_fidelity": proxy_fidelity(study, ladder, entries),
        "predicted_and_measured": _comparison(entries),
        "references": [_reference(curve, measured) for curve in references],
        "versions": {package: version(package) for package in PACKAGES},
        "front": sorted(members, key=lambda entry: entry["latency_ms"]["value"]),
        "confirmed": sorted(entries, key=lambda entry: entry["latency_ms"]["value"]),
    }


def _entries(
    problem: Problem,
    study: Study,
    confirmed: Mapping[str, Mapping[str, Any]],
    timings: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """One entry per confirmed network, in the form of front.json."""
    trials = {t.user_attrs.get("key"): t for t in study.get_trials(deepcopy=False)}
    entries, judged = [], judgements(list(confirmed.values()))
    for (key, result), (accuracy, val_accuracy) in zip(confirmed.items(), judged, strict=True):
        int8 = result["onnx_int8"]
        entries.append(
            entry(problem, decode(problem.space, trials[key].params))
            | {
                "accuracy": accuracy,
                "val_accuracy": val_accuracy,
                "accuracy_int8": result["accuracy_int8"],
                "onnx": f"models/{result['onnx']}",
                "onnx_bytes": result["onnx_bytes"],
                "onnx_int8": int8 and f"models/{int8}",
                "onnx_int8_bytes": result["onnx_int8_bytes"],
                "int8_error": result["failed"],
                "host_latency_ms": timings.get(key),
                "host_latency_ms_int8": timings.get(f"{key}:int8"),
            }
        )
    return entries


def judgements(judged: Sequence[Mapping[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Accuracy on the test split, and on the validation split, of networks that `judge` gave, for front.json."""
    if not judged:
        return []
    pairs = zip(
        accuracy_intervals([each["test"] for each in judged], judged[0]["test_images"]),
        accuracy_intervals([each["val"] for each in judged], judged[0]["val_images"]),
        strict=True,
    )
    told = []
    for each, (test, val) in zip(judged, pairs, strict=True):
        how = {"how": "confirmed", "seeds": len(each["test"]), "resolution": each["resolution"]}
        told.append((test | how, val))
    return told


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


def _front(problem: Problem, entries: Sequence[dict[str, Any]], accuracy: str) -> list[dict[str, Any]]:
    """The entries that no other beats, by the field `accuracy`."""
    points = [problem.values(_flat(entry, accuracy)) for entry in entries]
    return [entries[index] for index in nondominated(points, problem.directions)]


def _flat(entry: Mapping[str, Any], accuracy: str) -> dict[str, Any]:
    """The measures of an entry, its accuracy and latency as plain numbers."""
    return {**entry, "accuracy": entry[accuracy]["value"], "latency_ms": entry["latency_ms"]["value"]}


def _error(problem: Problem) -> dict[str, Any]:
    return {**leave_one_out(problem.profile).to_json(), "how": "leave-one-out"}
