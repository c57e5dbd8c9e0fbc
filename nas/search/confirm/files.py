"""The end of a run: the chosen networks judged on the test split, each training once, and written as files."""

import shutil
from collections.abc import Callable, Mapping
from typing import Any

from nas.recording.host_timing import time_model
from nas.search.confirm.candidates import Bench, Network
from nas.search.confirm.export import Export
from nas.search.executors.inline import InlineExecutor
from nas.spaces.architecture import Architecture
from nas.training.long import LongTraining


def judge(training: LongTraining, bench: Bench, networks: Mapping[str, Network]) -> dict[str, dict[str, Any]]:
    """What the trainings of each network gave: accuracies per seed, 0..1, on the validation and the test split.

    A test figure is taken once and kept. A network of which one is missing is left out, with a warning.
    """
    names = {
        (name, record["seed"]): f"tested:{training.digest}:{arch.key}:{record['seed']}"
        for name, (arch, records) in networks.items()
        for record in records
    }
    found = bench.once("test", {job: (training.test, networks[name][0], seed) for (name, seed), job in names.items()})
    told = {}
    for name, (_, records) in networks.items():
        results = [found[names[name, record["seed"]]] for record in records]
        if bench.succeeded(f"judging {name}", *results):
            told[name] = {
                "val": [record["val"] for record in records],
                "trainings": records,
                "val_images": records[0]["images"],
                "test": [result["accuracy"] for result in results],
                "test_images": results[0]["images"],
                "resolution": records[0]["resolution"],
                "seconds": sum(record["seconds"] for record in records),
            }
    return told


def publish(
    export: Export, bench: Bench, networks: Mapping[str, Network], metadata: Callable[[Architecture], Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The files of each network's best seed by the validation split; a network without a fp32 file is left out.

    Of what was exported before, files that are gone or another's are written again. Weights are not kept beyond this.
    """
    names: dict[str, str] = {}
    jobs: dict[str, tuple[Any, ...]] = {}
    for key, (arch, records) in networks.items():
        seed = max(records, key=lambda record: record["val"])["seed"]
        name = f"exported:{export.training.digest}:{export.calibration}:{key}:{seed}"
        while (known := bench.study.user_attrs.get(name)) and "digests" in known and not export.is_whole(known):
            name += ":again"
        names[key], jobs[name] = name, (export, arch, seed, metadata(arch))
    found = bench.once("export", jobs)
    files = {key: found[name] for key, name in names.items() if bench.succeeded(f"exporting {key}", found[name])}
    for key, result in files.items():
        if result["failed"]:
            bench.display.message(f"warning: {key} has no int8 file: {result['failed']}")
    shutil.rmtree(export.training.folder, ignore_errors=True)
    return files


def time_files(export: Export, bench: Bench, files: Mapping[str, tuple[str, int]]) -> dict[str, dict[str, Any]]:
    """Milliseconds on this machine of each file at its pixels, one file after the other, one thread."""
    jobs = {f"timed:{name}": (time_model, export.folder / file, pixels) for name, (file, pixels) in files.items()}
    found = bench.once("timing", jobs, InlineExecutor())
    return {name: found[f"timed:{name}"] for name in files if "error" not in found[f"timed:{name}"]}
