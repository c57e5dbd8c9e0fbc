"""The tables of a profile's folder: their columns, what their cells may hold, and that their rows agree.

Times of whole networks and of layers are milliseconds, those of kernels microseconds.
"""

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from nas.errors import ArchitectureError, ProfileError
from nas.reading.numbers import decimal, whole
from nas.reading.tables import read_header, read_rows
from nas.reading.words import cut, short
from nas.resources import names
from nas.spaces.activations import ACTIVATIONS
from nas.spaces.architecture import Architecture
from nas.spaces.block import LARGEST, MOST_MACS
from nas.spaces.layers import LAYER_OPS, Layer, layers, out_size

ROLES = ("fit", "validate")
LATENCY = ("configuration", "name", "mean_ms", "spread_ms")
RECORDED = ("role", "low_ms", "high_ms", "bursts", "runs")
"""Further columns of latency.csv: the role, the range of the bursts' figures, and the bursts and runs behind them."""
KERNELS = ("configuration", "name", "layers_us", "other_us")
"""`layers_us`: microseconds of each layer of the walk, parted by blanks; a layer fused into another has 0."""
_SHAPE = ("op", "kernel", "stride", "in_channels", "out_channels", "in_size", "activation", "norm", "bias")
LAYERS = ("configuration", *_SHAPE, "mean_ms", "spread_ms", "kernel_us")
"""A layer alone: the milliseconds of its session, and microseconds of its kernels, without reorders and calls."""

LEAST_MS, MOST_MS = 1e-6, 1e7
"""Of an inference: a nanosecond, and some three hours."""
LONGEST_NAME = 200
"""Characters of a network's name."""
MOST_NETWORKS = 5000
"""Of a profile."""

_GATE = "hsigmoid"  # of squeeze and excitation, which no block chooses
_FLAGS = ("norm", "bias")
_KEEPS_CHANNELS = ("depthwise", "add", "pool", "scale")


def read_networks(file: Path) -> dict[str, Architecture]:
    """The networks of networks.csv by name.

    Raises:
        ProfileError: it cannot be read, or a name or a network is there twice; the message names the place.
    """
    found: dict[str, Architecture] = {}
    seen: dict[Architecture, str] = {}
    for where, row in read_table(file, ("name", "notation")):
        name = row["name"]
        if not 0 < len(name) <= LONGEST_NAME:
            raise ProfileError(f"{where}: a name has 1 to {LONGEST_NAME} characters, got {short(name)}")
        if name in found:
            raise ProfileError(f"{where}: network {short(name)} is given twice")
        try:
            arch = Architecture.from_notation(row["notation"])
        except ArchitectureError as error:
            raise ProfileError(f"{where}: {error}") from None
        if arch in seen:
            raise ProfileError(f"{where}: network {short(name)} is the same as {short(seen[arch])}; keep one of them")
        if len(found) == MOST_NETWORKS:
            raise ProfileError(f"{where}: a profile has at most {MOST_NETWORKS:,} networks")
        found[name], seen[arch] = arch, name
    return found


def read_latencies(file: Path, networks: Container[str]) -> Iterator[tuple[dict[str, str], float, float]]:
    """Each row of latency.csv with its milliseconds and their spread.

    Raises:
        ProfileError: it cannot be read, or a row is wrong or contradicts another; the message names the place.
    """
    seen: set[tuple[str, str]] = set()
    for where, row in read_table(file, LATENCY, RECORDED):
        _require_once(where, row, networks, seen)
        ms, spread_ms = read_ms(where, row, "mean_ms"), read_number(where, row, "spread_ms")
        if (role := row.get("role", "fit")) not in ROLES:
            raise ProfileError(f"{where}: role must be one of {names(ROLES)}, got {short(role)}")
        if "role" in row:
            low, high = read_ms(where, row, "low_ms"), read_ms(where, row, "high_ms")
            if not low <= ms <= high:
                raise ProfileError(f"{where}: mean_ms must be from low_ms to high_ms, got {ms:g}, {low:g} and {high:g}")
            for column in ("bursts", "runs"):
                _read_whole(where, row, column)
        yield row, ms, spread_ms


def read_kernels(
    file: Path, networks: Mapping[str, Architecture]
) -> Iterator[tuple[dict[str, str], tuple[float, ...], float]]:
    """Each row of kernels.csv with the milliseconds of each layer, and of what is no layer.

    Raises:
        ProfileError: it cannot be read, or a row is wrong or contradicts another; the message names the place.
    """
    seen: set[tuple[str, str]] = set()
    counts: dict[str, int] = {}
    for where, row in read_table(file, KERNELS):
        _require_once(where, row, networks, seen)
        name, cells = row["name"], row["layers_us"].split()
        if name not in counts:
            counts[name] = sum(1 for _ in layers(networks[name]))
        if len(cells) != counts[name]:
            raise ProfileError(f"{where}: network {short(name)} has {counts[name]} layers, layers_us has {len(cells)}")
        split = tuple(read_number(where, {"layers_us": cell}, "layers_us") / 1e3 for cell in cells)
        yield row, split, read_number(where, row, "other_us") / 1e3


def read_layer_times(file: Path) -> Iterator[tuple[str, tuple[Layer, float, float, float]]]:
    """Each row of layers.csv: its configuration; its layer with the milliseconds, their spread, and the kernels'.

    Raises:
        ProfileError: it cannot be read, or a row is wrong or contradicts another; the message names the place.
    """
    seen: set[tuple[str, Layer]] = set()
    for where, row in read_table(file, LAYERS):
        configuration, layer = row["configuration"], read_layer(where, row)
        if (configuration, layer) in seen:
            raise ProfileError(f"{where}: this layer is measured twice on {short(configuration)}: {layer}")
        seen.add((configuration, layer))
        ms, spread_ms = read_ms(where, row, "mean_ms"), read_number(where, row, "spread_ms")
        yield configuration, (layer, ms, spread_ms, read_number(where, row, "kernel_us") / 1e3)


def layer_cells(layer: Layer) -> dict[str, Any]:
    """What tells `layer` from others, as cells of layers.csv."""
    return {key: int(value) if isinstance(value := getattr(layer, key), bool) else value for key in _SHAPE}


def read_layer(where: str, row: Mapping[str, Any]) -> Layer:
    """The layer of a row with the cells of `layer_cells`.

    Raises:
        ProfileError: a cell is not what it must be; `where` says in which row.
    """
    op, activation = row["op"], row["activation"]
    if op not in LAYER_OPS:
        raise ProfileError(f"{where}: op must be one of {names(LAYER_OPS)}, got {short(op)}")
    if activation not in (*ACTIVATIONS, _GATE):
        raise ProfileError(f"{where}: unknown activation {short(activation)}; known: {names((*ACTIVATIONS, _GATE))}")
    cells = {key: _read_whole(where, row, key) for key in _SHAPE if key not in ("op", "activation")}
    for key, value in cells.items():
        least, most = (0, 1) if key in _FLAGS else (1, LARGEST)
        if not least <= value <= most:
            raise ProfileError(f"{where}: {key} must be from {least} to {most:,}, got {short(value)}")
    channels, size = cells["in_channels"], cells["in_size"]
    if op in _KEEPS_CHANNELS and channels != cells["out_channels"]:
        raise ProfileError(f"{where}: {op} keeps channels, got in_channels {channels} and {cells['out_channels']} out")
    layer = Layer(
        op,
        cells["kernel"],
        cells["stride"],
        channels,
        cells["out_channels"],
        size,
        1 if op == "pool" else out_size(size, cells["stride"]),
        1 if op in ("conv", "linear") else channels,
        activation,
        bool(cells["norm"]),
        bool(cells["bias"]),
    )
    if max(layer.macs, layer.live_elements) > MOST_MACS:
        raise ProfileError(f"{where}: a layer has at most {MOST_MACS:.1e} multiply-accumulates, got {layer.macs:.1e}")
    return layer


def read_table(
    file: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with its `file:line`; the `optional` columns are there together or not at all.

    Raises:
        ProfileError: the file cannot be read, or has other columns; the message names the place.
    """
    if (found := read_header(file, ProfileError)) not in (columns, columns + optional):
        raise ProfileError(
            f"{cut(str(file), 200)}:1: the columns must be {','.join(columns)}, got {short(','.join(found))}"
        )
    return read_rows(file, ProfileError)


def read_ms(where: str, row: Mapping[str, str], column: str) -> float:
    """The cell as milliseconds of an inference.

    Raises:
        ProfileError: it is no such number; the message begins with `where`.
    """
    value = read_number(where, row, column)
    if not LEAST_MS <= value <= MOST_MS:
        raise ProfileError(
            f"{where}: {column} must be above 0, got {short(row[column])}; from {LEAST_MS} to {MOST_MS:g} is possible"
        )
    return value


def read_number(where: str, row: Mapping[str, str], column: str) -> float:
    """The cell as a time, 0 or above.

    Raises:
        ProfileError: it is no such number; the message begins with `where`.
    """
    try:
        value = decimal(row[column].strip())
    except ValueError:
        value = -1
    if not 0 <= value <= 1e3 * MOST_MS:
        unit = "microseconds" if column.endswith("_us") else "milliseconds"
        raise ProfileError(f"{where}: {column} must be a number of {unit}, got {short(row[column])}")
    return value


def _read_whole(where: str, row: Mapping[str, Any], column: str) -> int:
    value = row[column]
    try:
        return value if isinstance(value, int) and not isinstance(value, bool) else whole(str(value).strip())
    except ValueError as error:
        raise ProfileError(f"{where}: {column} {error}, got {short(value)}") from None


def _require_once(
    where: str,
    row: Mapping[str, str],
    networks: Container[str],
    seen: set[tuple[str, str]],
) -> None:
    """Refuse a row of an unknown network, or of what is in `seen`, and add it there."""
    configuration, name = row["configuration"], row["name"]
    if (configuration, name) in seen:
        raise ProfileError(f"{where}: network {short(name)} is measured twice on {short(configuration)}")
    if name not in networks:
        raise ProfileError(f"{where}: network {short(name)} is not in networks.csv")
    seen.add((configuration, name))
