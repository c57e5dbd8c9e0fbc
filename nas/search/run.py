"""A whole run: search, reference curves, confirmation, timing; everything resumable, one step each."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from optuna.samplers import BaseSampler
from optuna.study import Study

from nas.errors import NasError, ProfileError
from nas.latency.measure import time_model
from nas.search.executors import Executor, InlineExecutor
from nas.search.front import nondominated, spread
from nas.search.loop import Observer, evaluate_once, search
from nas.search.patience import Patience
from nas.search.problem import Problem, reference_point
from nas.search.result import compose, entry, write_front, write_trials
from nas.search.rungs import Ladder
from nas.search.settings import ConfirmSettings
from nas.search.space import decode
from nas.search.study import rows
from nas.search.target import OnTarget
from nas.spaces.architecture import Architecture
from nas.spaces.references import REFERENCES, reference
from nas.training.confirm import Confirmation, LongTraining


class Display(Observer, Protocol):
    """Shows the stages of a run."""

    def start(self, total: int, done: int = 0, stage: str = "search") -> None:
        """The search begins, `done` of `total` evaluations are there already."""

    def stage(self, name: str, total: int) -> None:
        """Another stage of `total` steps begins."""

    def advance(self) -> None:
        """One step of the stage is done."""

    def message(self, text: str) -> None:
        """Something the user should know."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """How a run trains: the rungs for every network, the confirmation for candidates, and reference networks."""

    ladder: Ladder
    confirmation: Confirmation
    reference: LongTraining


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
    widths: tuple[float, ...],
    warm_start: bool,
    display: Display,
    about: Mapping[str, Any],
    time_limit: float | None = None,
    patience: Patience | None = None,
    on_target: OnTarget | None = None,
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
    display.start(trials, min(done, trials))
    references = _reference_networks(problem, widths)
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
            start=[arch for arch in references.values() if problem.space.contains(arch)] if warm_start else [],
        )
        display.message(f"search: {ended}")
        curves = _references(problem, trainings.reference, study, executor, references, display)
        confirmed = _confirm(problem, trainings.confirmation, study, executor, confirm, display)
    finally:
        write_trials(study, folder)
    _warn_of_chance(study, classes, display)
    timings = _time(problem, study, confirmed, folder / "models", display)
    measured = _measure(problem, study, confirmed, references, on_target, folder / "measured", display)
    front = compose(problem, study, trainings.ladder, origin, confirmed, timings, measured, curves, about)
    write_front(front, folder)
    return front


def _warn_of_chance(study: Study, classes: int, display: Display) -> None:
    complete = [row["accuracy"] for row in rows(study) if row["state"] == "complete"]
    if complete and max(complete) < 1.5 / classes:
        display.message(
            f"warning: no network learned: the best accuracy is {max(complete):.1%}, and guessing among {classes} "
            "classes gives as much; raise proxy.epochs or proxy.resolution"
        )


def _reference_networks(problem: Problem, widths: tuple[float, ...]) -> dict[str, Architecture]:
    """MobileNet v1 and v2 at each width that is inside the budget, by name."""
    size, space = max(problem.space.resolution), problem.space
    networks: dict[str, Architecture] = {}
    for family in REFERENCES:
        for width in widths:
            name = f"{family}_w{width:g}_r{size}"
            arch = reference(name, space.in_channels, space.classes)
            with suppress(ProfileError):  # a device that was never measured on such layers has no such curve
                if problem.excess(arch) <= 1:
                    networks[name] = arch
    return networks


def _references(
    problem: Problem,
    training: LongTraining,
    study: Study,
    executor: Executor,
    networks: Mapping[str, Architecture],
    display: Display,
) -> list[dict[str, Any]]:
    """The reference networks, trained as long as the confirmed ones."""
    if networks:
        display.stage("references", len(networks))
    recipe = _digest(training)
    jobs = {f"reference:{recipe}:{name}": (training, arch) for name, arch in networks.items()}
    results = evaluate_once(study, executor, jobs, display.advance)
    curves = []
    for name, arch in networks.items():
        result = results[f"reference:{recipe}:{name}"]
        if "error" not in result:
            known = entry(problem, arch)
            shown = {key: known[key] for key in ("macs", "params", "weight_bytes", "peak_activation_bytes")}
            latency_ms = known["latency_ms"]["value"]
            judged = {key: result[key] for key in ("accuracy", "low", "high", "how", "seeds", "resolution")}
            curves.append({"name": name, **shown, "latency_ms": latency_ms, **judged})
    return curves


def _digest(training: LongTraining) -> str:
    """Changes with everything that changes the result of a training, wherever the run folder is."""
    return hashlib.blake2b(repr((training.recipe, training.scale, training.seeds)).encode(), digest_size=4).hexdigest()


def _confirm(
    problem: Problem,
    confirmation: Confirmation,
    study: Study,
    executor: Executor,
    settings: ConfirmSettings,
    display: Display,
) -> dict[str, dict[str, Any]]:
    """Confirm `settings.networks` candidates, and up to as many more while the confirmed front lacks members."""
    complete = [row for row in rows(study) if row["state"] == "complete"]
    points = [problem.values(row) for row in complete]
    order = spread(points, problem.directions, 2 * settings.networks) if points else []
    recipe = _digest(confirmation.training)
    trials = study.get_trials(deepcopy=False)
    confirmed: dict[str, dict[str, Any]] = {}
    display.stage("confirm", min(settings.networks, len(order)))
    while order and (not confirmed or _members(problem, complete, confirmed) < settings.members):
        count = executor.slots if confirmed else settings.networks
        batch, order = order[:count], order[count:]
        names, jobs = {}, {}
        for index in batch:
            row = complete[index]
            arch = decode(problem.space, trials[row["number"]].params)
            name = f"confirmed:{recipe}:{row['key']}"
            while _is_lost(study.user_attrs.get(name, {}), confirmation.folder):
                name += ":again"
            names[row["key"]] = name
            jobs[name] = (confirmation, arch, _metadata(problem, arch))
        results = evaluate_once(study, executor, jobs, display.advance)
        confirmed |= {key: results[name] for key, name in names.items()}
    return confirmed


def _is_lost(known: Mapping[str, Any], models: Path) -> bool:
    """Whether the ONNX file of an earlier confirmation is no longer there."""
    return "onnx" in known and not (models / known["onnx"]).is_file()


def _metadata(problem: Problem, arch: Architecture) -> dict[str, Any]:
    """What an ONNX file says of its network beside what the confirmation knows."""
    known = entry(problem, arch)
    latency = {**known["latency_ms"], "hardware": problem.profile.label, "resolution": arch.resolution}
    return {"latency_ms": latency, "macs": str(known["macs"]), "params": str(known["params"])}


def _members(problem: Problem, complete: list[dict[str, Any]], confirmed: Mapping[str, Mapping[str, Any]]) -> int:
    """How many members the front of the networks confirmed so far has."""
    points = []
    for row in complete:
        result = confirmed.get(row["key"], {"error": "not confirmed"})
        if "error" not in result:
            points.append(problem.values({**row, "accuracy": sum(result["test"]) / len(result["test"])}))
    return len(nondominated(points, problem.directions))


def _time(
    problem: Problem, study: Study, confirmed: Mapping[str, Mapping[str, Any]], models: Path, display: Display
) -> dict[str, dict[str, Any]]:
    """Milliseconds of every confirmed network on this machine, one after the other, one thread."""
    trials = {t.user_attrs.get("key"): t for t in study.get_trials(deepcopy=False)}
    jobs = {}
    for key, result in confirmed.items():
        if "error" not in result:
            resolution = decode(problem.space, trials[key].params).resolution
            jobs[f"timed:{key}"] = (time_model, models / result["onnx"], resolution)
    display.stage("timing", len(jobs))
    results = evaluate_once(study, InlineExecutor(), jobs, display.advance)
    return {name.removeprefix("timed:"): result for name, result in results.items() if "error" not in result}


def _measure(
    problem: Problem,
    study: Study,
    confirmed: Mapping[str, Mapping[str, Any]],
    references: Mapping[str, Architecture],
    on_target: OnTarget | None,
    folder: Path,
    display: Display,
) -> dict[str, dict[str, Any]]:
    """Milliseconds on the target of confirmed networks by key, of references by name; none if it is out of reach."""
    if on_target is None:
        return {}
    trials = {t.user_attrs.get("key"): t for t in study.get_trials(deepcopy=False)}
    good = [key for key, result in confirmed.items() if "error" not in result]
    networks = {key: decode(problem.space, trials[key].params) for key in good} | dict(references)
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
