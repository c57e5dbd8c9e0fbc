"""Networks that keep the most of pretrained weights at their cost, and searches that begin there."""

from dataclasses import replace

import numpy as np

from nas.nets.slices.kept import kept
from nas.nets.slices.least_cut import least_cut
from nas.search.parameters import decode
from nas.spaces.budget import Budget
from nas.spaces.load import load_space
from tests.helpers.search import go, in_memory, problem
from tests.helpers.weights import without_tensors

LITE = load_space("lite").with_data(3, 10)
PROBLEM = replace(problem(Budget.parse("9ms"), space=LITE), kept=kept(LITE, without_tensors("efficientnet_lite0")))
N = 512


def test_they_keep_more_than_networks_of_their_pixels_and_cost_and_are_of_all_costs() -> None:
    found = least_cut(PROBLEM, 0, N)
    assert len(found) == len(np.unique(found, axis=0)) == N
    assert PROBLEM.inside(found).all()
    drawn = PROBLEM.draw(np.random.default_rng(1), 2000, evenly="macs")
    ms, theirs = (PROBLEM.cost_arrays(rows)["latency_ms"] for rows in (found, drawn))
    better = []
    for row, at, keeps in zip(found, ms, PROBLEM.kept_of(found), strict=True):
        like = (drawn[:, 0] == row[0]) & (np.abs(np.log(theirs / at)) < 0.05)  # variable 0 is the resolution
        if like.sum() > 2:
            better.append(keeps >= np.median(PROBLEM.kept_of(drawn[like])))
    assert len(better) > N / 2
    assert np.mean(better) > 0.97
    assert set(found[:, 0]) == set(range(len(LITE.resolution)))
    assert ms.min() < 1.3 * theirs.min()  # a bin of cost is a tenth wide
    assert ms.max() > 8.5


def test_equal_arguments_give_equal_networks() -> None:
    found = least_cut(PROBLEM, 0, 64)
    least_cut.cache_clear()
    assert (least_cut(PROBLEM, 0, 64) == found).all()
    assert (least_cut(PROBLEM, 1, 64) != found).any()


def test_a_search_begins_among_them_and_goes_on_to_others() -> None:
    study = in_memory(PROBLEM)
    go(PROBLEM, study, "pareto", trials=16)
    keys = [decode(LITE, trial.params).key for trial in study.trials]
    among = {LITE.architecture(row).key for row in least_cut(PROBLEM, 0)}
    assert set(keys[:6]) <= among
    assert set(keys) - among
    assert len(set(keys)) == 16
