"""The samplers that the search benchmarks compare, each as a loop that evaluates until it is stopped.

Optuna's see every choice as an integer, ordered or not: TPE and NSGA-II did no better with categories.
`tpe_cached` gets a network it proposes again answered from memory, without an evaluation.
"""

import csv
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIIISampler, NSGAIISampler, TPESampler
from optuna.trial import TrialState, create_trial

from benchmarks.tables import Array, Problem
from nas.errors import DataError
from nas.search.parameters import distributions, in_order
from nas.search.pareto.pool import Grid, Rows
from nas.search.pareto.sampler import ParetoSampler
from nas.spaces.graph_counts import graph_features
from nas.spaces.space import Genotypes, SearchSpace

Row = Sequence[int] | Genotypes
Evaluate = Callable[[Row], tuple[float, float]]
"""One training: accuracy in percent and cost of a genotype. Raises `Done` when no evaluation is left."""
Loop = Callable[[Problem, Evaluate, int], None]
"""Evaluates networks of the problem, drawn with a seed, until `Done`."""


class Done(Exception):
    """All evaluations are spent."""


@dataclass(frozen=True, slots=True)
class Places:
    """How many evaluations run at once, and whether they end `together` or each makes place for another."""

    count: int
    together: bool


ALONE = Places(1, True)
AT_ONCE = (8, 32, 64)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A sampler: its name in tables, its loop, and the seeds and evaluations beyond which it takes too long.

    `only`: the problems it can search; all by default.
    """

    label: str
    loop: Loop
    seeds: int = 1000
    evaluations: int = 1000
    only: tuple[str, ...] = ()


def random_distinct(problem: Problem, evaluate: Evaluate, seed: int) -> None:
    """Uniform over the choices, without repeats."""
    rng, known = np.random.default_rng(seed), set[str]()
    while True:
        row = problem.space.sample(rng, 1)[0]
        key = problem.space.architecture(row).key
        if key not in known:
            known.add(key)
            evaluate(row)


def with_optuna(make: Callable[[int], BaseSampler], cached: bool = False, places: Places = ALONE) -> Loop:
    """The loop of a stock sampler of Optuna, made from a seed."""

    def loop(problem: Problem, evaluate: Evaluate, seed: int) -> None:
        counts = {variable.name: len(variable.values) for variable in problem.space.variables}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = make(seed)
        space = {name: IntDistribution(0, count - 1) for name, count in counts.items()}
        ask_and_tell(problem, evaluate, sampler, space, cached, places)

    return loop


def ask_and_tell(
    problem: Problem,
    evaluate: Evaluate,
    sampler: BaseSampler,
    choices: Mapping[str, BaseDistribution],
    cached: bool = False,
    places: Places = ALONE,
) -> None:
    """Optuna's loop, its study in memory. Evaluations end in the order in which they began."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    known: dict[str, tuple[float, float]] = {}
    running: deque[tuple[int, Row]] = deque()
    while True:
        running.extend(_begin(study, choices, places.count - len(running)))
        for _ in range(len(running) if places.together else 1):
            number, row = running.popleft()
            key = problem.space.architecture(row).key if cached else ""
            values = known.get(key) or evaluate(row)
            if cached:
                known[key] = values
            study.tell(number, values)


def _begin(study: optuna.Study, choices: Mapping[str, BaseDistribution], count: int) -> list[tuple[int, Row]]:
    """So many trials that run, by number: asked for together of a sampler that can, as `nas.search` does."""
    begun = len(study.get_trials(deepcopy=False))
    if count > 1 and isinstance(study.sampler, ParetoSampler):
        drafts = [create_trial(state=TrialState.RUNNING) for _ in range(count)]
        for number, draft in enumerate(drafts, begun):
            draft.number = number
        for params in study.sampler.sample_many(study, drafts, dict(choices)):
            study.add_trial(create_trial(state=TrialState.RUNNING, params=params, distributions=dict(choices)))
    else:
        for _ in range(count):
            study.ask(dict(choices))
    grid = Grid(choices)
    return [(trial.number, grid.row(trial.params) or []) for trial in study.get_trials(deepcopy=False)[begun:]]


def pareto_sampler(scores: Path | None = None, places: Places = ALONE) -> Loop:
    """Ours: costs are known, accuracy is modelled on choices, costs, and the training-free scores if given."""

    def loop(problem: Problem, evaluate: Evaluate, seed: int) -> None:
        space = problem.space
        counts = [len(variable.values) for variable in space.variables]
        table = read_scores(scores, space) if scores else None

        def features(params: Rows) -> Array:
            known = graph_features(space, params.indices)
            if table is None:
                return known
            return np.column_stack([known, table[np.ravel_multi_index(tuple(params.indices.T), counts)]])

        sampler = ParetoSampler(
            seed=seed,
            known_objectives={1: lambda params: problem.costs(params.indices)},
            features=features,
            key=lambda params: [space.architecture(row) for row in params.indices],
            space=distributions(space),
            ordered=in_order(space),
            reference=problem.reference,
        )
        ask_and_tell(problem, evaluate, sampler, distributions(space), places=places)

    return loop


@lru_cache
def read_scores(path: Path, space: SearchSpace) -> Array:
    """Training-free scores (size, k) of every genotype, in lexicographic order.

    The file is a CSV: `canonical`, digits that are a genotype of each distinct network, then scores;
    columns that end in `_seconds` are left out.

    Raises:
        DataError: a network of the space has no row.
    """
    with path.open(newline="") as file:
        table = {row.pop("canonical"): row for row in csv.DictReader(file)}
    known = {
        space.architecture([int(digit) for digit in digits]).key: [
            float(value) for name, value in row.items() if not name.endswith("_seconds")
        ]
        for digits, row in table.items()
    }
    every = [(row, space.architecture(row).key) for row in space.genotypes()]
    if missing := [row for row, key in every if key not in known]:
        raise DataError(f"{path}: no row for the network of genotype {missing[0].tolist()} of {space.name}")
    return np.array([known[key] for _, key in every])


def pymoo_nsga2(problem: Problem, evaluate: Evaluate, seed: int, population: int = 20) -> None:
    """NSGA-II of pymoo with the integer operators of its documentation; it drops duplicates by itself."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    class Networks(ElementwiseProblem):  # type: ignore[misc]
        def __init__(self) -> None:
            counts = np.array([len(variable.values) for variable in problem.space.variables])
            super().__init__(n_var=len(counts), n_obj=2, xl=0, xu=counts - 1, vtype=int)

        def _evaluate(self, x: Genotypes, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            accuracy, cost = evaluate(x)
            out["F"] = [-accuracy, cost]

    algorithm = NSGA2(
        pop_size=population,
        sampling=IntegerRandomSampling(),
        crossover=SBX(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        mutation=PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
    )
    minimize(Networks(), algorithm, ("n_gen", 10**6), seed=seed)


def botorch_qlognehvi(
    problem: Problem, evaluate: Evaluate, seed: int, batch: int = 5, start: int = 20, pool: int = 500
) -> None:
    """BoTorch's qLogNEHVI (Ament et al. 2023, https://arxiv.org/abs/2310.20708) on two independent GPs.

    Ordered choices scaled to 0..1, others one-hot; both objectives are modelled; `batch` networks at a
    time, greedily, from `pool` unseen ones: half uniform, half mutations of the front seen so far.
    """
    import torch
    from botorch import fit_gpytorch_mll
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.models import ModelListGP, SingleTaskGP
    from botorch.models.transforms import Standardize
    from botorch.optim import optimize_acqf_discrete
    from botorch.sampling import SobolQMCNormalSampler
    from gpytorch.mlls import SumMarginalLogLikelihood

    torch.manual_seed(seed)
    rng, space = np.random.default_rng(seed), problem.space
    known: dict[str, Genotypes] = {}
    losses: list[tuple[float, float]] = []
    reference = torch.tensor([problem.reference[0], -problem.reference[1]], dtype=torch.double)

    def unseen(candidates: Genotypes) -> list[Genotypes]:
        fresh = {space.architecture(row).key: row for row in candidates}
        return [row for key, row in fresh.items() if key not in known]

    def train(rows: Sequence[Genotypes]) -> None:
        for row in rows:
            accuracy, cost = evaluate(row)
            known[space.architecture(row).key] = row
            losses.append((accuracy, -cost))

    train(unseen(space.sample(rng, 2 * start))[:start])
    while True:
        x = torch.tensor(encoded(space, np.array(list(known.values()))), dtype=torch.double)
        y = torch.tensor(losses, dtype=torch.double)
        model = ModelListGP(*(SingleTaskGP(x, y[:, [i]], outcome_transform=Standardize(m=1)) for i in range(2)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of retried fits
            fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            model, reference, x, sampler=SobolQMCNormalSampler(torch.Size([64]), seed=seed), prune_baseline=True
        )
        front = _front(np.array(list(known.values())), np.array(losses))
        mutated = [space.mutate(rng, front[rng.integers(len(front))]) for _ in range(pool // 2)]
        candidates = unseen(np.concatenate([space.sample(rng, pool // 2), mutated]))
        choices = torch.tensor(encoded(space, np.array(candidates)), dtype=torch.double)
        chosen, _ = optimize_acqf_discrete(acquisition, batch, choices, unique=True)
        train([candidates[int((choices == each).all(dim=1).nonzero()[0, 0])] for each in chosen])


def encoded(space: SearchSpace, rows: Genotypes) -> Array:
    """Ordered choices as 0..1, the others one-hot."""
    columns = []
    for variable, column in zip(space.variables, rows.T, strict=True):
        count = len(variable.values)
        columns.append(column[:, None] / (count - 1) if variable.ordered else np.eye(count)[column])
    return np.concatenate(columns, axis=1)


def _front(rows: Genotypes, gains: Array) -> Genotypes:
    beaten = np.all(gains[:, None] <= gains[None], axis=2) & np.any(gains[:, None] < gains[None], axis=2)
    return rows[np.flatnonzero(~np.any(beaten, axis=1))]


def in_parallel() -> dict[str, Contestant]:
    """Those that are compared with so many evaluations at once: in batches (`@8`), and as workers go on (`@8+`)."""
    alone = contestants()
    result = {name: alone[name] for name in ("pareto", "tpe_cached", "random")}
    for suffix, together in (("", True), ("+", False)):
        for count in AT_ONCE:
            places = Places(count, together)
            tpe = with_optuna(lambda s: TPESampler(seed=s, multivariate=True), cached=True, places=places)
            result[f"pareto@{count}{suffix}"] = replace(alone["pareto"], loop=pareto_sampler(places=places))
            result[f"tpe_cached@{count}{suffix}"] = replace(alone["tpe_cached"], loop=tpe)
    return result


def contestants(scores: Path | None = None) -> dict[str, Contestant]:
    """All samplers by name, in the order of the tables; the one with training-free scores if there are any."""
    ours = {"pareto": Contestant("ParetoSampler (ours)", pareto_sampler())}
    if scores:
        label, tables = "ParetoSampler + scores (ours)", ("macro", "latency")
        ours["pareto_scores"] = Contestant(label, pareto_sampler(scores), only=tables)
    return ours | {
        "random": Contestant("random without repeats", random_distinct),
        "nsga2": Contestant("Optuna NSGA-II", with_optuna(lambda s: NSGAIISampler(seed=s, population_size=20))),
        "nsga3": Contestant("Optuna NSGA-III", with_optuna(lambda s: NSGAIIISampler(seed=s, population_size=20))),
        "pymoo": Contestant("pymoo NSGA-II", pymoo_nsga2),
        "tpe": Contestant("Optuna TPE, default", with_optuna(lambda s: TPESampler(seed=s))),
        "tpe_cached": Contestant(
            "Optuna TPE multivariate, cached",
            with_optuna(lambda s: TPESampler(seed=s, multivariate=True), cached=True),
        ),
        "gp": Contestant("Optuna GPSampler", with_optuna(lambda s: GPSampler(seed=s)), seeds=20, evaluations=100),
        "botorch": Contestant("BoTorch qLogNEHVI", botorch_qlognehvi, seeds=20, evaluations=100),
    }
