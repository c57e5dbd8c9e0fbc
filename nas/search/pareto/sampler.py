"""An Optuna sampler for studies where only some objectives have to be measured.

The first trials are placed evenly over the range of the known objectives. Then each unknown objective gets a
Gaussian process over choices and numbers (`surrogate`), and of tens of thousands of candidates (`pool`) the
one with the largest expected gain of hypervolume (`acquisition`) is proposed. The front that is to be
improved is made of predictions at the points evaluated so far, not of what was observed there: among noisy
observations the best are lucky ones (Letham et al. 2019, https://arxiv.org/abs/1706.07094; Daulton et al.
2021, https://arxiv.org/abs/2105.08195). Running trials count with their predicted values.
"""

import zlib
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import intersection_search_space
from optuna.study import Study
from optuna.trial import FrozenTrial
from scipy.special import ndtr
from threadpoolctl import threadpool_limits

from nas.errors import ConfigError
from nas.search.pareto.acquisition import boxes, expected_gain, sketch
from nas.search.pareto.batch import Weighed, best_together
from nas.search.pareto.history import History, Partial, signs_of
from nas.search.pareto.initial import ends, place_evenly, worst
from nas.search.pareto.pool import Exhausted, Grid, Indices, Rows
from nas.search.pareto.surrogate import Inputs, Surrogate, fit

Array = npt.NDArray[np.float64]
Values = Callable[[Rows], npt.ArrayLike]
Keys = Callable[[Rows], Sequence[Hashable]]
Draw = Callable[[np.random.Generator, int], "Sequence[Mapping[str, Any]] | Indices"]
Drawn = Literal["start", "random", "model"]
Proposed = Callable[[Study, FrozenTrial, Drawn, float | None], None]

LOOK = 8
"""So many of the best candidates are compared with what there is at a time."""

PARENTS = 30
"""This number of the best points evaluated have offspring in the pool."""


class ParetoSampler(BaseSampler):
    """Proposals by expected hypervolume gain, for any number of objectives in any directions.

    Args:
        seed: With a trial's number and the study's history it determines the proposal.
        known_objectives: By index, objectives that follow from the parameters alone; not modelled.
        features: Numbers that predict the unknown objectives, shape (n, k).
        feasible: Which points may be proposed, a mask of shape (n,): the budget.
        key: Points of equal keys are one, and proposed once; without it, each point is its own.
        draw: Random feasible candidates, for a `feasible` that few points meet.
        begin: Likewise, those that the first trials are chosen from; of all without it, or if none is feasible.
        space: The parameters, where they are known beforehand (they are for `study.ask(space)`); without
            it, those that all finished trials share, and the first trial is uniformly random.
        ordered: Names of categories whose choices are in order, such as widths: they count as numbers.
        partial: Of a study, estimates with standard errors for trials that were stopped or run, by number.
        reference: Where hypervolume counts from, one value or None per objective. By default, for a known
            objective the worst of the candidates, for others as far on the other side of the median of the
            first trials as twice the distance to their best, or else their worst.
        start: How many trials are placed evenly before the first prediction, besides those that were enqueued.
        pool: How many candidates are weighed; a space of no more points is weighed whole.
        random_share: Probability that a proposal is random.
        proposed: Told of each proposal how it was drawn (`start`, `random` or `model`) and, of `model`, the
            hypervolume that it is expected to gain, in the product of the objectives' units.
        repeat: Whether, when every point has been proposed, points are proposed again; else `Exhausted`.

    Callables get parameter dictionaries as `Rows`, whose `indices` serve for array code, and must be pure.
    """

    def __init__(
        self,
        *,
        seed: int,
        known_objectives: Mapping[int, Values] | None = None,
        features: Values | None = None,
        feasible: Values | None = None,
        key: Keys | None = None,
        draw: Draw | None = None,
        begin: Draw | None = None,
        space: Mapping[str, BaseDistribution] | None = None,
        ordered: Collection[str] = (),
        partial: Partial | None = None,
        reference: Sequence[float | None] | None = None,
        start: int = 8,
        pool: int = 20_000,
        random_share: float = 0.0,
        repeat: bool = True,
        proposed: Proposed | None = None,
    ) -> None:
        for name, value, lowest in (("seed", seed, 0), ("start", start, 2), ("pool", pool, 100)):
            if value < lowest:
                raise ConfigError(f"{name} must be at least {lowest}, got {value}")
        if not 0 <= random_share <= 1:
            raise ConfigError(f"random_share must be from 0 to 1, got {random_share}")
        self._seed, self._start, self._pool = seed, start, pool
        self._random_share, self._repeat, self._proposed = random_share, repeat, proposed
        self._known = dict(known_objectives or {})
        self._features, self._feasible, self._key, self._draw = features, feasible, key, draw
        self._begin = begin
        self._space, self._ordered = None if space is None else dict(space), frozenset(ordered)
        self._partial, self._reference = partial, reference
        self._whole: dict[str, Indices] = {}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The space given, or the parameters that all finished trials share."""
        return intersection_search_space(study.get_trials(deepcopy=False)) if self._space is None else self._space

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A uniform draw, for a parameter that not all finished trials have."""
        rng = np.random.default_rng((self._seed, trial.number, zlib.crc32(param_name.encode())))
        grid = Grid({param_name: param_distribution}, self._ordered)
        return grid.params(grid.sample(rng, 1)[0])[param_name]

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The candidate of the largest expected gain that no trial of the study has.

        Raises:
            ConfigError: a callable gave a wrong shape, or no candidate is feasible.
            Exhausted: every point has been proposed, and `repeat` is off.
        """
        return self.sample_many(study, [trial], search_space)[0]

    def sample_many(
        self, study: Study, trials: Sequence[FrozenTrial], search_space: dict[str, BaseDistribution]
    ) -> list[dict[str, Any]]:
        """Candidates for n trials that begin together, as many as there are; each knows of those before it.

        Raises:
            ConfigError: as `sample_relative` does.
            Exhausted: likewise.
        """
        if not search_space:
            return [{}]
        with threadpool_limits(limits=1, user_api="blas"):  # for small matrices waiting threads cost 50 times as much
            return self._proposals(study, trials, Grid(search_space, self._ordered))

    def smoothed(self, params: Sequence[Mapping[str, Any]], losses: Array) -> Array:
        """What the model makes of the `losses`, shape (n,), of one objective at `params`: its means there.

        Among noisy observations the best are lucky ones; what others like them say takes that back.
        """
        grid = Grid(self._space or {}, self._ordered)
        points = np.tile(grid.rows(params), (2, 1))  # observed, and to be predicted
        inputs = self._inputs(grid, points, self._costs(grid, points), len(losses))[slice(len(losses))]
        with threadpool_limits(limits=1, user_api="blas"):
            return fit(inputs, losses).predict(inputs)[0]

    def _proposals(self, study: Study, trials: Sequence[FrozenTrial], grid: Grid) -> list[dict[str, Any]]:
        rng = np.random.default_rng((self._seed, trials[0].number))
        history, signs = History.of(study, trials[0], grid, self._partial), signs_of(study)
        self._check(len(signs))
        begun = int((~history.enqueued).sum())
        starting = begun < self._start or history.finished.sum() < 2
        pool = self._first(grid, rng) if starting else self._candidates(grid, rng, history.best(PARENTS))
        how: Drawn = "model"
        gains: list[float | None] = [None] * len(trials)
        if starting:
            how, chosen = "start", self._evenly(grid, rng, pool, history.points, begun, len(trials))
        elif rng.random() < self._random_share:
            order = rng.permutation(len(pool))
            how, chosen = "random", order[self._new(grid, pool[order], history.points, len(trials))].tolist()
        else:
            weighed = self._weighed(grid, pool, history.thinned(self._start), signs)
            chosen = []
            if len(trials) > 1 or weighed.pending:
                chosen = self._together(grid, pool, weighed, history.points, rng, len(trials))
            if not chosen:
                order = np.argsort(-weighed.gains, kind="stable")
                chosen = [int(order[self._new(grid, pool[order], history.points, 1)[0]])]
            gains = [float(gain) for gain in weighed.gains[chosen]]
        for trial, gain in zip(trials, gains[: len(chosen)], strict=False):
            if self._proposed:
                self._proposed(study, trial, how, gain)
        return [grid.params(pool[index]) for index in chosen]

    def _evenly(
        self, grid: Grid, rng: np.random.Generator, pool: Indices, points: Indices, begun: int, count: int
    ) -> list[int]:
        """The next `count` of those that are placed evenly over the costs, after `begun`; at least one."""
        costs, chosen = list(self._costs(grid, pool).values()), list[int]()
        while len(chosen) < count:
            order = place_evenly(grid, rng, pool, costs, points, begun + len(chosen))
            try:
                chosen.append(int(order[self._new(grid, pool[order], points, 1)[0]]))
            except Exhausted:
                if not chosen:
                    raise
                break
            points = np.concatenate([points, pool[chosen[-1:]]])
        return chosen

    def _together(
        self, grid: Grid, pool: Indices, weighed: Weighed, points: Indices, rng: np.random.Generator, count: int
    ) -> list[int]:
        """The candidates that gain most beside what is pending and each other, none of which a trial has."""
        seen = set(self._keys(grid, points))

        def is_new(index: int) -> bool:
            before = len(seen)
            seen.update(self._keys(grid, pool[[index]]))
            return len(seen) > before

        return list(islice(best_together(weighed, is_new, rng), count))

    def _new(self, grid: Grid, ranked: Indices, points: Indices, count: int) -> list[int]:
        """The indices of the first `count` of `ranked` that are none of `points`, nor alike; at least one."""
        seen: set[Hashable] = set()
        found: dict[Hashable, int] = {}
        for begin in range(0, len(ranked), LOOK):
            some = ranked[begin : begin + LOOK]
            if begin <= LOOK:  # mostly one of the first is new, and then not every trial's key has to be known
                seen = set(self._keys(grid, points if begin else self._as_costly(grid, some, points)))
            for index, key in enumerate(self._keys(grid, some), begin):
                if key not in seen:
                    found.setdefault(key, index)
                if len(found) == count:
                    return list(found.values())
        if not found and not self._repeat:
            raise Exhausted(f"all of {len(ranked)} candidates have been proposed")
        return list(found.values()) or [0]

    def _as_costly(self, grid: Grid, some: Indices, points: Indices) -> Indices:
        """Those of `points` that cost as much as one of `some`, as points of equal keys do."""
        alike = np.ones((len(some), len(points)), dtype=bool)
        for new, old in zip(self._costs(grid, some).values(), self._costs(grid, points).values(), strict=True):
            alike &= np.isclose(new[:, None], old, rtol=1e-9, atol=0)
        return points[alike.any(axis=0)]

    def _first(self, grid: Grid, rng: np.random.Generator) -> Indices:
        """What the first trials are chosen from."""
        if self._begin is not None:
            begun = self._allowed(grid, grid.rows(self._begin(rng, self._pool // 2)))
            if len(begun):
                return begun
        return self._candidates(grid, rng, np.zeros((0, len(grid.counts)), dtype=np.int64))

    def _candidates(self, grid: Grid, rng: np.random.Generator, parents: Indices) -> Indices:
        """All feasible points of a small space, one of each key; else half drawn, half offspring.

        Without parents, generations of offspring move towards the ends of the known objectives.
        """
        if grid.size <= self._pool:
            return self._all(grid)
        half = self._pool // 2
        drawn = grid.sample(rng, half) if self._draw is None else grid.rows(self._draw(rng, half))
        parts = [self._allowed(grid, drawn)]
        for _ in range(1 if len(parents) else 4):
            origin = parents if len(parents) else ends(parts[-1], self._costs(grid, parts[-1]).values())
            if len(origin):
                children = grid.offspring(rng, origin, half if len(parents) else half // 4)
                parts.append(self._allowed(grid, children))
        pool = np.concatenate(parts)
        if not len(pool):
            raise ConfigError(f"none of {half} random points is feasible; give draw=, which draws feasible ones")
        return pool

    def _all(self, grid: Grid) -> Indices:
        name = repr(grid.space)
        if name not in self._whole:
            points = self._allowed(grid, grid.every())
            if not len(points):
                raise ConfigError(f"none of the {grid.size} points is feasible")
            first = {key: index for index, key in reversed(list(enumerate(self._keys(grid, points))))}
            self._whole[name] = points[sorted(first.values())]
        return self._whole[name]

    def _weighed(self, grid: Grid, pool: Indices, history: History, signs: Array) -> Weighed:
        """The candidates with their expected gain of hypervolume, times their probability to meet the constraints."""
        points, n = np.concatenate([history.points, pool]), len(history.points)
        costs = self._costs(grid, points)
        inputs = self._inputs(grid, points, costs, n)
        done, pending = np.flatnonzero(history.finished), np.flatnonzero(history.pending)
        told = np.flatnonzero(history.informative)
        mean, deviation = np.zeros((2, len(points), len(signs)))
        reference = np.zeros(len(signs))
        models: dict[int, Surrogate] = {}
        for objective, sign in enumerate(signs):
            if objective in costs:
                mean[:, objective] = sign * costs[objective]
                reference[objective] = mean[:, objective].max()
            else:
                model = fit(inputs[told], history.losses[told, objective], history.errors[told, objective])
                models[objective] = model
                mean[:, objective], deviation[:, objective] = model.believing(inputs[pending]).predict(inputs)
                reference[objective] = worst(history.losses[done, objective], self._start)
        for objective, value in enumerate(self._reference or ()):
            reference[objective] = reference[objective] if value is None else value * signs[objective]
        feasible = history.violations <= 0
        front = mean[:n][history.finished & feasible]
        expected = sketch(np.concatenate([front, mean[pending]]), reference)
        gains = expected_gain(mean[n:], deviation[n:], *boxes(expected, reference))
        allowed = np.ones(len(pool))
        if not feasible[done].all():
            violation, doubt = (
                fit(inputs[done], history.violations[done]).believing(inputs[pending]).predict(inputs[n:])
            )
            allowed = ndtr(-violation / doubt)
        rows = np.concatenate([pending, np.arange(n, len(points))])
        return Weighed(gains * allowed, len(pending), mean[rows], front, reference, allowed, models, inputs[rows])

    def _inputs(self, grid: Grid, points: Indices, costs: Mapping[int, Array], n: int) -> Inputs:
        """What the models see, with numbers of mean 0 and variance 1 over the first n points.

        Numbers are the features and the known objectives, as logarithms where those are positive.
        """
        columns = [np.log(values) if values.min() > 0 else values for values in costs.values()]
        numbers = np.column_stack([np.zeros((len(points), 0)), *columns])
        if self._features is not None:
            features = np.asarray(self._features(Rows(grid, points)), dtype=np.float64)
            if features.ndim != 2 or len(features) != len(points) or not np.isfinite(features).all():
                raise ConfigError(f"features must be finite and of shape ({len(points)}, k), got {features.shape}")
            numbers = np.column_stack([features, numbers])
        deviation = numbers[:n].std(axis=0) * np.sqrt(max(numbers.shape[1], 1))
        numbers = (numbers - numbers[:n].mean(axis=0)) / np.where(deviation > 0, deviation, np.inf)
        return Inputs(numbers, grid.design(points, [grid.level_costs(points[n:], column[n:]) for column in columns]))

    def _costs(self, grid: Grid, points: Indices) -> dict[int, Array]:
        """The known objectives at `points`, each of shape (n,)."""
        costs = {i: np.asarray(f(Rows(grid, points)), dtype=np.float64) for i, f in sorted(self._known.items())}
        for objective, values in costs.items():
            if values.shape != (len(points),) or not np.isfinite(values).all():
                raise ConfigError(
                    f"known objective {objective} must be finite and of shape ({len(points)},), got {values.shape}"
                )
        return costs

    def _allowed(self, grid: Grid, points: Indices) -> Indices:
        if self._feasible is None:
            return points
        return np.compress(np.asarray(self._feasible(Rows(grid, points)), dtype=bool), points, axis=0)

    def _keys(self, grid: Grid, points: Indices) -> Sequence[Hashable]:
        return [row.tobytes() for row in points] if self._key is None else self._key(Rows(grid, points))

    def _check(self, objectives: int) -> None:
        if wrong := [index for index in self._known if not 0 <= index < objectives]:
            raise ConfigError(
                f"known objective {wrong[0]} is not one of the study's {objectives}, 0 to {objectives - 1}"
            )
        if self._reference is not None and len(self._reference) != objectives:
            raise ConfigError(f"reference needs one value for each of {objectives} objectives, got {self._reference}")
