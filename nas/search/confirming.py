"""Choosing which candidates to confirm, and what the confirmed accuracies say."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def accuracy_intervals(confirmed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean test accuracy of each confirmed network with its 95 % interval.

    The variance of a mean is the seeds' variance over the number of seeds, plus that of counting on
    finitely many images. Two or three seeds say little of one network's spread, so the seeds' variance is
    pooled over all networks confirmed with the same recipe.
    """
    pooled = float(np.mean([np.var(c["test"], ddof=1) for c in confirmed if len(c["test"]) > 1] or [0.0]))
    intervals = []
    for entry in confirmed:
        mean, seeds, images = float(np.mean(entry["test"])), len(entry["test"]), entry["test_images"]
        half = 1.96 * math.sqrt(pooled / seeds + mean * (1 - mean) / images)
        intervals.append(
            {
                "value": mean,
                "low": max(0.0, mean - half),
                "high": min(1.0, mean + half),
                "how": "confirmed",
                "seeds": seeds,
                "resolution": entry["resolution"],
            }
        )
    return intervals


def rank_fidelity(
    cheap: Sequence[float], dear: Sequence[float], macs: Sequence[float], seed: int = 0
) -> dict[str, Any]:
    """How well the cheap accuracy ranked the dear one: Kendall's tau with a bootstrap 95 % interval.

    Fewer than 8 networks give no interval: resampling so few says nothing of the spread.
    `macs_kendall_tau` is how well plain MACs rank the same networks; a proxy below that earns nothing.
    """
    n = len(cheap)
    if n < 3:
        return {"kendall_tau": None, "low": None, "high": None, "n": n, "macs_kendall_tau": None}
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, n, n) for _ in range(500)]
    a, b = np.asarray(cheap), np.asarray(dear)
    boot = [t for t in (_tau(a[draw], b[draw]) for draw in draws) if t is not None]
    low, high = np.percentile(boot, [2.5, 97.5]) if boot and n >= 8 else (None, None)
    return {
        "kendall_tau": _tau(a, b),
        "low": None if low is None else float(low),
        "high": None if high is None else float(high),
        "n": n,
        "macs_kendall_tau": _tau(np.asarray(macs, dtype=np.float64), b),
    }


def _tau(a: Any, b: Any) -> float | None:
    """Kendall's tau-b, None where a side is constant."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan
    return None if math.isnan(tau) else tau
