"""How well the cheap evaluations ranked what the expensive ones judged."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from nas.search.result.fidelity import fidelity_warnings, proxy_fidelity, rank_fidelity
from nas.search.rungs import Ladder, Rung
from tests.helpers.search import (
    evaluate,
    go,
    in_memory,
    problem,
)


@pytest.mark.parametrize("n", [3, 7, 8, 25])
def test_rank_fidelity_is_kendalls_tau(n: int) -> None:
    rng = np.random.default_rng(n)
    expensive = rng.integers(0, 12, n) / 12  # with ties
    cheap, macs = expensive + rng.normal(0, 0.2, n), rng.integers(1, 10**9, n)
    found = rank_fidelity(list(cheap), list(expensive), list(macs))
    assert found.kendall_tau == pytest.approx(kendalltau(cheap, expensive).statistic)
    assert found.macs_kendall_tau == pytest.approx(kendalltau(macs, expensive).statistic)
    assert found.n == n
    if n < 8:
        assert found.low is None
        assert found.high is None
    else:
        assert -1 <= found.low <= found.kendall_tau <= found.high <= 1
        assert found.low < found.high
    assert rank_fidelity(list(cheap), list(expensive), list(macs)) == found


def test_rank_fidelity_of_too_few_or_of_constants_is_unknown() -> None:
    assert rank_fidelity([1, 2], [1, 2], [1, 2]).kendall_tau is None
    ten = list(range(10))
    constant = rank_fidelity([0.5] * 10, ten, ten)
    assert (constant.kendall_tau, constant.low) == (None, None)
    assert constant.macs_kendall_tau == pytest.approx(1)
    assert rank_fidelity(ten, [0.5] * 10, ten).kendall_tau is None
    perfect = rank_fidelity(ten, ten, ten[::-1])
    assert (perfect.kendall_tau, perfect.macs_kendall_tau) == pytest.approx((1, -1))


@pytest.mark.parametrize(
    ("n", "cheap", "macs", "verdict"),
    [
        (12, 1, -1, "better than MACs"),
        (12, -1, 1, "no better than MACs"),
        (12, 1, 1, "no better than MACs"),  # equal is no better
        (7, -1, 1, "cannot be told"),
        (0, 1, 1, "cannot be told"),
    ],
)
def test_a_proxy_that_ranks_no_better_than_macs_is_warned_of(n: int, cheap: int, macs: int, verdict: str) -> None:
    study = in_memory(problem())
    found = go(problem(), study, trials=12)[:n]
    members: list[Any] = [
        SimpleNamespace(
            key=row.key,
            val_accuracy=SimpleNamespace(value=cheap * (row.accuracy or 0)),
            macs=cheap * macs * (row.accuracy or 0),
        )
        for row in found
    ]
    fidelity = proxy_fidelity(study, Ladder((Rung("short", evaluate),)), members)
    assert (fidelity.n, fidelity.verdict, fidelity.rungs) == (n, verdict, ())
    assert bool(fidelity_warnings(fidelity)) == (verdict == "no better than MACs")
    if fidelity.warning:
        assert "the cheap accuracies ranked no better than counting MACs (Kendall tau" in fidelity.warning
        assert "over 12 networks" in fidelity.warning
