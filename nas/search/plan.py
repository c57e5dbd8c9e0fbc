"""A whole run: search, baselines, confirmation, files, timing; everything resumable, one step each."""

from collections.abc import Mapping, Sized
from dataclasses import dataclass, replace
from typing import Any

from optuna.samplers import BaseSampler

from nas.errors import RunError, RunFailed
from nas.exports.graph import at_size
from nas.nets.pretrained import NONE
from nas.results.costs import DeviceFigure
from nas.results.finished import with_finished
from nas.results.front import Front
from nas.results.run_folder import write_front
from nas.results.trials import write_trials
from nas.search.confirm.baselines import networks_to_compare, train_baselines
from nas.search.confirm.candidates import confirm_candidates
from nas.search.confirm.files import evaluate_on_test, export_networks, time_files
from nas.search.confirm.target import DeviceTiming, measure_on_target
from nas.search.context import AGAIN, Run
from nas.search.evaluations import Trainings
from nas.search.loop import Stopping, search
from nas.search.record.trial import accuracies, records
from nas.search.result.about import About, latency_facts, origin
from nas.search.result.compose import compose
from nas.search.result.fidelity import fidelity_warnings
from nas.search.result.learning import learning_warnings
from nas.search.result.members import network_costs
from nas.search.settings import BaselineSettings, ConfirmSettings
from nas.spaces.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does beside and after its search.

    `warm_start`: the search begins with the baselines that its space holds. With a `timing`, the confirmed networks
    and the baselines are measured on the device in the end, and the front is that of the measured milliseconds. `init`
    is what `nas.nets.pretrained.load` takes, or none.
    """

    confirm: ConfirmSettings
    baselines: BaselineSettings
    warm_start: bool
    about: About
    timing: DeviceTiming | None = None
    init: str = NONE


def run(context: Run, trainings: Trainings, sampler: BaseSampler, stopping: Stopping, plan: Plan) -> Front:
    """Do what is left to do of a run, write front.json, trials.csv and models/, and return the front.

    An interruption at any point loses only the trainings that were under way.

    Raises:
        RunFailed: no network is left to make a front of; front.json stays as it was.
        RunError: the folder cannot be written.
        Elsewhere: several drivers share the study, and another one makes its result.
    """
    try:
        (context.folder / "models").mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {context.folder / 'models'}: {error.strerror}; move it away") from None
    networks = networks_to_compare(context.problem, plan.baselines, plan.init, plan.about.data.native_resolution)
    try:
        _search(context, trainings, sampler, stopping, list(networks.values()) if plan.warm_start else [])
        if context.driver:
            context.driver.require_finish()
        baselines = train_baselines(context, trainings, networks, plan.baselines.seeds)
        candidates = confirm_candidates(context, trainings.long, plan.confirm, trainings.first_seed, baselines.values())
        _require(candidates, "confirmed", context)
        baselines = evaluate_on_test(context, trainings.baseline, baselines)
        confirmed = evaluate_on_test(context, trainings.long, candidates)
        _require(confirmed, "judged on the test images", context)
        confirmed = export_networks(
            *(context, trainings.export, confirmed),
            lambda arch: _metadata(context, at_size(arch, trainings.long.scale(arch)), plan),
        )
        _require(confirmed, "exported", context)
    finally:
        finished = [trial.row() for trial in records(context.study) if trial.state != "running"]
        write_trials(finished, context.folder)
    confirmed = time_files(context, confirmed)
    measured = measure_on_target(context, plan.timing, {**confirmed, **baselines})
    confirmed, baselines = ({name: measured[name] for name in some} for some in (confirmed, baselines))
    front = compose(context, trainings.ladder, list(confirmed.values()), baselines, plan.about)
    confirmed_accuracies = [member.val_accuracy.value for member in front.confirmed]
    for warning in (
        *learning_warnings(_cheap_accuracies(context), confirmed_accuracies, front.data),
        *fidelity_warnings(front.proxy_fidelity),
    ):
        context.display.warning(warning)
    if passing := sum(failure.may_pass for failure in context.failures):
        context.display.warning(f"{passing} evaluations failed for reasons that may pass; {AGAIN}")
    front = with_finished(replace(front, warnings=tuple(context.display.warnings)), context.folder)
    write_front(front, context.folder)
    if context.driver:
        context.driver.finished()
    return front


def _search(
    context: Run, trainings: Trainings, sampler: BaseSampler, stopping: Stopping, start: list[Architecture]
) -> None:
    done = [trial.row() for trial in records(context.study) if trial.state in ("complete", "stopped", "failed")]
    context.display.earlier(done)
    context.display.stage("search", stopping.trials, min(len(done), stopping.trials))
    if stopping.time_limit:
        context.display.limit(stopping.time_limit)
    inside = [arch for arch in start if context.problem.space.contains(arch)]
    ended = search(context, trainings.ladder, sampler, stopping, inside)
    context.display.message(f"search: {ended}")
    _require([trial for trial in records(context.study) if trial.state == "complete"], f"evaluated ({ended})", context)


def _require(found: Sized, done: str, context: Run) -> None:
    """Check that there is something to go on with.

    Raises:
        RunFailed: there is not; the last failure says why.
    """
    if not found:
        why = context.failures[-1] if context.failures else None
        told = [
            f"no network could be {done}",
            f"the last failed with {why.error}" if why else "",
            AGAIN if why and why.may_pass else "",
        ]
        raise RunFailed("; ".join(part for part in told if part))


def _cheap_accuracies(context: Run) -> list[float]:
    """The accuracies that the search was led by; none where training-free scores led it."""
    return accuracies([trial for trial in records(context.study) if trial.state == "complete"])


def _metadata(context: Run, arch: Architecture, plan: Plan) -> Mapping[str, Any]:
    """What a file says of its network, at the pixels that it takes, beside what the confirmation knows."""
    problem = context.problem
    costs = network_costs(problem.candidate(arch))
    figure = costs["latency_ms"]
    assert isinstance(figure, DeviceFigure)
    return {
        "latency_ms": latency_facts(figure, problem.profile.label, arch),
        "macs": str(costs["macs"]),
        "params": str(costs["params"]),
        "run": {"space": problem.space.name, "budget": str(problem.budget), "search_seed": plan.about.seed},
        **origin(plan.init, arch),
    }
