"""A whole run: search, reference curves, confirmation, files, timing; everything resumable, one step each."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from optuna.samplers import BaseSampler
from optuna.study import Study

from nas.errors import NasError, ProfileError
from nas.problem import Problem, reference_point
from nas.search.compose import compose, entry, judgements, write_front, write_trials
from nas.search.confirm.candidates import Bench, Network, confirm_candidates, train
from nas.search.confirm.export import Export
from nas.search.confirm.files import judge, publish, time_files
from nas.search.confirm.target import DeviceTiming
from nas.search.display import Display
from nas.search.executors.base import Executor
from nas.search.fidelity import fidelity_warnings
from nas.search.loop import search
from nas.search.patience import Patience
from nas.search.record.study import rows
from nas.search.settings import ConfirmSettings, ReferenceSettings
from nas.search.trainings import Trainings
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import BASELINES, baseline


def run(
    problem: Problem,
    trainings: Trainings,
    study: Study,
    sampler: BaseSampler,
    executor: Executor,
    folder: Path,
    *,
    trials: int,
    confirm: ConfirmSettings,
    references: ReferenceSettings,
    warm_start: bool,
    display: Display,
    about: Mapping[str, Any],
    time_limit: float | None = None,
    patience: Patience | None = None,
    on_target: DeviceTiming | None = None,
) -> dict[str, Any]:
    """Do what is left to do of a run, write front.json, trials.csv and models/, and return the front.

    With `on_target`, the confirmed networks and the references are measured there in the end, and the front is that of
    the measured milliseconds.

    An interruption at any point loses only the trainings that were under way.
    """
    classes = problem.space.classes
    origin = reference_point(problem, chance=1 / classes)
    (folder / "models").mkdir(exist_ok=True)
    done = sum(row["state"] in ("complete", "stopped", "failed") for row in rows(study))
    display.stage("search", trials, min(done, trials))
    bench = Bench(study, executor, display)
    networks = _reference_networks(problem, references.widths)
    try:
        ended = search(
            problem,
            trainings.ladder,
            study,
            sampler,
            executor,
            trials=trials,
            reference=origin,
            observer=display,
            time_limit=time_limit,
            patience=patience,
            start=[arch for arch in networks.values() if problem.space.contains(arch)] if warm_start else [],
        )
        display.message(f"search: {ended}")
        compared = _train_references(trainings, bench, networks, references.seeds)
        chosen = confirm_candidates(problem, trainings.long, bench, confirm, trainings.first_seed, compared.values())
        curves, judged = judge(trainings.reference, bench, compared), judge(trainings.long, bench, chosen)
        written = {key: chosen[key] for key in judged}
        files = publish(trainings.export, bench, written, lambda arch: _metadata(problem, arch))
    finally:
        write_trials(study, folder)
    _warn_of_chance(study, classes, display)
    confirmed = {key: judged[key] | files[key] for key in files}
    timings = _time(trainings.export, bench, {key: arch for key, (arch, _) in chosen.items()}, confirmed)
    measured = _measure({key: chosen[key][0] for key in confirmed} | networks, on_target, folder / "measured", display)
    shown = _curves(problem, compared, curves, confirmed)
    front = compose(problem, study, trainings.ladder, origin, confirmed, timings, measured, shown, about)
    for warning in fidelity_warnings(front["proxy_fidelity"]):
        display.message(f"warning: {warning}")
    write_front(front, folder)
    return front


def _warn_of_chance(study: Study, classes: int, display: Display) -> None:
    complete = [row["accuracy"] for row in rows(study) if row["state"] == "complete" and row["how"] != "score"]
    if complete and max(complete) < 1.5 / classes:
        display.message(
            f"warning: no network learned: the best accuracy is {max(complete):.1%}, and guessing among {classes} "
            "classes gives as much; raise proxy.epochs or proxy.resolution"
        )


def _reference_networks(problem: Problem, widths: tuple[float, ...]) -> dict[str, Architecture]:
    """MobileNet v1 and v2 at each width that is inside the budget, by name."""
    size, space = max(problem.space.resolution), problem.space
    networks: dict[str, Architecture] = {}
    for family in BASELINES:
        for width in widths:
            name = f"{family}_w{width:g}_r{size}"
            arch = baseline(name, space.in_channels, space.classes)
            with suppress(ProfileError):  # a device that was never measured on such layers has no such curve
                if problem.excess(arch) <= 1:
                    networks[name] = arch
    return networks


def _train_references(
    trainings: Trainings, bench: Bench, networks: Mapping[str, Architecture], seeds: int
) -> dict[str, Network]:
    """The reference networks by name, trained as long as the confirmed ones; one that failed is left out."""
    jobs = [(arch, trainings.first_seed + n) for arch in networks.values() for n in range(seeds)]
    records = iter(train(trainings.reference, bench, "references", jobs))
    found = {name: (arch, [next(records) for _ in range(seeds)]) for name, arch in networks.items()}
    return {name: network for name, network in found.items() if not any("error" in record for record in network[1])}


def _curves(
    problem: Problem,
    networks: Mapping[str, Network],
    judged: Mapping[str, Mapping[str, Any]],
    confirmed: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The reference networks in the form of front.json; the spread of seeds is that of the confirmed ones too."""
    accuracies = judgements([*confirmed.values(), *judged.values()])[len(confirmed) :]
    curves = []
    for name, (accuracy, _) in zip(judged, accuracies, strict=True):
        known = entry(problem, networks[name][0])
        shown = {key: known[key] for key in ("macs", "params", "weight_bytes", "peak_activation_bytes")}
        shown["latency_ms"] = known["latency_ms"]["value"]
        curves.append({"name": name, **shown, **accuracy, "accuracy": accuracy["value"]})
        del curves[-1]["value"]
    return curves


def _metadata(problem: Problem, arch: Architecture) -> dict[str, Any]:
    """What an ONNX file says of its network beside what the confirmation knows."""
    known = entry(problem, arch)
    latency = {**known["latency_ms"], "hardware": problem.profile.label, "resolution": arch.resolution}
    return {"latency_ms": latency, "macs": str(known["macs"]), "params": str(known["params"])}


def _time(
    export: Export, bench: Bench, networks: Mapping[str, Architecture], confirmed: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Milliseconds of the files on this machine, by key, and by `key:int8`."""
    files = {key: (result["onnx"], networks[key].resolution) for key, result in confirmed.items()}
    files |= {
        f"{key}:int8": (result["onnx_int8"], networks[key].resolution)
        for key, result in confirmed.items()
        if result["onnx_int8"]
    }
    return time_files(export, bench, files)


def _measure(
    networks: Mapping[str, Architecture], on_target: DeviceTiming | None, folder: Path, display: Display
) -> dict[str, dict[str, Any]]:
    """Milliseconds on the target of `networks`, by key or name; none if it is out of reach."""
    if on_target is None:
        return {}
    display.stage("measuring", 1)
    try:
        found = on_target(networks, folder, lambda line: None)
    except NasError as error:
        display.message(f"warning: the networks were not measured, their latencies are predicted: {error}")
        return {}
    display.advance()
    if unsettled := len(networks) - len(found):
        display.message(f"warning: {unsettled} of {len(networks)} networks did not settle, their latency is predicted")
    return found
