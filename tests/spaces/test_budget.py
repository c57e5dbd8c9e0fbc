"""Budgets: read, refused, compared with figures, shown."""

from typing import Any

import pytest

from nas.errors import BudgetError
from nas.spaces.budget import Budget
from tests.helpers.refusal import refusal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Budget()),
        ([], Budget()),
        ("300M", Budget(macs=300e6)),
        ("0.3G", Budget(macs=0.3e9)),
        (".3G", Budget(macs=0.3e9)),
        ("300Mmacs", Budget(macs=300e6)),
        ("300 MMACs", Budget(macs=300e6)),
        ("300000k", Budget(macs=300e6)),
        ("5000macs", Budget(macs=5000)),
        ("3e2M", Budget(macs=300e6)),
        ("25ms", Budget(latency_ms=25)),
        (" 2.5 ms ", Budget(latency_ms=2.5)),
        ("4MB", Budget(weight_bytes=4e6)),
        ("512kB", Budget(weight_bytes=512e3)),
        ("4096b", Budget(weight_bytes=4096)),
        ("5Mparams", Budget(params=5e6)),
        ("5000000params", Budget(params=5e6)),
        ("1MB-flash", Budget(weight_bytes=1e6)),
        ("512KB-ram", Budget(peak_activation_bytes=512e3)),
        ("2 Mb-RAM", Budget(peak_activation_bytes=2e6)),
        ("20mJ", Budget(energy_mj=20)),
        ("pixel4:20ms", Budget(**{"latency_ms:pixel4": 20})),
        ("pixel4:1large_int8:20ms", Budget(**{"latency_ms:pixel4:1large_int8": 20})),
        (["300M", "25ms"], Budget(macs=300e6, latency_ms=25)),
        (("4MB", "5Mparams", "1ms", "1G"), Budget(macs=1e9, latency_ms=1, weight_bytes=4e6, params=5e6)),
    ],
)
def test_budgets(text: Any, expected: Budget) -> None:
    assert Budget.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-3M", "a budget must be above 0, got -3M MACs"),
        ("0ms", "a budget must be above 0, got 0 ms"),
        ("-1e3kB", "a budget must be above 0, got -1 MB"),
        ("1e999Mparams", "a budget must be above 0, got infM params"),
        ("abc", "cannot read the budget 'abc'"),
        ("", "cannot read the budget ''"),
        ("nan", "cannot read the budget 'nan'"),
        ("inf", "cannot read the budget 'inf'"),
        ("nanms", "cannot read the budget 'nanms'"),
        ("300M,25ms", "cannot read the budget '300M,25ms'"),
        (True, "cannot read the budget 'True'"),
        ("300", "no unit in the budget '300'"),
        (300, "no unit in the budget '300'"),
        (2.5, "no unit in the budget '2.5'"),
        ("25s", "unknown unit 's' in the budget '25s'"),
        ("300Q", "unknown unit 'Q' in the budget '300Q'"),
        ("3TB", "unknown unit 'TB' in the budget '3TB'"),
        (["300M", "abc"], "cannot read the budget 'abc'"),
        ([["300M"]], "cannot read the budget \"['300M']\""),
    ],
)
def test_wrong_budgets_say_what_is_allowed(text: Any, message: str) -> None:
    found = refusal(BudgetError, Budget.parse, text)
    examples = "300M (MACs), 25ms, 20mJ, 4MB (weights), 5Mparams, 512KB-ram (peak activations)"
    assert found == f"{message}; use {examples}, or a list such as [300M,25ms]"


def test_one_limit_twice() -> None:
    assert refusal(BudgetError, Budget.parse, ["300M", "25ms", "0.2G"]) == (
        "the budget limits macs twice, at 300M MACs and 0.2G"
    )


def test_budget_of_nan_is_refused() -> None:
    assert refusal(BudgetError, Budget, latency_ms=float("nan")).startswith("a budget must be above 0, got nan ms")


def test_excess_is_the_worst_ratio() -> None:
    budget = Budget.parse(["300M", "20ms"])
    assert budget.excess({"macs": 150e6, "latency_ms": 15, "params": 9e9}) == 0.75
    assert budget.excess({"macs": 600e6, "latency_ms": 30}) == 2
    assert Budget().excess({"macs": 1e12}) == 0


def test_violation_names_each_limit_that_is_passed() -> None:
    budget = Budget.parse(["300M", "20ms", "4MB", "5Mparams"])
    inside = {"macs": 300e6, "latency_ms": 20.0, "weight_bytes": 4e6, "params": 5e6}
    assert budget.violation(inside) is None  # a limit itself is allowed
    assert budget.violation(inside | {"latency_ms": 20.5}) == "20.5 ms over 20 ms"
    assert budget.violation({measure: 2 * value for measure, value in inside.items()}) == (
        "600M MACs over 300M MACs, 40 ms over 20 ms, 8 MB over 4 MB, 10M params over 5M params"
    )
    assert Budget().violation(inside) is None


def test_budget_as_text() -> None:
    assert str(Budget.parse(["5Mparams", "512kB", "25ms", "0.3G"])) == "300M MACs, 25 ms, 0.512 MB, 5M params"
    assert str(Budget()) == "none"
