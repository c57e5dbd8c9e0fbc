"""What the result says of trials and rungs."""

import json
from typing import Any

import pytest
from optuna.study import Study
from scipy.stats import kendalltau

from nas.results.front import Front
from nas.search.front import hypervolume_history
from nas.search.result.compose import compose
from nas.search.rungs import Ladder
from tests.helpers.rungs import PROBLEM, REFERENCE, Calls, go, in_memory
from tests.helpers.search import ABOUT, context


def composed(study: Study, ladder: Ladder) -> Front:
    front = compose(context(PROBLEM, study), ladder, [], {}, ABOUT)
    assert Front.from_json(json.loads(json.dumps(front.to_json(), allow_nan=False))) == front
    return front


def test_front_and_hypervolume_are_of_the_top_rung_and_each_rung_is_judged() -> None:
    study, calls = in_memory(), Calls()
    found = go(study, calls, 60)
    front = composed(study, calls.ladder)
    complete = [row for row in found if row.state == "complete"]
    assert front.counts.evaluated == len(complete)
    assert front.counts.stopped == 60 - len(complete)
    points = [PROBLEM.values(row.figures) for row in complete]
    assert front.hypervolume.history == tuple(hypervolume_history(points, PROBLEM.objectives, REFERENCE))
    first, second = front.proxy_fidelity.rungs
    assert (first.lower, first.upper, first.reached) == ("score", "short", 60)
    assert (second.lower, second.upper, second.reached, second.n) == (
        "short",
        "long",
        first.n,
        len(complete),
    )
    pairs = [(row.rungs["short"], row.rungs["long"], row.costs["macs"]) for row in complete]
    short, long, macs = zip(*pairs, strict=True)
    assert second.kendall_tau == pytest.approx(kendalltau(short, long).statistic)
    assert second.macs_kendall_tau == pytest.approx(kendalltau(macs, long).statistic)
    assert second.low <= second.kendall_tau <= second.high
    both: list[Any] = [row.rungs for row in found if "short" in row.rungs]
    scores = [rungs["score"]["a"] for rungs in both]  # both scores rank alike here
    assert first.kendall_tau == pytest.approx(kendalltau(scores, [rungs["short"] for rungs in both]).statistic)


def test_one_rung_has_no_next() -> None:
    study, calls = in_memory(), Calls(["short"])
    go(study, calls, 5)
    assert composed(study, calls.ladder).proxy_fidelity.rungs == ()
