"""How far a profile's predictions are from what was measured, on networks they were not fitted to."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.errors import ProfileError
from nas.latency.features import require_measured
from nas.latency.models.intervals import far, half_width, margin, nearness
from nas.latency.models.linear import fit, left_out
from nas.latency.predictor import predictor
from nas.latency.profile import HardwareProfile, Measurement
from nas.spaces.cost import cost

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """Errors on networks left out of the fit. All but n and the rank correlations are percent.

    Errors are |predicted / measured - 1|; `coverage_percent` counts measurements inside their interval, which is
    made without them; `macs_mape_percent` and `params_mape_percent` are those of ms = a + b x count, a, b >= 0.
    A rank correlation is nan where there is none: of a single network, or of equal ones.
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
        """The fields, rounded to four digits after the point; nan is None."""
        return {key: None if math.isnan(value) else round(value, 4) for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A network's measured milliseconds, and those predicted without it, with the ends of their interval."""

    name: str
    measured: float
    spread: float
    predicted: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Validation:
    """Networks predicted by a model that had not seen them, and the errors."""

    table: ErrorTable
    networks: tuple[Comparison, ...]


def leave_one_out(profile: HardwareProfile) -> ErrorTable:
    """Each network of the fit, predicted from the others, its twins not among them; so is its interval."""
    return validate_left_out(profile).table


@lru_cache(maxsize=32)
def validate_left_out(profile: HardwareProfile) -> Validation:
    """`leave_one_out`, with the networks."""
    rows = profile.measurements
    ms, left_out = np.array([row.ms for row in rows]), predictor(profile).left_out
    predicted, leverage = left_out.ms, left_out.leverage
    residuals = np.abs(ms / predicted - 1)
    nears = nearness(residuals, leverage, far(profile))
    others = np.array([margin(nears[~gone]) for gone in left_out.together])
    widths = half_width(others, leverage, far(profile))
    compared = tuple(
        Comparison(row.name, row.ms, row.spread_ms, float(value), value * max(0.0, 1 - width), value * (1 + width))
        for row, value, width in zip(rows, predicted.tolist(), widths.tolist(), strict=True)
    )
    baselines = [np.array([_line(count, ms, index) for index in range(len(ms))]) for count in _counts(rows)]
    return Validation(error_table(ms, predicted, residuals <= widths, baselines), compared)


def kept_back(profile: HardwareProfile, rows: Sequence[Measurement]) -> ErrorTable:
    """Networks that no fit has seen: those of `profile.held_out`, or measured anew.

    Raises:
        ProfileError: a network has an op or an activation of which the profile holds no measurement.
    """
    return validate_kept_back(profile, rows).table


def validate_kept_back(profile: HardwareProfile, rows: Sequence[Measurement]) -> Validation:
    """`kept_back`, with the networks."""
    ms = np.array([row.ms for row in rows])
    found = [predictor(profile)(row.architecture) for row in rows]
    inside = np.array([each.low <= row.ms <= each.high for each, row in zip(found, rows, strict=True)])
    seen, fitted = _counts(profile.measurements), np.array([row.ms for row in profile.measurements])
    lines = [
        (count, fit(_with_one(known), fitted, np.ones(len(fitted))))
        for count, known in zip(_counts(rows), seen, strict=True)
    ]
    baselines = [_with_one(count) @ line for count, line in lines]
    compared = tuple(
        Comparison(row.name, row.ms, row.spread_ms, each.ms, each.low, each.high)
        for each, row in zip(found, rows, strict=True)
    )
    return Validation(error_table(ms, np.array([each.ms for each in found]), inside, baselines), compared)


def predictable(profile: HardwareProfile, rows: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Those of `rows` of whose every op and activation the profile holds a measurement."""
    ground = predictor(profile).ground

    def has_all(row: Measurement) -> bool:
        try:
            require_measured(row.architecture, ground)
        except ProfileError:
            return False
        return True

    return tuple(filter(has_all, rows))


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
    """Spearman's rank correlation, ties sharing their mean rank; nan where all of `a` or of `b` are equal."""
    ranks = [(np.sum(x < x[:, None], axis=1) + np.sum(x <= x[:, None], axis=1)) / 2 for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1]) if min(map(np.ptp, ranks)) > 0 else math.nan


def kendall(a: Array, b: Array) -> float:
    """Kendall's tau-b; nan where all of `a` or of `b` are equal."""
    signs = [np.sign(x[:, None] - x[None, :]) for x in (a, b)]
    pairs = math.sqrt(np.sum(signs[0] ** 2) * np.sum(signs[1] ** 2))
    return float(np.sum(signs[0] * signs[1])) / pairs if pairs else math.nan
