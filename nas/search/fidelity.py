"""How well each evaluation of a run ranked the networks that the next, dearer one judged too; by validation images."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from optuna.study import Study

from nas.search.record.study import reached
from nas.search.rungs import Ladder, at_rung

ENOUGH = 8
"""Of fewer networks a rank correlation says nothing: resampling them does not show its spread."""


def proxy_fidelity(study: Study, ladder: Ladder, confirmed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The accuracy of the last rung against that of the long trainings, and under `rungs` each rung against the next.

    `confirmed` are entries of front.json. Each comparison is what `rank_fidelity` gives.
    """
    cheap = {trial.user_attrs["key"]: reached(trial)[-1] for trial in at_rung(study, len(ladder.rungs) - 1)}
    found = rank_fidelity(
        ladder.rungs[-1].values([cheap[entry["key"]] for entry in confirmed]) if confirmed else [],
        [entry["val_accuracy"]["value"] for entry in confirmed],
        [entry["macs"] for entry in confirmed],
    )
    advice = "Trust the confirmed numbers; for a better ranking, give the proxy more epochs or pixels."
    return _judged(found, "the cheap accuracies", advice) | {"rungs": list(_rungs(study, ladder))}


def fidelity_warnings(fidelity: Mapping[str, Any]) -> list[str]:
    """The warnings in a `proxy_fidelity`."""
    return [found["warning"] for found in (fidelity, *fidelity["rungs"]) if found["warning"]]


def _rungs(study: Study, ladder: Ladder) -> Iterator[dict[str, Any]]:
    """How each rung ranked the next, over the networks that finished both."""
    for step, (rung, following) in enumerate(pairwise(ladder.rungs)):
        below = at_rung(study, step)
        worth = rung.values([reached(trial)[step] for trial in below])
        both = [(value, trial) for value, trial in zip(worth, below, strict=True) if len(reached(trial)) > step + 1]
        dear = following.values([reached(trial)[step + 1] for _, trial in both]) if both else []
        macs = [trial.user_attrs["candidate"]["macs"] for _, trial in both]
        found = rank_fidelity([value for value, _ in both], dear, macs)
        advice = "It may have stopped good ones: leave it out of rungs, or raise keep."
        judged = _judged(found, f"the rung {rung.name}, of those that went on,", advice)
        yield {"from": rung.name, "to": following.name, "reached": len(below), **judged}


def _judged(found: dict[str, Any], what: str, advice: str) -> dict[str, Any]:
    """`found` with a `verdict` on whether it ranks better than MACs, and a `warning` if it does not."""
    tau, alone = found["kendall_tau"], found["macs_kendall_tau"]
    if tau is None or alone is None or found["n"] < ENOUGH:
        return found | {"verdict": "cannot be told", "warning": None}
    if tau > alone:
        return found | {"verdict": "better than MACs", "warning": None}
    warning = (
        f"On this data {what} ranked no better than counting MACs (Kendall tau {tau:.2f} against {alone:.2f} over "
        f"{found['n']} networks). {advice}"
    )
    return found | {"verdict": "no better than MACs", "warning": warning}


def rank_fidelity(
    cheap: Sequence[float], dear: Sequence[float], macs: Sequence[float], seed: int = 0
) -> dict[str, Any]:
    """How well the cheap accuracy ranked the dear one: Kendall's tau with a bootstrap 95 % interval.

    Fewer than `ENOUGH` networks give no interval. `macs_kendall_tau` is how well plain MACs rank the same networks; a
    proxy below that earns nothing.
    """
    n = len(cheap)
    if n < 3:
        return {"kendall_tau": None, "low": None, "high": None, "n": n, "macs_kendall_tau": None}
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, n, n) for _ in range(500)]
    a, b = np.asarray(cheap), np.asarray(dear)
    boot = [t for t in (_tau(a[draw], b[draw]) for draw in draws) if t is not None]
    low, high = np.percentile(boot, [2.5, 97.5]) if boot and n >= ENOUGH else (None, None)
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
