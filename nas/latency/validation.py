"""How far a profile's predictions are from what was measured, on networks they were not fitted to."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.latency.linear import fit, left_out
from nas.latency.predictor import margin, predictor
from nas.latency.profile import HardwareProfile, Measurement
from nas.spaces.cost import cost

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """Errors on networks left out of the fit. All but n and the rank correlations are percent.

    Errors are |predicted / measured - 1|; `coverage_percent` counts measurements inside their interval, which is
    made without them; `macs_mape_percent` and `params_mape_percent` are those of ms = a + b x count, a, b >= 0.
    """

    n: int
    mape_percent: float
    max_percent: float
    within_5_percent: float
    within_10_percent: float
    coverage_percent: float
    spearman: float
    kendall: float
    macs_mape_percent: float
    params_mape_percent: float

    def to_json(self) -> dict[str, Any]:
        """The fields, rounded to four digits after the point."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


@lru_cache(maxsize=32)
def leave_one_out(profile: HardwareProfile) -> ErrorTable:
    """Each network of the fit, predicted from the others; its interval comes from the others too."""
    forecast = predictor(profile)
    ms = np.array([row.ms for row in profile.measurements])
    predicted = np.array(forecast.left_out)
    residuals = np.abs(ms / predicted - 1)
    others = [margin(np.delete(residuals, index)) for index in range(len(ms))]
    counts = _counts(profile.measurements)
    baselines = [np.array([_line(count, ms, index) for index in range(len(ms))]) for count in counts]
    return error_table(ms, predicted, residuals <= others, baselines)


def kept_back(profile: HardwareProfile, rows: Sequence[Measurement]) -> ErrorTable:
    """Networks that no fit has seen: those of `profile.held_out`, or measured anew."""
    ms = np.array([row.ms for row in rows])
    found = [predictor(profile)(row.architecture) for row in rows]
    inside = np.array([each.low <= row.ms <= each.high for each, row in zip(found, rows, strict=True)])
    seen, fitted = _counts(profile.measurements), np.array([row.ms for row in profile.measurements])
    lines = [
        (count, fit(_with_one(known), fitted, np.ones(len(fitted))))
        for count, known in zip(_counts(rows), seen, strict=True)
    ]
    baselines = [_with_one(count) @ line for count, line in lines]
    return error_table(ms, np.array([each.ms for each in found]), inside, baselines)


def error_table(ms: Array, predicted: Array, inside: NDArray[np.bool_], baselines: Sequence[Array]) -> ErrorTable:
    """The table of n networks; `baselines`: milliseconds predicted from MACs alone, and from params alone."""
    errors = 100 * np.abs(predicted / ms - 1)
    macs, params = (float(100 * np.mean(np.abs(found / ms - 1))) for found in baselines)
    return ErrorTable(
        n=len(ms),
        mape_percent=float(errors.mean()),
        max_percent=float(errors.max()),
        within_5_percent=float(100 * np.mean(errors <= 5)),
        within_10_percent=float(100 * np.mean(errors <= 10)),
        coverage_percent=float(100 * np.mean(inside)),
        spearman=spearman(predicted, ms),
        kendall=kendall(predicted, ms),
        macs_mape_percent=macs,
        params_mape_percent=params,
    )


def _counts(rows: Sequence[Measurement]) -> tuple[Array, Array]:
    """Millions of MACs, and of params."""
    costs = [cost(row.architecture) for row in rows]
    return np.array([each.macs for each in costs]) / 1e6, np.array([each.params for each in costs]) / 1e6


def _with_one(count: Array) -> Array:
    return np.column_stack([count, np.ones(len(count))])


def _line(count: Array, ms: Array, index: int) -> float:
    """Row `index` by ms = a + b x count, a, b >= 0, fitted to the relative error of the others."""
    return left_out(_with_one(count), ms, np.ones(len(ms)), None, 0.0, index)


def spearman(a: Array, b: Array) -> float:
    """Spearman's rank correlation, ties sharing their mean rank."""
    ranks = [(np.sum(x < x[:, None], axis=1) + np.sum(x <= x[:, None], axis=1)) / 2 for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def kendall(a: Array, b: Array) -> float:
    """Kendall's tau-b."""
    signs = [np.sign(x[:, None] - x[None, :]) for x in (a, b)]
    return float(np.sum(signs[0] * signs[1]) / math.sqrt(np.sum(signs[0] ** 2) * np.sum(signs[1] ** 2)))
