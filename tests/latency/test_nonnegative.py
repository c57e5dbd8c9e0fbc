"""Non-negative least squares, against SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import nnls

from nas.latency.models.nonnegative import nonnegative

NUMBERS = st.integers(-5, 5).map(float)


@pytest.mark.parametrize("seed", range(8))
def test_it_is_scipys_solution(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.random((30, 20)) * 10.0 ** rng.integers(-6, 6, 20)
    target = rows @ np.maximum(rng.normal(size=20), 0) + rng.normal(size=30)
    expected, _ = nnls(rows, target)
    assert nonnegative(rows, target) == pytest.approx(expected, rel=1e-7, abs=1e-12 * expected.max())


@given(arrays(float, (6, 4), elements=NUMBERS), arrays(float, 6, elements=NUMBERS))
def test_no_other_is_nearer_even_where_columns_are_alike(rows: np.ndarray, target: np.ndarray) -> None:
    found = nonnegative(rows, target)
    assert found.min() >= 0
    _, best = nnls(rows, target)
    assert np.linalg.norm(rows @ found - target) <= best + 1e-9


def test_more_columns_than_rows_are_fitted_exactly() -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((5, 40))
    assert rows @ nonnegative(rows, rows[:, 3] + rows[:, 7]) == pytest.approx(rows[:, 3] + rows[:, 7])
