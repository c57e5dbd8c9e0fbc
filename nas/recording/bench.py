"""The speed of one network or ONNX file at every combination of threads, precision and batch, as nas.record measures.

A network has random weights; what they are does not change its time. Every burst is a new session, a warm-up of a fifth
of its seconds, and runs; a figure is the median of bursts that nothing disturbed (runner/).
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from nas.errors import ConfigError, NasError
from nas.reading.words import cut
from nas.recording.bundle import configuration, write_bundle
from nas.recording.devices.target import Target, open_device
from nas.recording.graph import file_at, network_graph
from nas.recording.rows import read_checked
from nas.recording.runner.figures import LEAST_RUNS, PASSES, Row, estimate, figures, settled
from nas.resources import replace_file
from nas.spaces.architecture import Architecture

OF_FILE = "file"
"""The precision of a file: whatever it is."""
MOST_FILE_BYTES = 2_000_000_000
_LONG = 600.0  # minutes: all is measured, however long that takes
_OVERHEAD = 1.3  # seconds of a burst, warm-up and loading included, for each of its runs


@dataclass(frozen=True, slots=True)
class Benched:
    """Milliseconds of one inference, of `batch` images: median over `bursts`, their least and largest, and spread.

    `runs` are those behind the figures. `calm`: whether nothing disturbed them; `settled`: whether they agree.
    """

    threads: int
    precision: str
    batch: int
    ms: float
    low: float
    high: float
    spread: float
    bursts: int
    runs: int
    calm: bool
    settled: bool

    @property
    def images_a_second(self) -> float:
        """Images in a second."""
        return 1e3 * self.batch / self.ms


@dataclass(frozen=True, slots=True)
class Subject:
    """What is timed: a network, or the content of a file at so many `pixels` where it leaves them free."""

    name: str
    arch: Architecture | None
    content: bytes | None = None
    pixels: int = 224

    @property
    def id(self) -> str:
        """Names the model in a bundle."""
        if self.arch is not None and self.content is None:
            return self.arch.key
        return hashlib.blake2b(self.content or b"", digest_size=8).hexdigest()

    def model(self, precision: str, batch: int) -> bytes:
        """The ONNX file to time; raises as `file_at` does."""
        if self.content is not None:
            try:
                return file_at(self.content, batch, self.pixels)
            except ConfigError as error:
                raise ConfigError(f"{cut(self.name, 200)}: {error}") from None
        assert self.arch is not None
        return bytes(network_graph(self.arch, precision, batch=batch).SerializeToString())


def burst_seconds(seconds: float) -> float:
    """Of one burst, where a combination is to take so many `seconds`."""
    return max(0.01, seconds / PASSES["network"] / _OVERHEAD)


def bench(
    subject: Subject,
    target: Target,
    ways: Sequence[Row],
    batches: Sequence[int],
    seconds: float,
    place: Path,
    report: Callable[[str], None],
) -> Iterator[Benched]:
    """Measure each of `ways` (`configuration`) at each batch, in bundles in the folder `place`.

    Raises:
        NasError: the device cannot be reached or lacks something, the measuring failed, or the file cannot be run.
    """
    for batch in batches:
        folder = place / f"{subject.id}-b{batch}"
        entry = {"id": subject.id, "role": "validate", "kind": "network", "notation": _notation(subject)}
        for way in ways:
            path = folder / "models" / way["precision"] / f"{subject.id}.onnx"
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, subject.model(way["precision"], batch))
        planned = {
            "search_space": "nas.bench",
            "seed": 0,
            "minutes": _LONG,
            "burst_s": burst_seconds(seconds),
            "configurations": list(ways),
            "chunks": [[entry]],
        }
        write_bundle(folder, planned)
        open_device(target, f"bench-{subject.id}-b{batch}")(folder, report)
        rows = read_checked(folder / "results.jsonl")
        yield from (_benched(way, batch, rows, of_file=subject.content is not None) for way in ways)


def ways_of(threads: Sequence[int], precisions: Sequence[str], cores: tuple[int, ...] | None) -> list[Row]:
    """Every combination."""
    return [configuration(*each, cores) for each in product(threads, precisions)]


def _notation(subject: Subject) -> str:
    return subject.arch.notation if subject.arch else OF_FILE


def _benched(way: Row, batch: int, rows: Sequence[Row], *, of_file: bool) -> Benched:
    bursts = [row for row in rows if row["type"] == "burst" and row["configuration"] == way["name"]]
    if not bursts:
        raise NasError(f"nothing was measured with {way['threads']} threads in {way['precision']}")
    calm = [row for row in bursts if row["kept"] >= LEAST_RUNS]
    found = calm or [{**row, "kept": row["runs"]} for row in bursts]
    ms, spread_ms = estimate(found) if figures(found) else (float(np.median([row["ms"][1] for row in found])), 0.0)
    values = [row["ms"][1] for row in found]
    return Benched(
        way["threads"],
        OF_FILE if of_file else way["precision"],
        batch,
        ms,
        min(values),
        max(values),
        spread_ms,
        len(found),
        sum(row["kept"] for row in found),
        bool(calm),
        settled(bursts, "network"),
    )
