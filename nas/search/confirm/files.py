"""The end of a run: the chosen networks judged on the test split, each training once, written as files, and timed."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nas.exports import EXPORTERS
from nas.proxies.base import Failed
from nas.results.member import HostTiming, ModelFile
from nas.search.confirm.export import Export, Exported
from nas.search.confirm.network import Confirmed
from nas.search.confirm.slower import with_slower
from nas.search.context import Run
from nas.search.executors.inline import InlineExecutor
from nas.search.record import jobs
from nas.search.record.jobs import Job, earlier_result
from nas.spaces.architecture import Architecture
from nas.training.long import Judged, LongTraining

Networks = Mapping[str, Confirmed]
"""Networks by key or name."""


def evaluate_on_test(run: Run, training: LongTraining, networks: Networks) -> dict[str, Confirmed]:
    """The networks with the accuracy of each of their trainings on the test split, which is taken once and kept.

    A network of which one is missing is left out, with a warning.
    """

    def name_of(arch: Architecture, seed: int) -> str:
        return jobs.tested(training.digest(arch), arch, seed)

    wanted = {}
    for network in networks.values():
        for trained in network.trainings:
            name = name_of(network.architecture, trained.seed)
            wanted[name] = Job(Judged, training.test, (network.architecture, trained.seed), run.long_time_limit)
    found = run.do_once("test", wanted)
    tested = {}
    for name, network in networks.items():
        seeds = [trained.seed for trained in network.trainings]
        results = [found[name_of(network.architecture, seed)] for seed in seeds]
        run.warn_of_failures(f"judging {name}", *results)
        judged = tuple(result for result in results if not isinstance(result, Failed))
        if len(judged) == len(seeds):
            tested[name] = replace(network, tested=judged)
    return tested


def export_networks(
    run: Run, export: Export, networks: Networks, metadata: Callable[[Architecture], Mapping[str, Any]]
) -> dict[str, Confirmed]:
    """The networks with the files of their best seed; one without a fp32 file is left out.

    Of what was exported before, files that are gone or another's are written again. Weights are not kept beyond this.
    """
    names = {key: _export_name(run, export, network) for key, network in networks.items()}
    wanted = {}
    for key, network in networks.items():
        arguments = (network.architecture, network.best.seed, metadata(network.architecture))
        wanted[names[key]] = Job(Exported, export, arguments, run.long_time_limit)
    found, exported = run.do_once("export", wanted), {}
    for key, network in networks.items():
        result = found[names[key]]
        run.warn_of_failures(f"exporting {key}", result)
        if isinstance(result, Failed):
            continue
        exported[key] = replace(network, files=result.files, weights=result.weights)
        for file in result.files:
            if file.int8 and file.int8.unheld and file.format == "onnx":
                bounds = "confirm.int8_loss and confirm.int8_agreement"
                run.display.warning(f"{key} in int8 {file.int8.unheld} ({bounds}, in validation)")
            if file.error:
                run.display.warning(f"{key} has no {file.kind} file: {file.error}")
    shutil.rmtree(export.training.folder, ignore_errors=True)
    return exported


def _export_name(run: Run, export: Export, network: Confirmed) -> str:
    """The name of the job that wrote the files as they are now, or is to write them."""
    attempt = 0
    while True:
        name = jobs.exported(export.digest(network.architecture), network.architecture, network.best.seed, attempt)
        known = earlier_result(run.study, name, Exported)
        if not isinstance(known, Exported) or export.is_whole(known):
            return name
        attempt += 1


def time_files(run: Run, networks: Networks) -> dict[str, Confirmed]:
    """The networks with the time of each file on this machine, one file after the other, one thread."""
    exporters = {(each.format, each.precision): each for each in EXPORTERS.values()}
    wanted = {}
    for network in networks.values():
        for file in network.files:
            time = exporters[file.format, file.precision].time
            if file.path and time and file.not_run is None:
                arguments = (run.folder / file.path, network.architecture.resolution)
                wanted[jobs.timed(file.path)] = Job(HostTiming, time, arguments)
    found = run.do_once("timing", wanted, InlineExecutor())

    def timed(file: ModelFile) -> ModelFile:
        timing = found.get(jobs.timed(file.path)) if file.path else None
        return replace(file, host_latency_ms=timing) if isinstance(timing, HostTiming) else file

    profile = run.problem.profile
    return {
        key: replace(network, files=with_slower([timed(file) for file in network.files], profile, network.architecture))
        for key, network in networks.items()
    }
