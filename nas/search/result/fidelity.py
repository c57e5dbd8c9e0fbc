"""How well each evaluation of a run ranked the networks that the next one judged too; by validation images."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import numpy as np
from optuna.study import Study

from nas.results.member import Member
from nas.results.quality import ProxyFidelity, RankFidelity, RungFidelity
from nas.search.record.trial import records
from nas.search.rungs import Ladder, at_rung, rank_values

ENOUGH = 8
"""Of fewer networks a rank correlation says nothing: resampling them does not show its spread."""


def proxy_fidelity(study: Study, ladder: Ladder, confirmed: Sequence[Member]) -> ProxyFidelity:
    """The accuracy of the last rung against that of the long trainings, and each rung against the next."""
    cheap = {trial.key: trial.rungs[-1] for trial in at_rung(records(study), len(ladder.rungs) - 1)}
    found = rank_fidelity(
        rank_values([cheap[member.key] for member in confirmed]) if confirmed else [],
        [member.val_accuracy.value for member in confirmed],
        [member.macs for member in confirmed],
    )
    advice = "Trust the confirmed numbers; for a better ranking, give the proxy more epochs or pixels."
    judged = _with_warning(found, "the cheap accuracies", advice)
    return ProxyFidelity(**asdict(judged), rungs=tuple(_rungs(study, ladder)))


def fidelity_warnings(fidelity: ProxyFidelity) -> list[str]:
    """The warnings in a `proxy_fidelity`."""
    return [found.warning for found in (fidelity, *fidelity.rungs) if found.warning]


def _rungs(study: Study, ladder: Ladder) -> Iterator[RungFidelity]:
    """How each rung ranked the next, over the networks that finished both."""
    trials = records(study)
    for step, (rung, following) in enumerate(pairwise(ladder.rungs)):
        below = at_rung(trials, step)
        ranked = rank_values([trial.rungs[step] for trial in below]) if below else []
        both = [(value, trial) for value, trial in zip(ranked, below, strict=True) if len(trial.rungs) > step + 1]
        expensive = rank_values([trial.rungs[step + 1] for _, trial in both]) if both else []
        macs = [trial.measures["macs"] for _, trial in both]
        found = rank_fidelity([value for value, _ in both], expensive, macs)
        advice = "It may have stopped good ones: leave it out of rungs, or raise keep."
        judged = _with_warning(found, f"the rung {rung.name}, of those that went on,", advice)
        yield RungFidelity(**asdict(judged), lower=rung.name, upper=following.name, reached=len(below))


def _with_warning(found: RankFidelity, what: str, advice: str) -> RankFidelity:
    """`found` with a warning and `advice`, where `what` ranks no better than MACs."""
    if found.verdict != NO_BETTER:
        return found
    warning = (
        f"On this data {what} ranked no better than counting MACs (Kendall tau {found.kendall_tau:.2f} against "
        f"{found.macs_kendall_tau:.2f} over {found.n} networks). {advice}"
    )
    return replace(found, warning=warning)


BETTER, NO_BETTER, UNKNOWN = "better than MACs", "no better than MACs", "cannot be told"


def rank_fidelity(
    cheap: Sequence[float], expensive: Sequence[float], macs: Sequence[float], seed: int = 0
) -> RankFidelity:
    """How well the cheap accuracy ranked the expensive one: Kendall's tau with a bootstrap 95 % interval.

    Fewer than `ENOUGH` networks give no interval. A proxy that ranks no better than plain MACs earns nothing.
    """
    n = len(cheap)
    if n < 3:
        return RankFidelity(None, None, None, n, None, UNKNOWN, None)
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, n, n) for _ in range(500)]
    a, b = np.asarray(cheap), np.asarray(expensive)
    boot = [t for t in (_tau(a[draw], b[draw]) for draw in draws) if t is not None]
    low, high = map(float, np.percentile(boot, [2.5, 97.5])) if boot and n >= ENOUGH else (None, None)
    tau, alone = _tau(a, b), _tau(np.asarray(macs, dtype=np.float64), b)
    return RankFidelity(tau, low, high, n, alone, _verdict(tau, alone) if n >= ENOUGH else UNKNOWN, None)


def _verdict(tau: float | None, alone: float | None) -> str:
    if tau is None or alone is None:
        return UNKNOWN
    return BETTER if tau > alone else NO_BETTER


def _tau(a: Any, b: Any) -> float | None:
    """Kendall's tau-b, None where a side is constant."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan
    return None if math.isnan(tau) else tau
