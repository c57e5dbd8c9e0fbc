"""What a run found, as front.json tells it."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

import numpy as np

from nas.problem import Problem
from nas.results.costs import cost_values
from nas.results.front import SCHEMA, BudgetFacts, Counts, Front, NetworkCount
from nas.results.gain import gain_over
from nas.results.member import Member
from nas.results.ordering import cost_measure, ordered
from nas.results.quality import Hypervolume, PredictionErrors
from nas.search.confirm.network import Confirmed, correct_images
from nas.search.confirm.posterior import on_front, posterior
from nas.search.context import Run
from nas.search.front import hypervolume_history, nondominated
from nas.search.record.trial import TrialRecord, records
from nas.search.result.about import About
from nas.search.result.fidelity import proxy_fidelity
from nas.search.result.hardware import hardware
from nas.search.result.importance import importances
from nas.search.result.learning import learned
from nas.search.result.members import accuracies, baseline, member, network_costs
from nas.search.result.random_search import drawn_without_model, random_search
from nas.search.result.several import several, trainings_of
from nas.search.rungs import Ladder
from nas.spaces.budget import show

PACKAGES = ("sepconv-nas", "torch", "pytorch-lightning", "optuna", "onnxruntime", "numpy")


def compose(
    run: Run, ladder: Ladder, confirmed: Sequence[Confirmed], baselines: Mapping[str, Confirmed], about: About
) -> Front:
    """The result of a run, from its record and the networks that were confirmed and compared with.

    The front is chosen by what the validation split lets one believe; of its networks, those that another beats on the
    test split as well as in all costs are left out, so that it is a front in the figures that it shows. Its warnings
    are yet to be said.
    """
    problem, trials = run.problem, records(run.study)
    costs = [network_costs(problem.candidate(network.architecture), network.measured) for network in confirmed]
    values = np.array([problem.cost_values(cost_values(each)) for each in costs])
    believed, draws = posterior([correct_images(network.trainings) for network in confirmed], values)
    members = [
        member(network, each, *figures, probability)
        for network, each, figures, probability in zip(
            confirmed, costs, accuracies(confirmed), on_front(draws, values).tolist(), strict=True
        )
    ]
    chosen = _front(problem, members, believed)
    chosen = _front(problem, chosen, [each.accuracy.value for each in chosen])
    judged = accuracies([*confirmed, *baselines.values()])[len(confirmed) :]  # the spread of seeds is that of all
    compared = tuple(
        baseline(problem, name, network, accuracy)
        for (name, network), (accuracy, _) in zip(baselines.items(), judged, strict=True)
    )
    counts = _counts(trials, len(members))
    spent = trainings_of(counts, confirmed, list(baselines.values()))
    return Front(
        schema=SCHEMA,
        hardware=hardware(problem.profile),
        budget=_budget(problem),
        search_space=problem.space.name,
        objectives=problem.objectives,
        seed=about.seed,
        data=about.data,
        sampler=about.sampler,
        proxy=about.proxy,
        rungs=about.rungs,
        command=about.command,
        counts=counts,
        hypervolume=_hypervolume(run, trials),
        proxy_fidelity=proxy_fidelity(run.study, ladder, members),
        predicted_and_measured=_prediction_errors(members),
        baselines=compared,
        versions={package: version(package) for package in PACKAGES},
        front=_in_order(problem, chosen),
        confirmed=_in_order(problem, members),
        gain=gain_over(compared, chosen, about.data.test),
        learned=learned([each.val_accuracy.value for each in members], about.data),
        warnings=(),
        init=about.init,
        importances=importances(problem, trials),
        several=several(problem, chosen, compared, spent, about.data.test),
    )


def _front(problem: Problem, members: Sequence[Member], accuracy: Iterable[float]) -> list[Member]:
    """The members that no other beats, by that accuracy of each."""
    points = []
    for each, share in zip(members, accuracy, strict=True):
        points.append(problem.values({**cost_values(each.costs), "accuracy": share}))
    return [members[index] for index in nondominated(points, problem.directions)]


def _in_order(problem: Problem, members: Sequence[Member]) -> tuple[Member, ...]:
    """From cheap to expensive, as the report numbers them."""
    return tuple(ordered(members, cost_measure(problem.objectives)))


def _budget(problem: Problem) -> BudgetFacts:
    inside, every = problem.networks()
    return BudgetFacts(
        limits=problem.budget.to_json(),
        text=tuple(show(*limit) for limit in problem.budget.limits.items()),
        networks=NetworkCount(round(inside.estimate), inside.low, inside.high, of=every),
    )


def _counts(trials: Sequence[TrialRecord], confirmed: int) -> Counts:
    states = [trial.state for trial in trials]
    return Counts(
        proposed=len(states),
        rejected_by_budget=states.count("rejected"),
        evaluated=states.count("complete"),
        stopped=states.count("stopped"),
        failed=states.count("failed"),
        confirmed=confirmed,
    )


def _hypervolume(run: Run, trials: Sequence[TrialRecord]) -> Hypervolume:
    problem, reference = run.problem, run.reference_point
    points = [trial.values(problem) for trial in trials if trial.state == "complete"]
    history = hypervolume_history(points, problem.objectives, reference)
    drawn, without_model = drawn_without_model(problem, run.study)
    random = random_search(without_model, problem.objectives, reference, len(history), drawn)
    return Hypervolume(history[-1] if history else 0.0, dict(reference), tuple(history), random)


def _prediction_errors(members: Sequence[Member]) -> PredictionErrors | None:
    """How far the predictions of the confirmed networks were from what was measured; None if nothing was."""
    found = [(each.latency_ms, each.latency_ms.predicted) for each in members if each.latency_ms.predicted]
    if not found:
        return None
    errors = [100 * abs(predicted.value / measured.value - 1) for measured, predicted in found]
    return PredictionErrors(
        n=len(found),
        mape_percent=round(sum(errors) / len(errors), 4),
        max_percent=round(max(errors), 4),
        inside_interval=sum(predicted.low <= measured.value <= predicted.high for measured, predicted in found),
    )
