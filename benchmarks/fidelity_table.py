"""How well every proxy ranks the networks it was measured on: from records to a markdown table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from benchmarks.calibrated import calibrated
from nas.proxies.scores.evaluate import combine
from nas.results.quality import RankFidelity
from nas.search.result.fidelity import rank_fidelity
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost

Array = NDArray[np.float64]

COUNTS = ("macs", "params", "depth")
"""Scores that need no network; the others need one built, once for all."""

KERNELS = ("naswot", "naswot_layers", "entropy")
"""Scores of one forward pass, whose time is measured with the first."""

NEAR = 1.1
"""Two networks have about the same MACs up to this ratio."""

Records = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By measurement and then by canonical network: values by name, and wall-clock seconds under `<name>_seconds`."""


@dataclass(frozen=True, slots=True)
class Network:
    """A distinct network of NAS-Bench-Macro: `accuracy` in percent is the mean of its trainings `seeds`."""

    canonical: str
    arch: Architecture
    seeds: tuple[float, float]

    @property
    def accuracy(self) -> float:
        """What proxies are judged by."""
        return sum(self.seeds) / len(self.seeds)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One proxy: its values, shape (n,), NaN where it was not measured, and seconds a network."""

    label: str
    values: Array
    seconds: float


def table(
    networks: Sequence[Network],
    records: Records,
    joined: Sequence[str],
    draws: int,
    fitted: int,
    spent: Mapping[str, float],
) -> str:
    """A markdown table, a row per proxy that was measured on all `networks`.

    `joined` are the scores that are combined. A surrogate is fitted to a number of networks, `fitted`, `draws` times.
    `spent` are seconds that a measurement took once; the table shares them among the networks.
    """
    lines = ["| proxy | n | Kendall tau (95 %) | within 10 % of MACs | seconds a network |", "|---" * 5 + "|"]
    macs = np.array([cost(network.arch).macs for network in networks], dtype=np.float64)
    true = np.array([network.accuracy for network in networks])
    for column in columns(networks, records, joined, spent):
        found = rank_fidelity(column.values.tolist(), true.tolist(), macs.tolist())
        tau, pairs = near_tau(column.values, true, macs)
        lines.append(f"| {column.label} | {len(true)} | {_tau(found)} | {_near(tau, pairs)} | {column.seconds:.2f} |")
    if "scores" in records and len(networks) > fitted:
        lines.append(_surrogate(networks, records["scores"], joined, draws, fitted))
    first, second = (np.array([network.seeds[i] for network in networks]) for i in (0, 1))
    tau, pairs = near_tau(first, second, macs)
    ceiling = rank_fidelity(first.tolist(), second.tolist(), macs.tolist())
    lines.append(f"| one full training against another | {len(true)} | {_tau(ceiling)} | {_near(tau, pairs)} | |")
    return "\n".join(lines)


def columns(
    networks: Sequence[Network], records: Records, joined: Sequence[str], spent: Mapping[str, float]
) -> Iterator[Column]:
    """Counts, scores, their combination, and every training."""
    scores = _complete(networks, records.get("scores", {}))
    for name, values in scores.items():
        if not name.endswith("_seconds"):
            yield Column(name, values, _together(scores, (name,)))
    if scores:
        combination = combine({name: scores[name] for name in joined})
        yield Column(f"{' + '.join(joined)}, by rank", combination, _together(scores, joined))
    for measurement in records:
        trained = _complete(networks, records[measurement]) if measurement != "scores" else {}
        for name, values in trained.items():
            if not name.endswith("_seconds"):
                each, once = _seconds(trained, name), spent.get(measurement, 0.0)
                label = f"{name} ({once:.0f} s of training, {each:.2f} s an evaluation)" if once else name
                yield Column(label, values, each + once / len(networks))


def near_tau(values: Array, true: Array, macs: Array) -> tuple[float, int]:
    """Concordant less discordant pairs over all pairs within `NEAR` of each other's MACs, and how many those are."""
    first, second = np.triu_indices(len(true), 1)
    near = np.abs(np.log(macs[first] / macs[second])) <= np.log(NEAR)
    first, second = first[near], second[near]
    agreement = np.sign(values[first] - values[second]) * np.sign(true[first] - true[second])
    return (float(agreement.mean()) if len(agreement) else np.nan), len(agreement)


def surrogate_taus(
    networks: Sequence[Network], scores: Mapping[str, Array], joined: Sequence[str], draws: int, fitted: int
) -> Array:
    """Kendall's tau of `calibrated` on the networks it was not fitted to, for each of `draws` choices of those.

    It is fitted to the first training of `fitted` networks drawn uniformly.
    """
    seen = np.array([network.seeds[0] for network in networks])
    true = np.array([network.accuracy for network in networks])
    taus = []
    for draw in range(draws):
        trained = np.random.default_rng(draw).choice(len(true), fitted, replace=False)
        others = np.setdiff1d(np.arange(len(true)), trained)
        predicted = calibrated(scores, joined, trained, seen[trained])
        taus.append(kendalltau(predicted[others], true[others]).statistic)
    return np.array(taus)


FEATURES = ("naswot", "naswot_layers", "entropy", *COUNTS)
"""Scores that the surrogate sees: those of one forward pass, and the counts."""


def _surrogate(
    networks: Sequence[Network],
    records: Mapping[str, Mapping[str, float]],
    joined: Sequence[str],
    draws: int,
    fitted: int,
) -> str:
    scores = _complete(networks, records)
    seen = {name: scores[name] for name in scores if name in {*FEATURES, *joined}}
    taus = surrogate_taus(networks, seen, joined, draws, fitted)
    seconds = _together(scores, tuple(seen))
    spread = f"{taus.mean():.3f} ± {taus.std():.3f} over {draws} draws"
    label = f"scores calibrated by {fitted} trained networks"
    return f"| {label} | {len(networks) - fitted} | {spread} | | {seconds:.2f} |"


def _tau(found: RankFidelity) -> str:
    """What `rank_fidelity` found, as far as it can be told."""
    if found.kendall_tau is None:
        return "all alike"
    interval = "" if found.low is None else f" ({found.low:.2f} to {found.high:.2f})"
    return f"{found.kendall_tau:.3f}{interval}"


def _near(tau: float, pairs: int) -> str:
    return f"{tau:.3f} ({pairs} pairs)" if pairs else "no pairs"


def _complete(networks: Sequence[Network], records: Mapping[str, Mapping[str, float]]) -> dict[str, Array]:
    """Columns of `records` (values and seconds), in the order of `networks`; none if one was not measured."""
    if any(network.canonical not in records for network in networks):
        return {}
    rows = [records[network.canonical] for network in networks]
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]}


def _together(scores: Mapping[str, Array], chosen: Sequence[str]) -> float:
    """The seconds of several scores of one network, which is built once; counts alone need none."""
    if not (costly := {name for name in chosen if name not in COUNTS}):
        return 0.0
    first = {KERNELS[0]} if costly & {*KERNELS} else set()
    return sum(_seconds(scores, name) for name in {"build"} | first | costly)


def _seconds(measured: Mapping[str, Array], name: str) -> float:
    """The median wall-clock seconds of one value, 0 where nothing was measured."""
    return float(np.median(measured[f"{name}_seconds"])) if measured else 0.0
