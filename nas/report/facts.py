"""What the report says in words: sentences and small tables made from `front.json`.

Each function returns plain text (or lists of it); a missing fact leaves its sentence out.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nas.measures import Measure
from nas.report.fidelity import warnings
from nas.report.text import (
    budget_text,
    configuration_text,
    cost_measure,
    device_text,
    how_text,
    interval,
    number,
    ordered,
    percent,
    plural,
    population,
    whole,
)

_SHOWN = 12
_PROVENANCE = (
    *("name", "configuration", "device", "soc", "cores", "threads", "precision"),
    *("runtime", "runtime_version", "method", "repeats", "date", "source"),
)


def headline(front: Mapping[str, Any]) -> str:
    """The result in one sentence."""
    measure = cost_measure(front)
    members = ordered(front["front"], measure)
    budget = budget_text(front)
    under = "" if budget == "no budget" else f" within {budget}"
    where = device_text(front) + (f" ({configuration})" if (configuration := configuration_text(front)) else "")
    if not members:
        return f"No network was confirmed{under} on {where}."
    if len(members) == 1:
        return f"One confirmed network{under} on {where}: {place(members[0], measure)}."
    first, last = place(members[0], measure), place(members[-1], measure)
    return f"{len(members)} confirmed networks{under} on {where}: from {first} to {last}."


def tiles(front: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(value, label) of the run's key figures."""
    totals, error = front.get("counts") or {}, (front.get("hardware") or {}).get("error") or {}
    hypervolume = number((front.get("hypervolume") or {}).get("value"))
    accuracies = [interval(entry, "accuracy") for entry in front["front"]]
    best = max((accuracy.value for accuracy in accuracies if accuracy), default=None)
    share = _share_inside(front)
    shown = [
        (str(len(front["front"])), "networks on the front"),
        (f"{percent(best)} %" if best is not None else "-", "best confirmed accuracy"),
        (whole(totals.get("evaluated")), "networks evaluated"),
        (f"{100 * share:.2g} %", "of the space's networks fit the budget")
        if share is not None
        else (whole(totals.get("rejected_by_budget")), "rejected by the budget, untrained"),
        ("-" if hypervolume is None else f"{hypervolume:.3f}", "hypervolume, of 1"),
    ]
    mape = number(error.get("mape_percent"))
    return shown + ([(f"{mape:.1f} %", "latency error on unseen networks")] if mape is not None else [])


def notices(front: Mapping[str, Any]) -> list[str]:
    """What a reader must know before using the numbers, the gravest first."""
    found = [_resolution(front), *warnings(front), _extrapolation(front), _over(front), _precision(front)]
    unquantised = [entry for entry in front["front"] if entry.get("int8_error")]
    if unquantised:
        found.append(
            f"{plural(len(unquantised), 'network')} on the front could not be quantised to int8: "
            f"{unquantised[0]['int8_error']}"
        )
    skipped = (front.get("data") or {}).get("skipped") or []
    if skipped:
        found.append(f"{plural(len(skipped), 'file')} could not be read and took no part; listed under Data.")
    failed = number((front.get("counts") or {}).get("failed"))
    if failed:
        found.append(f"{plural(int(failed), 'training')} failed; the reasons are listed under Failed trials.")
    return [notice for notice in found if notice]


def comparability(front: Mapping[str, Any]) -> str | None:
    """How the width curves may be read, where their accuracies were not confirmed."""
    hows = sorted({how_text(entry.get("how")) for entry in front.get("references") or []} - {how_text("confirmed")})
    if not hows:
        return None
    return (
        f"The MobileNet width curves were got by {', '.join(hows)}: set them beside the trials got the same way, "
        "not beside the confirmed front."
    )


def counts(front: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What became of the proposed networks: (name, number)."""
    words = {
        "proposed": "proposed by the sampler",
        "rejected_by_budget": "rejected by the budget before any training",
        "evaluated": "evaluated to the end",
        "stopped": "stopped early: others of like cost did better",
        "failed": "failed",
        "confirmed": "confirmed by longer training",
    }
    totals = front.get("counts") or {}
    return [(text, whole(totals[name])) for name, text in words.items() if name in totals]


def room(front: Mapping[str, Any]) -> str | None:
    """What the budget leaves of the search space, in a sentence."""
    share, found = _share_inside(front), (front.get("budget") or {}).get("networks") or {}
    if share is None:
        return None
    inside = ("" if found.get("low") == found.get("high") else "about ") + population(found["inside"])
    text = f"Of the {population(found['of'])} networks of {front.get('search_space')}, {inside} fit the budget."
    return text if (front.get("counts") or {}).get("rejected_by_budget") else text + " Only such were proposed."


def rejections(trials: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """(reason, how often), the commonest first; numbers that differ from trial to trial count as one reason."""
    reasons = [str(row.get("error") or "no reason recorded") for row in trials if row.get("state") == "rejected"]
    shapes = Counter(_shape(reason) for reason in reasons)
    examples = {_shape(reason): reason for reason in reversed(reasons)}
    return [
        (examples[shape] if times == 1 else f"{examples[shape]}, and the like", times)
        for shape, times in shapes.most_common(_SHOWN)
    ]


def failures(trials: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """(trial, reason, network) of every failed trial."""
    failed = [row for row in trials if row.get("state") == "failed"]
    return [
        (
            _plain(row.get("number")),
            str(row.get("error") or "no reason recorded"),
            str(row.get("notation") or row.get("key") or "-"),
        )
        for row in failed
    ]


def latency_error(front: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The predictor's error on networks it never saw: (name, value)."""
    error = (front.get("hardware") or {}).get("error") or {}
    method = f", {error['how']}" if error.get("how") else ""
    size = f" over {error['n']} networks" if error.get("n") else ""
    rows = [
        (f"mean absolute error{method}{size}", "mape_percent", "{:.1f} %"),
        ("the same for MACs alone", "macs_mape_percent", "{:.1f} %"),
        ("largest error", "max_percent", "{:.1f} %"),
        ("networks within 5 %", "within_5_percent", "{:.0f} %"),
        ("networks within 10 %", "within_10_percent", "{:.0f} %"),
        ("rank correlation (Spearman)", "spearman", "{:.3f}"),
    ]
    return [(name, form.format(value)) for name, key, form in rows if (value := number(error.get(key))) is not None]


def measured(front: Mapping[str, Any]) -> str | None:
    """How the predictions of this run's networks compare with what was measured in the end."""
    found = front.get("predicted_and_measured")
    if not found:
        return None
    return (
        f"{plural(found['n'], 'confirmed network')} measured on the device: the predictions were "
        f"{found['mape_percent']:.1f} % off in the mean, {found['max_percent']:.1f} % at most; "
        f"{found['inside_interval']} of {found['n']} lie in their 90 % interval. The front is that of the measured "
        "milliseconds."
    )


def int8(front: Mapping[str, Any]) -> str | None:
    """What int8 costs in accuracy and saves in bytes and milliseconds, over the confirmed networks."""
    entries = [entry for entry in front.get("confirmed") or front["front"] if entry.get("accuracy_int8")]
    if not entries:
        return None
    changes = [100 * (entry["accuracy_int8"]["value"] - entry["accuracy_int8"]["fp32"]) for entry in entries]
    smaller = [entry["onnx_bytes"] / entry["onnx_int8_bytes"] for entry in entries]
    timed = [(interval(entry, "host_latency_ms"), interval(entry, "host_latency_ms_int8")) for entry in entries]
    faster = [fp32.value / quick.value for fp32, quick in timed if fp32 and quick]
    text = (
        f"int8 changes the accuracy on the test images by {_mean(changes):+.1f} points in the mean of "
        f"{plural(len(entries), 'network')} ({min(changes):+.1f} to {max(changes):+.1f}), each against its fp32 file. "
        f"The files are {_mean(smaller):.1f} times smaller"
    )
    return text + (f" and on this host {_mean(faster):.1f} times as fast." if faster else ".")


def hardware(front: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where the measurements come from: (name, value)."""
    profile = front.get("hardware") or {}
    return [(key, _plain(profile[key])) for key in _PROVENANCE if profile.get(key) not in (None, "")]


def data(front: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The data set and its splits: (name, value)."""
    found = front.get("data") or {}
    classes = [str(name) for name in found.get("classes") or []]
    named = ", ".join(classes[:_SHOWN]) + (", …" if len(classes) > _SHOWN else "")
    rows = [
        ("source", _plain(found.get("source"))),
        ("classes", f"{len(classes)}: {named}" if classes else ""),
        ("training images", _plain(found.get("train"))),
        ("validation images (rank the trials, choose the front)", _plain(found.get("val"))),
        ("test images (seen once, by what was chosen)", _plain(found.get("test"))),
        ("native resolution", f"{found['native_resolution']} px" if found.get("native_resolution") else ""),
    ]
    return [(name, value) for name, value in rows if value]


def settings(front: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the search was run: (name, value)."""
    keys = ("search_space", "objectives", "sampler", "rungs", "proxy", "seed")
    return [(key.replace("_", " "), _plain(front[key])) for key in keys if front.get(key) is not None]


def place(entry: Mapping[str, Any], measure: Measure) -> str:
    """A network's accuracy and cost: `90.5 % at 5.2 ms`."""
    accuracy, cost = interval(entry, "accuracy"), interval(entry, measure.field)
    at = f" at {cost.value * measure.scale:.3g} {measure.unit}" if cost else ""
    unit = {"macs": " MACs", "params": " parameters", "memory": " of activations"}.get(measure.name, "")
    return f"{percent(accuracy.value) if accuracy else '-'} %{at}{unit if at else ''}"


def _share_inside(front: Mapping[str, Any]) -> float | None:
    """The share of the space's networks that fit the budget; None without a limit or a count."""
    found = (front.get("budget") or {}).get("networks") or {}
    inside, every = number(found.get("inside")), number(found.get("of"))
    if inside is None or not every or budget_text(front) == "no budget":
        return None
    return inside / every


def _resolution(front: Mapping[str, Any]) -> str | None:
    taken = {_get(entry, "accuracy", "resolution") for entry in front["front"]}
    own = {_get(entry, "architecture", "resolution") for entry in front["front"]}
    if not any(
        (number(_get(entry, "accuracy", "resolution")) or 1e9)
        < (number(_get(entry, "architecture", "resolution")) or 0)
        for entry in front["front"]
    ):
        return None
    native = (front.get("data") or {}).get("native_resolution")
    why = f" (the images are {native} px)" if native in taken else ""
    return (
        f"The accuracies were taken at {_sizes(taken)} px{why}, below the networks' own {_sizes(own)} px. MACs and "
        f"latency count at the networks' own resolution: at {_sizes(taken)} px the same networks are cheaper."
    )


def _precision(front: Mapping[str, Any]) -> str | None:
    precision = (front.get("hardware") or {}).get("precision")
    if precision in (None, "fp32"):
        return None
    return (
        f"The latencies are predicted at {precision}; the accuracies are those of fp32 networks. An int8 file has an "
        "accuracy of its own beside it."
    )


def _extrapolation(front: Mapping[str, Any]) -> str | None:
    predicted = [entry for entry in front["front"] if _get(entry, "latency_ms", "how") != "measured"]
    beyond = sum(_get(entry, "latency_ms", "in_range") is False for entry in predicted)
    if not beyond:
        return None
    return (
        f"{plural(beyond, 'predicted latency', 'predicted latencies')} on the front (marked *) "
        f"{'extrapolates' if beyond == 1 else 'extrapolate'} beyond what was measured on the device, "
        "so the stated interval may be too narrow."
    )


def _over(front: Mapping[str, Any]) -> str | None:
    """Networks that were predicted inside the budget's milliseconds and measured above them."""
    limit = number((front.get("budget") or {}).get("latency_ms"))
    slow = [e for e in front["front"] if (ms := interval(e, "latency_ms")) and limit is not None and ms.value > limit]
    if not slow:
        return None
    return f"{plural(len(slow), 'network')} on the front measured above the budget of {limit:g} ms."


def _get(entry: Mapping[str, Any], field: str, key: str) -> Any:
    found = entry.get(field)
    return found.get(key) if isinstance(found, Mapping) else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _sizes(sizes: set[Any]) -> str:
    return " or ".join(str(size) for size in sorted(size for size in sizes if size is not None))


def _shape(reason: str) -> str:
    return re.sub(r"\d[\d.,]*", "#", reason)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items() if item is not None)
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return "" if value is None else str(value)
