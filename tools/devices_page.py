"""docs/devices.md and its pictures, made from the shelf: `python -m tools.devices_page`."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from nas.latency.profile import load_profile
from nas.latency.shelf import Shelved, shelf
from nas.latency.validation import validate_left_out
from nas.report.drawing import BLACK, BLUE, GREY, VERMILLION, png
from nas.report.profiles.shelf import by_device, objectives, span
from nas.report.profiles.validation_scatter import milliseconds
from nas.resources import data_dir, replace_file

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "devices.md"
PICTURES = ROOT / "docs" / "devices"

INTRODUCTION = """\
# Devices

<!-- Made by `python -m tools.devices_page`; the figures are those of hardware_profiles/known_errors.csv. -->

{devices} devices in {configurations} configurations, as `python -m nas.devices` lists them; `hardware=NAME` takes the
default of a profile, `hardware=NAME:configuration` another. Every profile but `host_x86` holds figures of the
literature, transcribed in our own form: `hardware_profiles/NAME/profile.yaml` says from where, under which licence, and
what the source leaves open (threads, governor, temperature). A build of ONNX Runtime on the same device will differ;
recording a device in hand ([latency.md](latency.md#record-a-device)) is meant to replace them.

*Error*: each network predicted by a fit to the others of its configuration, mean and largest, in percent.
*Covered*: how many of them the 90 % interval holds that is made from the others. *MobileNetV2*: milliseconds predicted
for width 1.0 at 224 pixels. A configuration ships where its mean error is at most 5 %;
[the others](#not-shipped) are listed with the reason.
"""

NOT_SHIPPED = """\
## Not shipped

Read from the same sources, and left out: predicted from the others, networks err by more than 5 % in the mean.
"""


def main() -> None:
    """Write the page and its pictures."""
    PICTURES.mkdir(exist_ok=True)
    for rows in by_device(shelf()):
        replace_file(PICTURES / f"{rows[0].name}.png", picture(rows))
    replace_file(PAGE, page().encode())


def page() -> str:
    """The whole page in Markdown."""
    found = list(shelf())
    groups = by_device(found)
    parts = [INTRODUCTION.format(devices=len(groups), configurations=len(found)), *_overview(groups)]
    for rows in groups:
        parts += _device(rows)
    return "\n".join([*parts, *_not_shipped()])


def _overview(groups: Sequence[Sequence[Shelved]]) -> Iterator[str]:
    yield "| name | device | configurations | runtime | networks | error | MobileNetV2, ms | objectives |"
    yield "|---|---|---|---|---|---|---|---|"
    for rows in groups:
        runtimes = ", ".join(dict.fromkeys(row.runtime for row in rows))
        cells = [f"[`{rows[0].name}`](#{rows[0].name})", rows[0].device, str(len(rows)), runtimes]
        cells += [span([row.networks for row in rows], "d"), span([row.mape_percent for row in rows], ".1f")]
        yield f"| {' | '.join([*cells, span([row.yardstick_ms for row in rows], '.3g'), objectives(rows)])} |"
    yield ""


def _device(rows: Sequence[Shelved]) -> Iterator[str]:
    first = load_profile(rows[0].label)
    yield f"## {first.name}\n"
    yield f"{first.device}: {first.soc}. Licence: {first.license}. Source: {_linked(first.source)}.\n"
    yield "| configuration | cores | runtime | networks | error | largest | covered | Spearman | MobileNetV2, ms |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        cells = [row.configuration, row.cores, f"{row.runtime}, {row.runtime_version}", str(row.networks)]
        cells += [f"{row.mape_percent:.1f}", f"{row.max_percent:.1f}", f"{row.coverage_percent:.0f}"]
        yield f"| {' | '.join([*cells, f'{row.spearman:.3f}', f'{row.yardstick_ms:.3g}'])} |"
    yield f"\n![Predicted against measured milliseconds of {first.device}](devices/{first.name}.png)\n"


def _linked(source: str) -> str:
    """A source with its addresses as links."""
    words = (
        f"<{word.rstrip(';,')}>{word[len(word.rstrip(';,')) :]}" if "://" in word else word for word in source.split()
    )
    return " ".join(words)


def _not_shipped() -> Iterator[str]:
    yield NOT_SHIPPED
    yield "| device | configuration | networks | error | largest | why |"
    yield "|---|---|---|---|---|---|"
    with (data_dir("hardware_profiles") / "not_shipped.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            cells = ("name", "configuration", "networks", "mape_percent", "max_percent", "reason")
            yield f"| {' | '.join(row[cell] for cell in cells)} |"
    yield ""


def picture(rows: Sequence[Shelved]) -> bytes:
    """Predicted against measured of all configurations of a device, fp32 and int8 apart, as a small PNG."""
    figure = Figure(figsize=(3.4, 3.2), dpi=100, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    points = {"fp32": (BLUE, "o"), "int8": (VERMILLION, "s")}
    ends = [np.inf, 0.0]
    for precision, (color, marker) in points.items():
        chosen = [row for row in rows if row.precision == precision]
        networks = [each for row in chosen for each in validate_left_out(load_profile(row.label)).networks]
        if networks:
            x, y = (np.array([getattr(each, key) for each in networks]) for key in ("measured", "predicted"))
            axes.scatter(x, y, s=8, color=color, marker=marker, alpha=0.5, linewidths=0, label=precision)
            ends = [min(ends[0], x.min(), y.min()), max(ends[1], x.max(), y.max())]
    line = np.array([ends[0] / 1.15, ends[1] * 1.15])
    axes.fill_between(line, line * 0.95, line * 1.05, color=GREY, alpha=0.3, linewidth=0, label="±5 %")
    axes.plot(line, line, color=BLACK, linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlim=line, ylim=line, xlabel="measured (ms)", ylabel="predicted (ms)")
    for axis in (axes.xaxis, axes.yaxis):
        milliseconds(axis, line[1] / line[0])
    axes.tick_params(labelsize=8)
    axes.set_title(rows[0].name, loc="left", fontsize=10, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return _smaller(png(figure))


def _smaller(content: bytes) -> bytes:
    """The same PNG with 32 colours."""
    kept = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").quantize(32).save(kept, "PNG", optimize=True)
    return kept.getvalue()


if __name__ == "__main__":
    main()
