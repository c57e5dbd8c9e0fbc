"""A network layer by layer, as tables for a terminal and as JSON values."""

import io
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from nas.latency.anatomy import KINDS, Anatomy, Part
from nas.report.text import bytes_text, count_text
from nas.spaces.layers import Layer

ROWS = ("stages", "blocks", "layers")
_HEAD = "head"
_SHORT = {"depthwise": "dw"}
_DISPENSABLE = ("weights", "memory", "params")
"""Columns that a narrow terminal goes without, in this order."""


def title(found: Anatomy, name: str) -> str:
    """The whole network in a line."""
    costs = found.cost
    return (
        f"{name}: {found.arch.in_channels} x {found.arch.resolution} x {found.arch.resolution} in, "
        f"{found.arch.classes} classes, {count_text(costs.macs)} MACs, {count_text(costs.params)} params, "
        f"{bytes_text(costs.weight_bytes)} of weights and {bytes_text(costs.peak_activation_bytes)} of activations at "
        f"their peak in {found.precision}"
    )


def anatomy_text(found: Anatomy, name: str, rows: str) -> str:
    """What `print_anatomy` prints, 100 columns wide."""
    text = io.StringIO()
    print_anatomy(found, name, rows, Console(file=text, width=100, color_system=None, force_jupyter=False))
    return text.getvalue().rstrip()


def print_anatomy(found: Anatomy, name: str, rows: str, console: Console | None = None) -> None:
    """The whole, a table of its parts and one of the shares of kinds of layers, by default on stdout."""
    console = console or Console()
    console.print(title(found, name), highlight=False, soft_wrap=True)
    table, left_out = _fitting(found, rows, console)
    console.print(table)
    if left_out:
        console.print(f"Too narrow for: {', '.join(left_out)}.", highlight=False, soft_wrap=True)
    console.print(_shares_table(found))
    for device in found.devices:
        low, high = device.latency.low, device.latency.high
        note = "" if device.latency.in_range else f"; beyond what was measured: {device.latency.reasons[0]}"
        console.print(
            f"{device.label}: {device.latency.ms:.2f} ms (90 % interval {low:.2f} to {high:.2f}), "
            f"{device.beside_ms:.2f} of them beside the layers{note}",
            highlight=False,
            soft_wrap=True,
        )


def _fitting(found: Anatomy, rows: str, console: Console) -> tuple[Table, list[str]]:
    """The table of the parts with as many columns as the console holds, and those that it lacks."""
    wide = console.options.update(width=10_000, max_width=10_000)
    for count in range(len(_DISPENSABLE) + 1):
        left_out = list(_DISPENSABLE[:count])
        table = _parts_table(found, rows, left_out)
        if Measurement.get(console, wide, table).maximum <= console.width:
            break
    return table, left_out


def _parts_table(found: Anatomy, rows: str, left_out: Sequence[str]) -> Table:
    figures: dict[str, Callable[[Sequence[Part]], str]] = {
        "MACs": lambda parts: count_text(sum(each.layer.macs for each in parts)),
        "params": lambda parts: count_text(sum(each.layer.params for each in parts)),
        "weights": lambda parts: bytes_text(sum(each.weight_bytes for each in parts)),
        "memory": lambda parts: bytes_text(max(each.activation_bytes for each in parts)),
    }
    shown_figures = {name: figure for name, figure in figures.items() if name not in left_out}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("part", no_wrap=True)
    table.add_column("layers", overflow="fold")
    table.add_column("out", no_wrap=True)
    for heading in (
        *shown_figures,
        *(f"ms {each.label}".replace(" ", "\n").replace(":", "\n") for each in found.devices),
    ):
        table.add_column(heading, justify="right", overflow="fold")
    for label, parts in grouped(found.parts, rows):
        last = parts[-1].layer
        table.add_row(
            *(label, _shortened(last) if rows == "layers" else words(parts)),
            f"{last.out_channels}x{last.out_size}x{last.out_size}",
            *(figure(parts) for figure in shown_figures.values()),
            *(f"{sum(ms):.3f}" for ms in zip(*(each.ms for each in parts), strict=True)),
        )
    return table


def _shares_table(found: Anatomy) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("share of, %", "MACs", "params", *(f"ms {each.label}" for each in found.devices)):
        table.add_column(heading, justify="left" if heading.startswith("share") else "right", overflow="fold")
    for kind, each in shares(found).items():
        ms = [f"{100 * share:.1f}" for share in each["latency_ms"].values()]
        table.add_row(kind, f"{100 * each['macs']:.1f}", f"{100 * each['params']:.1f}", *ms)
    if found.devices:
        beside = [f"{100 * each.beside_ms / each.latency.ms:.1f}" for each in found.devices]
        table.add_row("beside the layers", "", "", *beside)
    return table


def grouped(parts: Sequence[Part], rows: str) -> Iterator[tuple[str, list[Part]]]:
    """Parts by stage, by block, or each alone, with what they are called: `stage3.block1`."""

    def label(part: Part) -> str:
        if part.stage is None:
            return _HEAD
        return f"stage{part.stage}" + (f".block{part.block}" if rows != "stages" else "")

    for name, inside in groupby(parts, label):
        if rows == "layers":
            yield from ((name, [part]) for part in inside)
        else:
            yield name, list(inside)


def shown(layer: Layer) -> str:
    """A layer in words: `depthwise 3x3/2 relu6`."""
    kernel = f" {layer.kernel}x{layer.kernel}" if layer.op in ("conv", "depthwise") else ""
    stride = f"/{layer.stride}" if layer.stride > 1 else ""
    return f"{layer.op}{kernel}{stride}" + ("" if layer.activation == "none" else f" {layer.activation}")


def _shortened(layer: Layer) -> str:
    return shown(layer).replace(layer.op, _SHORT.get(layer.op, layer.op), 1)


def words(parts: Sequence[Part]) -> str:
    """How many blocks, of which layers."""
    blocks = [list(inside) for _, inside in groupby(parts, lambda part: part.block)]
    longest = max(blocks, key=len)
    names = dict.fromkeys(_SHORT.get(part.layer.op, part.layer.op) + _kernel(part.layer) for part in longest)
    return f"{len(blocks)} x " * (len(blocks) > 1) + " ".join(names)


def _kernel(layer: Layer) -> str:
    return str(layer.kernel) if layer.op in ("conv", "depthwise") else ""


def shares(found: Anatomy) -> dict[str, Any]:
    """Of each kind of layer that there is: its share of MACs, params and predicted milliseconds, 0..1."""
    by_kind = {kind: [part for part in found.parts if part.kind == kind] for kind in KINDS}
    return {
        kind: {
            "macs": sum(part.layer.macs for part in parts) / found.cost.macs,
            "params": sum(part.layer.params for part in parts) / found.cost.params,
            "latency_ms": {
                each.label: sum(part.ms[index] for part in parts) / each.latency.ms
                for index, each in enumerate(found.devices)
            },
        }
        for kind, parts in by_kind.items()
        if parts
    }


def anatomy_json(found: Anatomy, name: str) -> dict[str, Any]:
    """Everything as JSON values."""
    costs = found.cost
    return {
        "arch": name,
        "notation": found.arch.notation,
        "key": found.arch.key,
        "precision": found.precision,
        "macs": costs.macs,
        "params": costs.params,
        "weight_bytes": costs.weight_bytes,
        "peak_activation_bytes": costs.peak_activation_bytes,
        "latency_ms": {
            each.label: {
                "value": each.latency.ms,
                "low": each.latency.low,
                "high": each.latency.high,
                "in_range": each.latency.in_range,
                "reasons": list(each.latency.reasons),
                "beside_layers": each.beside_ms,
            }
            for each in found.devices
        },
        "shares": shares(found),
        "layers": [_layer_json(part, found) for part in found.parts],
    }


def _layer_json(part: Part, found: Anatomy) -> dict[str, Any]:
    layer = part.layer
    return {
        "stage": part.stage,
        "block": part.block,
        "op": layer.op,
        "kind": part.kind,
        "kernel": layer.kernel,
        "stride": layer.stride,
        "groups": layer.groups,
        "activation": layer.activation,
        "in": [layer.in_channels, layer.in_size, layer.in_size],
        "out": [layer.out_channels, layer.out_size, layer.out_size],
        "macs": layer.macs,
        "params": layer.params,
        "weight_bytes": part.weight_bytes,
        "activation_bytes": part.activation_bytes,
        "latency_ms": dict(zip((each.label for each in found.devices), part.ms, strict=True)),
    }
