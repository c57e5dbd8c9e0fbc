"""The reports: one self-contained HTML file each, which opens offline.

All text is made here and escaped by Jinja2; `report.html.j2` and `comparison.html.j2` only lay it
out. Figures are embedded as SVG images, so a page loads nothing from anywhere.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from nas.measures import Measure
from nas.report import facts, fidelity
from nas.report.figures import (
    comparison_figure,
    front_figure,
    front_labels,
    hypervolume_figure,
    measured_figure,
    svg,
)
from nas.report.text import (
    budget_text,
    budget_words,
    bytes_text,
    configuration_text,
    cost_measure,
    count_text,
    device_text,
    dominated,
    how_text,
    interval,
    number,
    ordered,
    percent,
)
from nas.results.run_folder import read_front, read_trials, write_text


def write_report(run_folder: str | Path) -> Path:
    """Write `report.html` beside the run's `front.json` and `trials.csv`, from those two alone.

    Raises:
        RunError: either is missing or unreadable, or the folder cannot be written.
    """
    folder = Path(run_folder)
    return write_text(folder / "report.html", report_html(read_front(folder), read_trials(folder)))


def write_comparison(run_folders: Sequence[str | Path], path: str | Path) -> Path:
    """Write one page over several runs, with links to their own reports.

    Raises:
        RunError: a run has no readable `front.json`, or `path` cannot be written.
    """
    path = Path(path)
    fronts = [read_front(folder) for folder in run_folders]
    links = [os.path.relpath(Path(folder) / "report.html", path.parent) for folder in run_folders]
    return write_text(path, comparison_html(fronts, links))


def report_html(front: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> str:
    """The report as text."""
    measure = cost_measure(front)
    return _render(
        "report.html.j2",
        title=f"{device_text(front)}, {budget_words(front)}",
        subtitle=configuration_text(front),
        headline=facts.headline(front),
        tiles=facts.tiles(front),
        notices=facts.notices(front),
        figure=_embed(front_figure(front, trials)),
        members=[network_row(entry) for entry in ordered(front["front"], measure)],
        dominated=[network_row(entry) for entry in ordered(dominated(front), measure)],
        references=[reference_row(entry) for entry in front.get("references") or []],
        caption=facts.comparability(front),
        int8=facts.int8(front),
        counts=facts.counts(front),
        room=facts.room(front),
        rejections=facts.rejections(trials),
        failures=facts.failures(trials),
        fidelity=fidelity.fidelity(front),
        rungs=fidelity.rungs(front),
        random_search=fidelity.random_search(front),
        hypervolume=_embed(hypervolume_figure(front)) if (front.get("hypervolume") or {}).get("history") else None,
        latency_error=facts.latency_error(front),
        measured=facts.measured(front),
        measured_figure=_embed(measured_figure(front)) if front.get("predicted_and_measured") else None,
        hardware=facts.hardware(front),
        hardware_notes=(front.get("hardware") or {}).get("notes") or [],
        data=facts.data(front),
        skipped=(front.get("data") or {}).get("skipped") or [],
        settings=facts.settings(front),
        command=front.get("command"),
        versions=front.get("versions") or {},
    )


def comparison_html(fronts: Sequence[Mapping[str, Any]], links: Sequence[str]) -> str:
    """The comparison as text; `links` are the runs' own reports, relative to the page."""
    runs = []
    for front, label, link in zip(fronts, front_labels(fronts), links, strict=True):
        runs.append({"label": label, "link": quote(link), **_run_row(front, cost_measure(front))})
    figure = _embed(comparison_figure(fronts)) if fronts else None
    return _render("comparison.html.j2", title=f"{len(runs)} fronts compared", runs=runs, figure=figure)


def network_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One confirmed network as the texts of its row."""
    accuracy, latency, int8 = (interval(entry, field) for field in ("accuracy", "latency_ms", "accuracy_int8"))
    host, host_int8 = (interval(entry, field) for field in ("host_latency_ms", "host_latency_ms_int8"))
    details, predicted = _details(entry, "accuracy"), _details(entry, "latency_ms")
    seeds = details.get("seeds")
    return {
        "key": entry["key"],
        "notation": entry.get("notation", ""),
        "accuracy": percent(accuracy.value) if accuracy else "-",
        "accuracy_range": f"{percent(accuracy.low)} to {percent(accuracy.high)}" if accuracy else "",
        "probability": _probability(entry),
        "int8": percent(int8.value) if int8 else "-",
        "int8_range": f"{percent(int8.low)} to {percent(int8.high)}" if int8 else "",
        "int8_fp32": f"fp32: {percent(_details(entry, 'accuracy_int8').get('fp32'))}" if int8 else "",
        "how": how_text(details.get("how")) + (f", {seeds} seed{'' if seeds == 1 else 's'}" if seeds else ""),
        "latency": f"{latency.value:.2f}" if latency else "-",
        "latency_range": f"{latency.low:.2f} to {latency.high:.2f}" if latency else "",
        "latency_how": predicted.get("how", ""),
        "predicted": _predicted(predicted),
        "extrapolated": predicted.get("in_range") is False and predicted.get("how") != "measured",
        "macs": count_text(entry.get("macs")),
        "params": count_text(entry.get("params")),
        "weights": bytes_text(entry.get("weight_bytes")),
        "activations": bytes_text(entry.get("peak_activation_bytes")),
        "host": f"{host.value:.2f}" if host else "-",
        "host_range": f"{host.low:.2f} to {host.high:.2f}" if host else "",
        "host_int8": f"int8: {host_int8.value:.2f}" if host_int8 else "",
        "host_how": _details(entry, "host_latency_ms").get("runtime", ""),
        "files": [
            {"label": label, "link": quote(str(entry[field])), "size": bytes_text(entry.get(f"{field}_bytes"))}
            for field, label in (("onnx", "fp32"), ("onnx_int8", "int8"))
            if entry.get(field)
        ],
    }


def reference_row(entry: Mapping[str, Any]) -> dict[str, str]:
    """One reference network as the texts of its row."""
    latency = interval(entry, "latency_ms")
    accuracy = interval(entry, "accuracy")
    return {
        "name": str(entry.get("name")),
        "accuracy": percent(accuracy.value) if accuracy else "-",
        "how": how_text(entry.get("how")),
        "latency": f"{latency.value:.2f}" if latency else "-",
        "macs": count_text(entry.get("macs")),
        "params": count_text(entry.get("params")),
    }


def _probability(entry: Mapping[str, Any]) -> str:
    """The probability of being on the front, never shown surer than it was drawn."""
    value = number(entry.get("probability"))
    if value is None:
        return "-"
    return f"{100 * value:.0f} %" if 0.01 <= value <= 0.99 else "<1 %" if value < 0.5 else ">99 %"


def _predicted(latency: Mapping[str, Any]) -> str:
    """What was predicted of a network whose latency was measured."""
    found = interval(latency, "predicted")
    return f"predicted {found.value:.2f} ({found.low:.2f} to {found.high:.2f})" if found else ""


def _details(entry: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    found = entry.get(field)
    return found if isinstance(found, Mapping) else {}


def _run_row(front: Mapping[str, Any], measure: Measure) -> dict[str, Any]:
    members = ordered(front["front"], measure)
    best = max(members, key=lambda entry: found.value if (found := interval(entry, "accuracy")) else 0.0, default=None)
    hypervolume = number((front.get("hypervolume") or {}).get("value"))
    return {
        "members": [network_row(entry) for entry in members],
        "hardware": f"{device_text(front)}, {configuration_text(front)}",
        "budget": budget_text(front),
        "space": str(front.get("search_space", "")),
        "best": facts.place(best, measure) if best else "-",
        "cheapest": facts.place(members[0], measure) if members else "-",
        "hypervolume": "-" if hypervolume is None else f"{hypervolume:.3f}",
        "evaluated": count_text((front.get("counts") or {}).get("evaluated")),
    }


def _embed(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def _render(template: str, **values: Any) -> str:
    environment = Environment(
        loader=PackageLoader("nas.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)
