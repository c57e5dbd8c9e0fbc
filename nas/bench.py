"""`python -m nas.bench arch=mobilenet_v2`: measured milliseconds of a network or an ONNX file; no training, no data."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from annotated_types import Ge, Gt, Le
from rich.console import Console
from rich.table import Table

from nas.commandline import Invocation, command
from nas.errors import ArchitectureError, ConfigError
from nas.reading.onnx_metadata import read_metadata
from nas.reading.plain import one_line
from nas.reading.words import short
from nas.recording.bench import MOST_FILE_BYTES, Benched, Subject, bench, burst_seconds, ways_of
from nas.recording.devices import Reached
from nas.recording.devices.base import Reach
from nas.recording.devices.target import Target
from nas.recording.runner.runtime import onnxruntime
from nas.results.named import find_architecture

T = TypeVar("T")

Threads = Annotated[int, Ge(1), Le(1024)]
BatchSize = Annotated[int, Ge(1), Le(4096)]
Precision = Literal["fp32", "int8"]
MOST = 64
"""Combinations at most."""


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """What `nas.bench` can be told."""

    arch: str
    """What `nas.predict` takes, such as mobilenet_v2, with random weights; an ONNX file, any, is timed itself."""
    member: int | str | None
    """Where arch is the folder of a run or its front.json: which network, such as 2, by its number in the front, or its
    key."""
    threads: Threads | tuple[Threads, ...]
    """Of one inference; a list such as [1,2] for several."""
    precision: Precision | tuple[Precision, ...] | None
    """fp32, int8, or a list such as [fp32,int8]; null: fp32, of a file its own."""
    batch: BatchSize | tuple[BatchSize, ...]
    """Images of one inference; a list such as [1,8] for several."""
    pixels: Annotated[int, Ge(1), Le(4096)]
    """Height and width of a file that leaves them free."""
    seconds: Annotated[float, Gt(0), Le(3600)]
    """Of measuring, for each combination; one that does not settle takes up to three times as long."""
    cores: tuple[int, ...] | None
    """Keep to these, such as [0,1]; null: all."""
    device: Reached
    """This machine (host), or another one by ssh or adb."""
    reach: Reach
    """How such a device is reached."""
    format: Literal["table", "json"]
    """table, or json."""

    def __post_init__(self) -> None:
        if self.is_file and self.precision is not None:
            raise ConfigError(f"precision={short(self.precision)}: an ONNX file has its own; leave precision out")
        count = len(_listed(self.threads)) * len(_listed(self.precision)) * len(_listed(self.batch))
        if not 1 <= count <= MOST:
            raise ConfigError(f"threads x precision x batch must be 1 to {MOST} combinations, got {count}")
        if self.device == "host" and max(_listed(self.threads)) > (os.cpu_count() or 1):
            raise ConfigError(f"threads must be at most {os.cpu_count()}, the cores here, got {short(self.threads)}")

    @property
    def is_file(self) -> bool:
        """Whether a file is timed."""
        return self.arch.endswith(".onnx")


def main(settings: BenchSettings, _: Invocation) -> None:
    """Measure, and print a table or JSON."""
    subject, target = _subject(settings), Target(settings.device, settings.reach)
    threads, batches = tuple(dict.fromkeys(_listed(settings.threads))), tuple(dict.fromkeys(_listed(settings.batch)))
    precisions = tuple(dict.fromkeys(_listed(settings.precision or "fp32")))
    ways = ways_of(threads, precisions, settings.cores)
    with tempfile.TemporaryDirectory() as place, Console(stderr=True).status("measuring …") as status:

        def report(line: str) -> None:
            status.update(f"measuring {one_line(line.partition(':')[0])} …")

        rows = list(bench(subject, target, ways, batches, settings.seconds, Path(place), report))
    if settings.format == "json":
        print(json.dumps({"arch": settings.arch, "device": settings.device, "rows": [_json(each) for each in rows]}))
    else:
        _print(settings, rows)


def _subject(settings: BenchSettings) -> Subject:
    if not settings.is_file:
        return Subject(settings.arch, find_architecture(settings.arch, settings.member))
    path = Path(os.path.expanduser(settings.arch))
    read_metadata(path, ArchitectureError)  # refuses what is no file, or none of ONNX
    if path.stat().st_size > MOST_FILE_BYTES:
        raise ArchitectureError(f"{short(settings.arch, 200)} has over {MOST_FILE_BYTES:,} bytes")
    return Subject(settings.arch, None, path.read_bytes(), settings.pixels)


def _json(row: Benched) -> dict[str, object]:
    return {**asdict(row), "images_a_second": row.images_a_second}


def _print(settings: BenchSettings, rows: list[Benched]) -> None:
    console, each_s = Console(), burst_seconds(settings.seconds)
    where = "this host" if settings.device == "host" else f"{settings.device}"
    version = f" {onnxruntime.__version__}" if settings.device == "host" else ""
    weights = "" if settings.is_file else ", random weights"
    line = f"{settings.arch} on {where}, ONNX Runtime{version}{weights}"
    console.print(one_line(line), highlight=False, soft_wrap=True, markup=False)
    table = Table()
    headings = ("threads", "precision", "batch", "ms", "range of bursts", "spread", "images/s", "bursts", "runs")
    for heading in headings:
        table.add_column(heading, justify="right", overflow="fold")
    for row in rows:
        mark = "" if row.settled else "*" if row.calm else "**"
        table.add_row(
            *(str(row.threads), row.precision, str(row.batch)),
            *(f"{row.ms:.3g}{mark}", f"{row.low:.3g} to {row.high:.3g}", f"{100 * row.spread / row.ms:.1f} %"),
            *(f"{row.images_a_second:.0f}", str(row.bursts), str(row.runs)),
        )
    console.print(table)
    notes = [
        f"Each burst: a new session, {0.2 * each_s:.2g} s of warm-up, {each_s:.2g} s of runs; its figure is the lower "
        "quartile. ms is the median over bursts, spread 1.4826 times their median absolute deviation."
    ]
    if any(not row.settled and row.calm for row in rows):
        notes.append("* did not settle: the bursts disagree by more than 2 %; quit what else runs, or raise seconds.")
    if any(not row.calm for row in rows):
        notes.append("** something else disturbed every burst: the figures are those of a busy machine.")
    console.print("\n".join(notes), highlight=False, soft_wrap=True)


def _listed(value: T | tuple[T, ...]) -> tuple[T, ...]:
    return value if isinstance(value, tuple) else (value,)


if __name__ == "__main__":
    command("bench", BenchSettings, main)
