"""A made-up but realistic run, for the tests of nas.report and for looking at what they draw."""

import csv
import json
import math
import random
from pathlib import Path
from typing import Any

COLUMNS = (
    *("number", "state", "key", "notation", "accuracy", "how", "latency_ms", "latency_low_ms", "latency_high_ms"),
    *("macs", "params", "weight_bytes", "peak_activation_bytes", "seconds", "error", "rungs"),
)
NOTATION = (
    "224x3 conv3/2-16 sep3-16 mb3e3/2-24x2 mb5e6/2-32 sep5-40 mb3e6/2-{width}x3 sep3-96 mb5e6/2-160x2 conv1-640 fc10"
)


def sample_front(members: int = 6, **changes: Any) -> dict[str, Any]:
    """A front of `members` networks and two dominated ones, with two reference curves."""
    confirmed = [_member(index, members) for index in range(members)]
    beaten = [_member(index, members, worse=0.03) for index in (1, 3) if index < members]
    front = {
        "schema": 1,
        "hardware": {
            "name": "pixel4",
            "configuration": "1large",
            "device": "Google Pixel 4",
            "soc": "Snapdragon 855",
            "cores": "1x Cortex-A76 2.84 GHz",
            "threads": 1,
            "precision": "fp32",
            "runtime": "TFLite",
            "runtime_version": "2.10",
            "method": "median of repeats, batch 1, 224x224",
            "repeats": 30,
            "date": "2022-10",
            "source": "mobile-ml-benchmark (Li, Paolieri, Golubchik), MIT",
            "notes": ["These are TFLite measurements of 18 networks; a recording with ONNX Runtime replaces them."],
            "error": {
                "n": 18,
                "mape_percent": 3.1,
                "max_percent": 8.4,
                "within_5_percent": 83.3,
                "within_10_percent": 100.0,
                "spearman": 0.994,
                "macs_mape_percent": 15.6,
                "how": "leave-one-out",
            },
        },
        "budget": {"text": ["300M"], "macs": 300_000_000, "latency_ms": None, "weight_bytes": None, "params": None},
        "search_space": "separable",
        "seed": 0,
        "objectives": ["accuracy", "latency"],
        "data": {
            "source": "digits",
            "classes": [str(digit) for digit in range(10)],
            "train": 1149,
            "val": 288,
            "test": 360,
            "native_resolution": 32,
            "skipped": ["train/7/broken.png: cannot identify image file"],
        },
        "sampler": "tpe",
        "proxy": {"how": "short", "resolution": 32, "epochs": 3, "width": 1.0},
        "counts": {"proposed": 71, "rejected_by_budget": 38, "evaluated": 30, "failed": 2, "confirmed": members + 2},
        "hypervolume": {
            "value": 0.712,
            "reference": {"accuracy": 0.1, "latency": 44.0},
            "history": [round(0.72 * (1 - math.exp(-(1 + n // 3 * 3) / 6)), 4) for n in range(30)],
        },
        "proxy_fidelity": {
            **{"kendall_tau": 0.5, "n": members + 2, "low": -0.07, "high": 0.86, "macs_kendall_tau": 0.64},
            **{"verdict": "no better than MACs", "warning": "the cheap accuracies ranked no better …"},
        },
        "references": [_reference(family, width) for family in (1, 2) for width in (0.25, 0.5, 0.75, 1.0)],
        "front": confirmed,
        "confirmed": [*confirmed, *beaten],
        "command": "python -m nas.search hardware=pixel4 budget=300M",
        "versions": {"sepconv-nas": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "optuna": "5.0.0"},
    }
    return front | changes


def climbed() -> dict[str, Any]:
    """What a front says more where networks climb rungs and some were drawn at random."""
    growth = [round(0.6 * (1 - math.exp(-(1 + n) / 8)), 4) for n in range(20)]
    return {
        "rungs": ["short", "long"],
        "counts": sample_front()["counts"] | {"stopped": 9},
        "hypervolume": sample_front()["hypervolume"]
        | {
            "random": {
                "draws": 10,
                "mean": growth,
                "low": [round(0.8 * value, 4) for value in growth],
                "high": [round(min(1, value + 0.08), 4) for value in growth],
            }
        },
        "proxy_fidelity": sample_front()["proxy_fidelity"]
        | {
            "rungs": [
                {"from": "score", "to": "short", "reached": 60, "n": 39, "kendall_tau": 0.41, "low": 0.2, "high": 0.6}
                | {"macs_kendall_tau": 0.52, "verdict": "no better than MACs"}
                | {"warning": "the rung score ranked no better"},
                {"from": "short", "to": "long", "reached": 39, "n": 30, "kendall_tau": 0.62, "low": 0.45, "high": 0.8}
                | {"macs_kendall_tau": 0.5, "verdict": "better than MACs", "warning": None},
            ]
        },
    }


def sample_trials(complete: int = 30, rejected: int = 6, failed: int = 2, stopped: int = 0) -> list[dict[str, Any]]:
    """Rows as `trials.csv` holds them, unknown cells None."""
    rng = random.Random(0)
    rows = [_trial(number, rng) for number in range(complete)]
    for number in range(stopped):  # every other one on its score, before any training
        reached = {"score": {"naswot": 300.5 + number}}
        row = _trial(len(rows), rng) | {"state": "stopped"}
        scored = {"accuracy": None, "how": "score", "rungs": reached}
        rows.append(row | (scored if number % 2 else {"rungs": reached | {"short": row["accuracy"]}}))
    for _ in range(failed):
        why = "diverged: the loss was nan in epoch 2"
        rows.append(_trial(len(rows), rng) | {"state": "failed", "accuracy": None, "error": why, "rungs": None})
    for _ in range(rejected):
        why = f"{rng.randint(301, 900)}M MACs are over the budget of 300M"
        blank = {"state": "rejected", "accuracy": None, "how": None, "seconds": None, "error": why, "rungs": None}
        rows.append(_trial(len(rows), rng) | blank)
    return rows


def write_run(folder: Path, front: dict[str, Any], trials: list[dict[str, Any]]) -> Path:
    """A run folder as a search leaves it, with small stand-ins for the ONNX files."""
    (folder / "models").mkdir(parents=True)
    (folder / "front.json").write_text(json.dumps(front))
    with (folder / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(row | {"rungs": row["rungs"] and json.dumps(row["rungs"])} for row in trials)
    for entry in front["front"]:
        (folder / entry["onnx"]).write_bytes(b"onnx " + entry["key"].encode())
    return folder


def _member(index: int, members: int, worse: float = 0.0) -> dict[str, Any]:
    share = index / max(1, members - 1)
    latency = 5.2 + 17 * share**1.3 + 60 * worse
    accuracy = 0.905 + 0.075 * share**0.6 - worse
    macs = int(38e6 + 240e6 * share + 1e8 * worse)
    params = int(0.42e6 + 2.6e6 * share)
    key = f"{'d' if worse else 'f'}{index:015x}"
    return {
        "key": key,
        "notation": NOTATION.format(width=64 + 8 * index),
        "architecture": {"resolution": 224, "in_channels": 3, "classes": 10, "blocks": []},
        "macs": macs,
        "params": params,
        "weight_bytes": params * 4,
        "peak_activation_bytes": int(4.8e6 + 2e6 * share),
        "accuracy": {
            "value": accuracy,
            "low": accuracy - 0.018,
            "high": min(1.0, accuracy + 0.014),
            "how": "confirmed",
            "seeds": 2,
            "resolution": 32,
        },
        "latency_ms": {
            "value": latency,
            "low": latency * 0.93,
            "high": latency * 1.07,
            "how": "predicted",
            "in_range": index != 0,
        },
        "host_latency_ms": {
            "median": latency * 0.6,
            "low": latency * 0.58,
            "high": latency * 0.66,
            "threads": 1,
            "runtime": "onnxruntime 1.31",
        },
        "host_latency_ms_int8": None if index == 2 else {"median": latency * 0.3, "low": latency * 0.2},
        "val_accuracy": {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02},
        "probability": 0.02 if worse else 1 - 0.08 * index,
        "accuracy_int8": None
        if index == 2
        else {"value": accuracy - 0.01, "low": accuracy - 0.03, "high": accuracy, "fp32": accuracy + 0.002},
        "onnx": f"models/{key}.onnx",
        "onnx_bytes": 4 * params,
        "onnx_int8": None if index == 2 else f"models/{key}.int8.onnx",
        "onnx_int8_bytes": None if index == 2 else params,
        "int8_error": "ValueError: no ranges" if index == 2 else None,
    }


def _reference(family: int, width: float) -> dict[str, Any]:
    macs = {1: 565e6, 2: 300e6}[family] * (0.1 * width + 0.9 * width**2)
    return {
        "name": f"mobilenet_v{family}" + ("" if width == 1 else f"_w{width}"),
        "accuracy": 0.66 + 0.22 * width ** (0.5 + 0.3 * family),
        "how": "short",
        "latency_ms": 3 + macs / 17e6,
        "macs": int(macs),
        "params": int({1: 3.2e6, 2: 2.2e6}[family] * width**2),
    }


def _trial(number: int, rng: random.Random) -> dict[str, Any]:
    share = rng.random()
    latency = 4.5 + 19 * share
    params = int(0.4e6 + 2.7e6 * share)
    accuracy = round(min(0.96, 0.62 + 0.3 * share**0.5 - abs(rng.gauss(0, 0.07)) + 0.03), 4)
    return {
        "number": number,
        "state": "complete",
        "key": f"{number:016x}",
        "notation": NOTATION.format(width=8 * rng.randint(4, 14)),
        "accuracy": accuracy,
        "how": "short",
        "latency_ms": latency,
        "latency_low_ms": latency * 0.93,
        "latency_high_ms": latency * 1.07,
        "macs": int(30e6 + 260e6 * share),
        "params": params,
        "weight_bytes": params * 4,
        "peak_activation_bytes": int(4.5e6 + 2.4e6 * share),
        "seconds": round(4 + 9 * share, 2),
        "error": None,
        "rungs": {"short": accuracy},
    }
