"""The Pareto sampler: a contract on many kinds of studies, and its parts against brute force and other code."""

from collections.abc import Callable
from typing import Any

import moocore
import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)
from optuna.trial import TrialState
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

from nas.errors import ConfigError
from nas.search.pareto import surrogate
from nas.search.pareto.acquisition import boxes, expected_gain
from nas.search.pareto.history import History
from nas.search.pareto.pool import Exhausted, Grid, Rows
from nas.search.pareto.sampler import ParetoSampler
from nas.search.pareto.surrogate import Inputs, Warp, fit

optuna.logging.set_verbosity(optuna.logging.WARNING)

SPACE: dict[str, BaseDistribution] = {
    "depth": IntDistribution(1, 4),
    "width": IntDistribution(8, 64, step=8),
    "op": CategoricalDistribution(("conv", "sep", "mbconv")),
    "rate": FloatDistribution(0.25, 1.0, step=0.25),
    "units": IntDistribution(1, 256, log=True),
}
SMALL: dict[str, BaseDistribution] = {f"x{i}": CategoricalDistribution((0, 1, 2)) for i in range(4)}


def cost(params: dict[str, Any]) -> float:
    return params["depth"] * params["width"] * params["rate"]


def accuracy(params: dict[str, Any]) -> float:
    return float(np.log(cost(params)) + 0.3 * (params["op"] == "sep") - 0.1 * abs(np.log(params["units"]) - 2))


def costs(rows: Any) -> np.ndarray:
    return np.array([cost(params) for params in rows])


def small_costs(rows: Rows) -> np.ndarray:
    return 1.0 + rows.indices.sum(axis=1)


def sampler(seed: int = 0, **options: Any) -> ParetoSampler:
    return ParetoSampler(seed=seed, **({"pool": 400, "start": 4} | options))


def known(seed: int = 0, **options: Any) -> ParetoSampler:
    return sampler(seed, known_objectives={1: costs}, space=SPACE, **options)


def two(params: dict[str, Any]) -> list[float]:
    return [accuracy(params), cost(params)]


def advance(study: Study, n: int, values: Callable[[dict[str, Any]], list[float]] = two, space: Any = SPACE) -> None:
    for _ in range(n):
        trial = study.ask(space)
        study.tell(trial, values(trial.params))


def study_of(sampler: BaseSampler, directions: tuple[str, ...] = ("maximize", "minimize")) -> Study:
    return optuna.create_study(directions=[StudyDirection[way.upper()] for way in directions], sampler=sampler)


def proposals(study: Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


class TestOptunaContract(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """Optuna's own tests of samplers."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: sampler(start=2, pool=200)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("given", [0, 1])
def test_any_number_of_objectives(objectives: int, given: int) -> None:
    def values(params: dict[str, Any]) -> list[float]:
        return [accuracy(params), cost(params), params["units"] + cost(params), params["depth"]][:objectives]

    callables = {1: costs} if given and objectives > 1 else {}
    directions = ("maximize", "minimize", "minimize", "maximize")[:objectives]
    study = study_of(sampler(known_objectives=callables), directions)
    advance(study, 14, values)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    assert len({str(params) for params in proposals(study)}) == 14


def test_finds_the_front_with_fewer_evaluations_than_random_search() -> None:
    def volume(study: Study) -> float:
        points = [[-accuracy(params), cost(params)] for params in proposals(study)]
        return float(moocore.hypervolume(points, ref=[0.0, 260.0]))

    def mean_volume(make: Callable[[int], BaseSampler]) -> float:
        studies = [study_of(make(seed)) for seed in range(3)]
        for study in studies:
            advance(study, 24)
        return float(np.mean([volume(study) for study in studies]))

    ours = mean_volume(lambda seed: known(seed, start=6))
    assert ours > mean_volume(lambda seed: optuna.samplers.RandomSampler(seed=seed))
    everything = Grid(SPACE).sample(np.random.default_rng(0), 20_000)
    points = [[-accuracy(params), cost(params)] for params in Rows(Grid(SPACE), everything)]
    assert ours > 0.95 * moocore.hypervolume(points, ref=[0.0, 260.0])


def test_define_by_run() -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = {name: trial._suggest(name, distribution) for name, distribution in SPACE.items()}
        if trial.suggest_categorical("extra", [True, False]):
            trial.suggest_int("conditional", 0, 3)
        return accuracy(params), cost(params)

    study = study_of(sampler(known_objectives={1: costs}))
    study.optimize(objective, n_trials=12)
    assert len(study.best_trials) > 1


def test_resumed_study_goes_on_as_an_unbroken_one() -> None:
    unbroken, broken = study_of(known()), study_of(known())
    advance(unbroken, 12)
    for _ in range(12):
        advance(broken, 1)
        broken.sampler = known()
    assert proposals(unbroken) == proposals(broken)
    other = study_of(known(seed=1))
    advance(other, 12)
    assert proposals(other) != proposals(unbroken)


def test_resumed_after_failures_with_a_trial_running() -> None:
    studies = [study_of(known()) for _ in range(2)]
    for study in studies:
        advance(study, 7)
        study.tell(study.ask(SPACE), state=TrialState.FAIL)
        study.tell(study.ask(SPACE), state=TrialState.PRUNED)
        study.ask(SPACE)
    studies[1].sampler = known()
    first, second = (study.ask(SPACE).params for study in studies)
    assert first == second
    assert first not in [trial.params for trial in studies[0].trials[:-1]]


def test_running_trials_change_the_proposal() -> None:
    study = study_of(known())
    advance(study, 8)
    batch = [study.ask(SPACE).params for _ in range(4)]
    assert len({str(params) for params in batch}) == 4
    alone = study_of(known())
    advance(alone, 8)
    pool, gains = [], []
    for study_ in (study, alone):
        grid = Grid(SPACE)
        history = History.of(study_, study_.ask(SPACE)._get_latest_trial(), grid)
        pool.append(grid.sample(np.random.default_rng(0), 50))
        sampler: Any = study_.sampler
        gains.append(sampler._weighed(grid, pool[-1], history, np.array([-1.0, 1.0])).gains)
    assert (gains[0] <= gains[1] * 1.001).mean() > 0.9  # what is pending is not gained again


def test_never_outside_the_budget() -> None:
    study = study_of(known(feasible=lambda rows: costs(rows) <= 40))
    advance(study, 20)
    assert max(map(cost, proposals(study))) <= 40


def test_a_budget_that_random_points_never_meet_needs_draw() -> None:
    def tight(rows: Any) -> np.ndarray:
        return np.array([params["units"] == 7 and cost(params) == 16 for params in rows])

    study = study_of(known(feasible=tight))
    with pytest.raises(ConfigError, match=r"none of 200 random points is feasible; give draw="):
        study.ask(SPACE)
    fits = {"depth": 1, "width": 16, "op": "sep", "rate": 1.0, "units": 7}
    study = study_of(known(feasible=tight, draw=lambda rng, n: [fits | {"op": o} for o in ("sep", "conv")]))
    advance(study, 4)
    assert {params["units"] for params in proposals(study)} == {7}


def test_nothing_twice_until_the_space_is_exhausted() -> None:
    def values(params: dict[str, Any]) -> list[float]:
        return [params["x0"] * params["x1"] - params["x2"], 1.0 + sum(params.values())]

    study = study_of(sampler(known_objectives={1: small_costs}, space=SMALL))
    advance(study, 81, values, SMALL)
    assert len({str(params) for params in proposals(study)}) == 81
    advance(study, 1, values, SMALL)
    study.sampler = sampler(known_objectives={1: small_costs}, space=SMALL, repeat=False)
    with pytest.raises(Exhausted, match="all of 81"):
        study.ask(SMALL)


def test_points_of_one_key_are_proposed_once() -> None:
    def total(rows: Rows) -> list[int]:
        return [int(row.sum()) for row in rows.indices]

    study = study_of(sampler(key=total, space=SMALL, repeat=False), ("minimize",))
    advance(study, 9, lambda params: [float(sum(params.values()))], SMALL)
    assert sorted(sum(params.values()) for params in proposals(study)) == list(range(9))
    with pytest.raises(Exhausted):
        study.ask(SMALL)


def test_waiting_trials_are_not_proposed_again() -> None:
    study = study_of(sampler(known_objectives={1: small_costs}, space=SMALL))
    asked = study.ask(SMALL)
    for row in Grid(SMALL).every():
        study.enqueue_trial(Grid(SMALL).params(row))
    history = History.of(study, asked._get_latest_trial(), Grid(SMALL))
    assert history.points.tolist() == Grid(SMALL).every().tolist()
    assert history.pending.all()


def test_random_share_is_random_and_repeatable() -> None:
    studies = [study_of(known(random_share=share)) for share in (1.0, 1.0, 0.0)]
    for study in studies:
        advance(study, 10)
    first, second, gains = map(proposals, studies)
    assert first == second
    assert first[:4] == gains[:4]
    assert first != gains


def test_directions_mirror() -> None:
    up, down = study_of(known()), study_of(known(), ("minimize", "minimize"))
    advance(up, 12)
    advance(down, 12, lambda params: [-accuracy(params), cost(params)])
    assert proposals(up) == proposals(down)


def test_constraints_steer() -> None:
    study = study_of(sampler(space=SPACE), ("maximize",))
    for _ in range(30):
        trial = study.ask(SPACE)
        trial.set_constraint("cost", cost(trial.params) - 60)
        study.tell(trial, accuracy(trial.params))
    late = [cost(params) for params in proposals(study)[12:]]
    assert np.median(late) <= 64
    assert max(late) <= 128
    assert study.best_trial.values[0] > np.log(40)


def test_start_is_spread_over_the_known_range() -> None:
    study = study_of(known(start=8))
    advance(study, 8)
    logs = np.sort([np.log(cost(params)) for params in proposals(study)])
    low, high = np.log(2), np.log(256)
    assert logs[0] == pytest.approx(low)
    assert logs[-1] == pytest.approx(high)
    assert np.diff(logs).max() < 0.35 * (high - low)


def test_start_is_of_those_it_begins_with_while_any_may_be_proposed() -> None:
    def wide(rng: np.random.Generator, n: int) -> list[dict[str, Any]]:
        return [{"depth": d, "width": 64, "op": "sep", "rate": 1.0, "units": 7} for d in (1, 2, 3, 4)]

    study = study_of(known(start=3, begin=wide))
    advance(study, 8)
    assert [params["width"] for params in proposals(study)[:3]] == 3 * [64]
    assert {params["width"] for params in proposals(study)[3:]} - {64}
    study = study_of(known(start=3, begin=wide, feasible=lambda rows: costs(rows) <= 32))  # which none of them is
    advance(study, 3)
    assert max(map(cost, proposals(study))) <= 32


def test_start_is_no_design_of_extremes() -> None:
    """Points that differ most by distance would be corners, which say nothing of what lies between."""
    space: dict[str, BaseDistribution] = {f"x{i}": IntDistribution(1, 4) for i in range(7)}
    levels = []
    for seed in range(4):
        product = {1: lambda rows: [float(np.prod(list(params.values()))) for params in rows]}
        study = study_of(sampler(seed, known_objectives=product, space=space, start=8))
        advance(study, 8, lambda params: [0.0, 1.0], space)
        levels += [list(params.values()) for params in proposals(study)[2:]]  # after the two ends
    shares = np.bincount(np.ravel(levels), minlength=5)[1:] / np.size(levels)
    assert shares == pytest.approx(0.25, abs=0.12)


def test_infinite_values_are_no_evidence() -> None:
    study = study_of(known())
    advance(study, 6)
    study.tell(study.ask(SPACE), [float("-inf"), 10.0])
    advance(study, 3)
    assert len(study.trials) == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"known_objectives": {2: costs}}, "known objective 2 is not one of the study's 2"),
        ({"known_objectives": {1: lambda rows: [1.0]}}, r"known objective 1 must be finite and of shape \(\d+,\)"),
        ({"features": lambda rows: np.full((len(rows), 1), np.nan), "start": 2}, "features must be finite"),
        ({"reference": [1.0]}, "reference needs one value for each of 2 objectives"),
    ],
)
def test_wrong_callables_are_named(options: dict[str, Any], message: str) -> None:
    study = study_of(sampler(space=SPACE, **options))
    with pytest.raises(ConfigError, match=message):
        advance(study, 3)


@pytest.mark.parametrize("options", [{"seed": -1}, {"start": 1}, {"pool": 5}, {"random_share": 1.5}])
def test_wrong_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        ParetoSampler(**({"seed": 0} | options))


def test_rows_are_dictionaries_when_looked_at() -> None:
    grid = Grid(SPACE)
    rows = Rows(grid, grid.sample(np.random.default_rng(0), 5))
    assert [grid.row(params) for params in rows] == rows.indices.tolist()
    assert rows[1] == list(rows)[1]
    assert rows[1:3][0] == rows[1]
    assert grid.row({**rows[0], "op": "pool"}) is None
    assert grid.row({**rows[0], "width": 9}) is None
    assert grid.rows(list(rows)).tolist() == grid.rows(rows).tolist() == rows.indices.tolist()


def test_offspring_stay_on_the_grid_and_differ() -> None:
    grid, rng = Grid(SPACE), np.random.default_rng(0)
    parents = grid.sample(rng, 3)
    children = grid.offspring(rng, parents, 500)
    assert (children >= 0).all()
    assert (children < grid.counts).all()
    assert len(np.unique(children, axis=0)) > 200


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_gain_of_known_points_is_the_difference_of_hypervolumes(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    front, reference = rng.random((12, objectives)).round(1), np.full(objectives, 0.9)  # rounding makes ties
    points = rng.random((40, objectives)).round(1)
    lower, upper = boxes(front, reference)
    gains = expected_gain(points, np.zeros_like(points), lower, upper)
    before = moocore.hypervolume(front, ref=reference)
    wanted = [moocore.hypervolume(np.vstack([front, p]), ref=reference) - before for p in points]
    np.testing.assert_allclose(gains, wanted, atol=1e-12)


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_expected_gain_is_the_mean_over_draws(objectives: int) -> None:
    rng = np.random.default_rng(0)
    front, reference = rng.random((8, objectives)), np.ones(objectives)
    mean, deviation = rng.random((5, objectives)), 0.3 * rng.random((5, objectives))
    deviation[:, -1] = 0.0 if objectives > 1 else deviation[:, -1]
    lower, upper = boxes(front, reference)
    draws = mean[:, None] + deviation[:, None] * rng.standard_normal((5, 40_000, objectives))
    sampled = [expected_gain(d, np.zeros_like(d), lower, upper) for d in draws]
    error = 4 * np.std(sampled, axis=1) / np.sqrt(40_000) + 1e-5
    assert (np.abs(expected_gain(mean, deviation, lower, upper) - np.mean(sampled, axis=1)) < error).all()


def data(n: int = 30) -> tuple[Inputs, np.ndarray]:
    rng = np.random.default_rng(0)
    choices, numbers = rng.standard_normal((n, 6)), rng.standard_normal((n, 2))
    values = numbers[:, 0] + choices[:, 1] * choices[:, 2] + 0.1 * rng.standard_normal(n)
    return Inputs(numbers / np.sqrt(2), choices / np.sqrt(6)), values


def test_posterior_is_that_of_scikit_learn() -> None:
    inputs, values = data()
    model = fit(inputs, values)
    noise, a, b, e, f, u, v, w = np.exp(model.parameters)
    points = np.hstack(inputs.blocks)

    class Part(RBF):
        """A kernel of some of the columns."""

        def __init__(self, kernel: Any = None, columns: Any = None, scales: Any = None) -> None:
            self.kernel, self.columns, self.scales = kernel, columns, scales

        def __call__(self, x: Any, y: Any = None, eval_gradient: bool = False) -> Any:
            shrink = lambda z: z[:, self.columns] * self.scales  # noqa: E731
            return self.kernel(shrink(x), None if y is None else shrink(y))

        def diag(self, x: Any) -> Any:
            return self.kernel.diag(x[:, self.columns] * self.scales)

        hyperparameters = ()

    near = np.r_[np.full(2, np.sqrt(2 * v)), np.full(6, np.sqrt(2 * w))]
    kernel = (
        ConstantKernel(1.0)
        + ConstantKernel(a) * Part(DotProduct(0.0), slice(0, 2), 1.0)
        + ConstantKernel(b) * Part(DotProduct(0.0), slice(2, 8), 1.0)
        + ConstantKernel(e) * Part(RBF(), slice(0, 2), np.sqrt(2 * u))
        + ConstantKernel(f) * Part(RBF(), slice(0, 8), near)
    )
    theirs = GaussianProcessRegressor(kernel + WhiteKernel(noise + 1e-8), alpha=0, optimizer=None)
    theirs.fit(points[:20], model.warp.apply(values[:20]))
    ours = surrogate._condition(inputs[:20], model.warp.apply(values[:20]), model.warp, model.parameters, np.zeros(20))
    mean, deviation = theirs.predict(points[20:], return_std=True)
    ours_mean, ours_deviation = ours._standard(inputs[20:])
    np.testing.assert_allclose(ours_mean, mean, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours_deviation, np.sqrt(deviation**2 - noise - 1e-8), rtol=1e-5)
    theirs_likelihood = theirs.log_marginal_likelihood(theirs.kernel_.theta)
    density, _ = surrogate._objective(model.parameters, surrogate._products(inputs[:20]), theirs.y_train_, np.zeros(20))
    prior = (model.parameters - surrogate.START) / surrogate.SPREAD
    assert density - 0.5 * prior @ prior + 10 * np.log(2 * np.pi) == pytest.approx(-theirs_likelihood)


def test_gradient_of_the_likelihood() -> None:
    inputs, values = data()
    products, start = surrogate._products(inputs), surrogate.START + 0.3
    doubts = np.linspace(0, 0.2, len(values))
    _, gradient = surrogate._objective(start, products, values, doubts)
    for index, step in enumerate(1e-5 * np.eye(len(start))):
        up, down = (surrogate._objective(start + s, products, values, doubts)[0] for s in (step, -step))
        assert gradient[index] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-5)


def test_noise_is_estimated() -> None:
    rng = np.random.default_rng(0)
    inputs = Inputs(rng.standard_normal((200, 1)), np.zeros((200, 1)))
    noisy = fit(inputs, inputs.numbers[:, 0] + 0.3 * rng.standard_normal(200))
    clean = fit(inputs, inputs.numbers[:, 0])
    assert clean.noise < 0.05 < 0.1 < noisy.noise < 0.6


def test_belief_keeps_the_mean_and_lessens_the_doubt() -> None:
    inputs, values = data()
    model = fit(inputs[:20], values[:20])
    believing = model.believing(inputs[20:22])
    (mean, deviation), (same, less) = model.predict(inputs), believing.predict(inputs)
    np.testing.assert_allclose(same, mean, rtol=1e-6, atol=1e-8)
    assert (less <= deviation + 1e-9).all()
    assert (less[20:22] < 0.8 * deviation[20:22]).all()


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 9.0], [-3.0, 5.0, 1e6]])
def test_warp_round_trip(values: list[float]) -> None:
    losses = np.array(values)
    warp = Warp.of(losses)
    np.testing.assert_allclose(warp.undo(warp.apply(losses), np.zeros(len(losses)))[0], losses, atol=1e-6)
