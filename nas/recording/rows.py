"""The files of a measurement, checked: the rows of results.jsonl, plan.json, and what profile.yaml says of a recording.

What runs on a device (runner/) reads its own files without this.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval, Len

from nas.errors import ProfileError
from nas.latency.energy_table import MOST_WATTS
from nas.latency.profile import MOST_BATCH
from nas.latency.profile_tables import LEAST_MS, MOST_MS
from nas.reading.checks import Name, Number, Whole, Words, checked
from nas.reading.files import read_text
from nas.reading.json_text import parse_json
from nas.reading.words import cut, short
from nas.recording.runner.figures import Row
from nas.recording.runner.results import SCHEMA

MOST_BYTES = 32_000_000
"""Of results.jsonl: some days of measuring."""

Count = Annotated[Whole, Interval(ge=0, le=2**62)]
Cores = Annotated[list[Annotated[Whole, Interval(ge=0, lt=100_000)]], Len(1, 10_000)]
Threads = Annotated[Whole, Interval(ge=1, le=10_000)]
Batch = Annotated[Whole, Interval(ge=1, le=MOST_BATCH)]
Precision = Literal["fp32", "fp16", "int8"]
Optimization = Literal["disable_all", "basic", "extended", "all"]
Load = list[Number] | None
Milliseconds = Annotated[Number, Interval(ge=LEAST_MS, le=MOST_MS)]
Watts = Annotated[Number, Interval(ge=0, le=MOST_WATTS)]
Seconds = Annotated[Number, Interval(ge=0, le=1e9)]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model of a plan: a network by its notation, or a layer by its cells in layers.csv."""

    id: Name
    role: Literal["fit", "validate"]
    kind: Literal["network", "layer"]
    notation: str | None = None
    layer: "LayerCells | None" = None

    def __post_init__(self) -> None:
        if (self.notation is None, self.layer is None) != (self.kind == "layer", self.kind == "network"):
            raise ValueError("a network must have a notation alone, a layer its cells")


@dataclass(frozen=True, slots=True)
class LayerCells:
    """A layer; `read_layer` says what its cells may be."""

    op: str
    kernel: Whole
    stride: Whole
    in_channels: Whole
    out_channels: Whole
    in_size: Whole
    activation: str
    norm: Whole
    bias: Whole


@dataclass(frozen=True, slots=True)
class PlanRow:
    """The first row: of which plan the results are."""

    type: Literal["plan"]
    schema: Literal[SCHEMA]  # type: ignore[valid-type]
    search_space: Name
    seed: Count
    burst_s: Annotated[Seconds, Ge(1e-9)]


@dataclass(frozen=True, slots=True)
class BeginRow:
    """A configuration's measuring begins: how models are run, and the machine with its state."""

    type: Literal["begin"]
    configuration: Name
    cores: Cores
    threads: Threads
    precision: Precision
    optimization: Optimization
    spinning: bool
    cpu: Words
    machine: Words
    runtime: Words
    runtime_version: Words
    date: Words
    logical_cores: Threads
    governor: Name | None
    os: Words
    python: Name | None
    celsius: Number | None
    load: Load
    idle_watts: Watts | None = None
    batch: Batch = 1


@dataclass(frozen=True, slots=True)
class EndRow:
    """A configuration's measuring ends."""

    type: Literal["end"]
    configuration: Name
    load: Load


@dataclass(frozen=True, slots=True)
class BurstRow:
    """One burst of a model: the quartiles of its runs' milliseconds, and how many runs were kept."""

    type: Literal["burst"]
    configuration: Name
    id: Name
    ms: Annotated[list[Milliseconds], Len(4, 4)]
    kept: Count
    seconds: Seconds = 0.0
    watts: Watts | None = None


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A model is done: what it is, and the milliseconds of each of its kernels."""

    type: Literal["profile"]
    configuration: Name
    id: Name
    model: ModelEntry
    kernels: Annotated[list[tuple[str, str, Annotated[Number, Interval(ge=0, le=MOST_MS)]]], Len(0, 100_000)]
    seconds: Seconds = 0.0


ROWS = {"plan": PlanRow, "begin": BeginRow, "end": EndRow, "burst": BurstRow, "profile": ProfileRow}


@dataclass(frozen=True, slots=True)
class Way:
    """One configuration of a plan."""

    name: Name
    threads: Threads
    precision: Precision
    cores: Cores | None
    optimization: Optimization
    spinning: bool
    batch: Batch = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """plan.json."""

    search_space: Name
    seed: Count
    minutes: Seconds
    burst_s: Annotated[Seconds, Ge(1e-9)]
    configurations: Annotated[list[Way], Len(1, 100)]
    chunks: list[list[ModelEntry]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What profile.yaml says of a configuration that nas.record measured, as far as it is read again."""

    date: Words
    search_space: Name
    minutes: Seconds
    optimization: Optimization
    spinning: bool
    logical_cores: Threads


def read_checked(path: Path) -> list[Row]:
    """The rows of a results file, line by line; a last line that was cut short is left out.

    Raises:
        ProfileError: the file cannot be read, or a line is no row; the message names it.
    """
    file = cut(str(path), 200)
    *lines, _ = read_text(path, ProfileError, MOST_BYTES).split("\n")
    rows: list[Row] = []
    begun: set[Any] = set()
    for number, line in enumerate(lines, start=1):
        where = f"{file}:{number}"
        row = parse_json(line, where, ProfileError)
        kind = row.get("type") if isinstance(row, dict) else None
        if not isinstance(kind, str) or kind not in ROWS or (number == 1) != (kind == "plan"):
            raise ProfileError(f"{where}: not a row of nas.record's results")
        if kind == "plan" and row.get("schema") != SCHEMA:
            raise ProfileError(f"{file}: not a results file of this version of nas.record; take one that it wrote")
        checked(ROWS[kind], row, where, ProfileError)
        begun |= {row["configuration"]} if kind == "begin" else set()
        if kind not in ("plan", "begin") and row["configuration"] not in begun:
            raise ProfileError(f"{where}: configuration {short(row['configuration'])} has not begun before this row")
        rows.append(row)
    return rows


def read_plan(folder: Path) -> Row:
    """The plan in a bundle's folder.

    Raises:
        ProfileError: it cannot be read, or is no plan.
    """
    path = folder / "plan.json"
    where = cut(str(path), 200)
    plan: Row = parse_json(read_text(path, ProfileError), where, ProfileError)
    checked(Plan, plan, where, ProfileError)
    return plan
