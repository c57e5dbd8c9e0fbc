"""What a device is given to measure: a folder, or a zip of it.

It holds `plan.json`, `models/<precision>/<id>.onnx`, and `runner.py`, which measures the models with the files of
nas/recording/runner/, in the folder `nas_runner/`, and adds rows to `results.jsonl` (runner/__init__.py says how).
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nas.errors import ArchitectureError, NasError, ProfileError, RunError
from nas.latency.profile import HardwareProfile
from nas.latency.profile_tables import layer_cells, read_layer
from nas.reading.numbers import whole
from nas.reading.words import short
from nas.recording import runner
from nas.recording.design import Planned, burst_seconds, chunks, enough_chunks
from nas.recording.graph import layer_graph, network_graph
from nas.recording.rows import read_checked
from nas.recording.runner.figures import Row, models_of
from nas.recording.runner.results import Results
from nas.recording.runner.schedule import Schedule
from nas.resources import refuse_links, replace_file
from nas.spaces.architecture import Architecture
from nas.spaces.layers import Layer
from nas.spaces.space import SearchSpace

SCRIPTS = "nas_runner"
"""The folder of the runner's files in a bundle."""

LAUNCHER = '''\
"""Measures the models beside this file: python runner.py [FOLDER]. nas_runner/__init__.py says how."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from nas_runner.measure import main

main(Path(__file__).resolve().parent)
'''


def plan(space: SearchSpace, seed: int, minutes: float, configurations: Iterable[Row]) -> Row:
    """What `runner.py` measures: JSON values. `minutes` are those of each configuration."""
    sequence = zip(range(enough_chunks(minutes)), chunks(space, seed), strict=False)
    return {
        "search_space": space.name,
        "seed": seed,
        "minutes": minutes,
        "burst_s": burst_seconds(minutes),
        "configurations": list(configurations),
        "chunks": [[_entry(planned) for planned in chunk] for _, chunk in sequence],
    }


def configuration(threads: int, precision: str, cores: tuple[int, ...] | None = None, batch: int = 1) -> Row:
    """One way to run a model; called `1t_fp32`, `1t_fp32_cores4-7` where the process is kept to some cores, and
    `1t_fp32_b8` where an inference is of 8 images.
    """
    suffix = "" if cores is None else f"_cores{'-'.join(map(str, cores))}"
    suffix += f"_b{batch}" if batch > 1 else ""
    options: Row = {"batch": batch} if batch > 1 else {}
    options |= {"cores": None if cores is None else list(cores), "optimization": "all", "spinning": True}
    return {"name": f"{threads}t_{precision}{suffix}", "threads": threads, "precision": precision, **options}


def validation_chunk(archs: Iterable[Architecture]) -> list[Row]:
    """A plan's chunk of whole networks that are kept from any fit."""
    return [_entry(Planned(arch.key, "validate", arch)) for arch in archs]


def recorded_cores(profile: HardwareProfile) -> tuple[int, ...] | None:
    """The cores that a recorded profile was kept to; None: all.

    Raises:
        ProfileError: the profile says something else.
    """
    if profile.cores == "all":
        return None
    try:
        return tuple(whole(core.strip()) for core in profile.cores.split(","))
    except ValueError:
        raise ProfileError(
            f"{profile.label}: cores must be all, or numbers such as 4, 5, got {short(profile.cores)}"
        ) from None


def write_bundle(folder: Path, planned: Row) -> None:
    """Write what `folder` lacks of the bundle of `planned`; of models, those its results leave to be measured.

    Raises:
        NasError: the results are of another plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = open_results(folder, planned).rows if (folder / "results.jsonl").exists() else []
    (folder / SCRIPTS).mkdir(exist_ok=True)
    for script in Path(runner.__file__).parent.glob("*.py"):
        replace_file(folder / SCRIPTS / script.name, script.read_bytes())
    replace_file(folder / "runner.py", LAUNCHER.encode())
    for way in planned["configurations"]:
        schedule = Schedule(planned, way, rows)
        models = folder / "models" / models_of(way)
        models.mkdir(parents=True, exist_ok=True)
        left = planned["chunks"] if schedule.next_models() else []
        for entry in (entry for chunk in left for entry in schedule.unprofiled(chunk)):
            path = models / f"{entry['id']}.onnx"
            if not path.exists():
                replace_file(
                    path, graph_bytes(planned_model("plan.json", entry), way["precision"], way.get("batch", 1))
                )
    replace_file(folder / "plan.json", json.dumps(planned).encode())


def open_results(folder: Path, planned: Row) -> Results:
    """The results in `folder`, those of `planned`.

    Raises:
        NasError: they are of another plan, or no results.
    """
    if (folder / "results.jsonl").exists():
        read_checked(folder / "results.jsonl")
    try:
        return Results(folder / "results.jsonl", planned)
    except ValueError as error:
        raise NasError(str(error)) from None


def graph_bytes(model: Architecture | Layer, precision: str, batch: int = 1) -> bytes:
    """The ONNX file of a network or of a layer alone, for `batch` images."""
    if isinstance(model, Architecture):
        return bytes(network_graph(model, precision, batch=batch).SerializeToString())
    return bytes(layer_graph(model, precision, batch=batch).SerializeToString())


def _entry(planned: Planned[Architecture] | Planned[Layer]) -> Row:
    about = {"id": planned.id, "role": planned.role}
    if isinstance(planned.model, Architecture):
        return {**about, "kind": "network", "notation": planned.model.notation}
    return {**about, "kind": "layer", "layer": layer_cells(planned.model)}


def planned_model(where: str, entry: Row) -> Architecture | Layer:
    """The network or layer of a plan's entry, a `ModelEntry`.

    Raises:
        ProfileError: there can be none such, or its id is another network's; the message begins with `where`.
    """
    if entry["kind"] == "layer":
        return read_layer(where, entry["layer"])
    try:
        arch = Architecture.from_notation(entry["notation"])
    except ArchitectureError as error:
        raise ProfileError(f"{where}: {error}") from None
    if entry["id"] != arch.key:
        raise ProfileError(f"{where}: the network has the id {short(entry['id'])}, not its own, {arch.key}")
    return arch


@contextmanager
def locked(work: Path, command: str) -> Iterator[None]:
    """Make the folder `work`, and keep other runs of `command` from measuring in it meanwhile.

    Raises:
        RunError: it cannot be written, or another run measures in it.
    """
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write the folder {work}: {error.strerror}") from None
    refuse_links(work, RunError)
    lock = FileLock(work / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"another {command} is measuring in {work}; wait for it, or stop it") from None
    try:
        yield
    finally:
        lock.release()
