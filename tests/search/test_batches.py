"""Proposals beside others that run: what is imagined of those, against brute force."""

from dataclasses import replace

import moocore
import numpy as np
import pytest

from nas.search.pareto import batch, surrogate
from nas.search.pareto.acquisition import boxes, expected_gain
from nas.search.pareto.batch import Weighed, best_together
from nas.search.pareto.surrogate import Inputs, Joint, Surrogate, fit

REFERENCE = np.array([3.0, 1.0])


def inputs(n: int, seed: int = 0) -> Inputs:
    rng = np.random.default_rng(seed)
    return Inputs(rng.standard_normal((n, 2)) / np.sqrt(2), rng.standard_normal((n, 3)) / np.sqrt(3))


def fitted() -> Surrogate:
    points = inputs(12)
    return fit(points, points.numbers[:, 0] + points.choices[:, 0] * points.choices[:, 1])


def weighed(pending: int, candidates: int = 30) -> Weighed:
    """Candidates of one modelled loss and one known cost, on a front of three points."""
    model, points = fitted(), inputs(pending + candidates, 1)
    costs = np.random.default_rng(2).random(len(points))
    loss, deviation = model.predict(points)
    mean = np.column_stack([loss, costs])
    front = np.array([[1.0, 0.1], [0.2, 0.5], [-0.5, 0.9]])
    doubt = np.column_stack([deviation, np.zeros(len(points))])[pending:]
    gains = expected_gain(mean[pending:], doubt, *boxes(front, REFERENCE))
    return Weighed(gains, pending, mean, front, REFERENCE, np.ones(candidates), {0: model}, points)


def covariance(model: Surrogate, points: Inputs) -> np.ndarray:
    """By definition: the covariance before the observations, less what they explain."""
    cross = surrogate._kernel(model.parameters, points, model.inputs)
    root = np.linalg.solve(model.factor, cross.T)
    return surrogate._kernel(model.parameters, points, points) - root.T @ root


def test_outcomes_are_revealed_as_a_normal_distribution_is_conditioned() -> None:
    model, points = fitted(), inputs(9, 1)
    joint, whole = Joint(model, points), covariance(model, points)
    np.testing.assert_allclose(joint.mean, model._standard(points)[0])
    np.testing.assert_allclose(joint.variance, np.diag(whole))
    for index in (4, 0, 7):
        effect = joint.reveal(index)
        np.testing.assert_allclose(effect, whole[:, index] / np.sqrt(whole[index, index]), atol=1e-9)
        whole -= np.outer(whole[:, index], whole[index]) / whole[index, index]
        np.testing.assert_allclose(joint.variance, np.diag(whole), atol=1e-9)
    assert joint.variance[[4, 0, 7]] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("pending", [1, 3])
def test_what_a_candidate_gains_beside_pending_ones_is_the_mean_over_their_outcomes(
    pending: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "WORLDS", 400)
    case, rng = weighed(pending), np.random.default_rng(0)
    worlds = batch._Worlds(case, np.arange(len(case.mean)), rng)
    for index in range(pending):
        worlds.imagine(index)
    found = worlds.gains(np.arange(30))
    model, drawn = case.models[0], []
    mean, whole = Joint(model, case.inputs).mean, covariance(model, case.inputs)
    for standard in rng.multivariate_normal(mean, whole + 1e-12 * np.eye(len(whole)), 2000):
        losses = np.column_stack([model.warp.undo(standard, np.zeros_like(standard))[0], case.mean[:, 1]])
        front = np.vstack([case.front, losses[:pending]])
        before = moocore.hypervolume(front, ref=REFERENCE)
        drawn.append(
            [moocore.hypervolume(np.vstack([front, each]), ref=REFERENCE) - before for each in losses[pending:]]
        )
    wanted, error = np.mean(drawn, axis=0), np.std(drawn, axis=0) / np.sqrt(len(drawn))
    assert (np.abs(found - wanted) < 4 * error + 0.03 * wanted.max()).all()  # deviations are of first order


def test_a_batch_begins_with_the_largest_gain_and_leaves_out_what_is_known() -> None:
    case = weighed(0)
    order = np.argsort(-case.gains)
    whole = list(best_together(case, lambda index: True, np.random.default_rng(0)))
    assert whole[0] == order[0]
    assert sorted(whole) == list(range(30))
    known = {int(index) for index in order[:2]}
    rest = list(best_together(case, lambda index: index not in known, np.random.default_rng(0)))
    assert rest[0] == order[2]
    assert sorted(rest) == sorted(set(range(30)) - known)


def test_a_twin_of_what_is_pending_gains_nothing() -> None:
    case = weighed(0)
    twin = int(np.argmax(case.gains))
    rows = np.r_[twin, np.arange(30)]  # the best candidate runs already
    again = replace(case, pending=1, mean=case.mean[rows], inputs=case.inputs[rows])
    worlds = batch._Worlds(again, np.arange(31), np.random.default_rng(0))
    worlds.imagine(0)
    assert worlds.gains(np.array([twin]))[0] < 0.01 * case.gains[twin]
    assert next(best_together(again, lambda index: True, np.random.default_rng(0))) != twin
