"""The black boxes of the search benchmarks: genotype -> accuracy and cost, without training anything.

| name | space | accuracy | cost | front |
|---|---|---|---|---|
| macro | NAS-Bench-Macro, 6,561 genotypes | measured; a search sees the first training | MACs | all enumerated |
| latency | the same | the same | milliseconds that `pixel4` predicts | all enumerated |
| accel | MnasNet's, as in Accel-NASBench | boosted trees on its train split | convolution MACs | `_large_search` |
| synthetic | `mobilenet_v1` of this project | a made-up function with noise | MACs | all enumerated |
| widths | seven layers of four widths each, 16,384 genotypes | made up: saturation, bottlenecks, noise | MACs | all |
| channels | five stages of eight widths each, 32,768 genotypes | the same | MACs | all enumerated |

Accuracy is in percent and maximised, cost is minimised. `macro`, `latency` and `accel` need the data
folder (`NAS_DATA_DIR`, default `../shared/data` beside the checkout); the others need nothing.
"""

import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import moocore
import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

import nas
from nas.errors import DataError
from nas.latency.profile import load_profile
from nas.resources import names
from nas.spaces.choices import Choices
from nas.spaces.load import load_space
from nas.spaces.space import Genotypes, SearchSpace
from nas.spaces.stage import Stage

Array = NDArray[np.float64]
Points = Callable[[Genotypes], Array]
"""Genotypes (n, variables) -> (n, 2): accuracy in percent, cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A search problem whose answer is known.

    `seen` is what one training shows the search, `true` what it is scored by, `costs` (n,) what is known
    without training. Hypervolume counts from `reference` (accuracy, cost); `best` is that of the true front.
    `note` says where all comes from.
    """

    name: str
    space: SearchSpace
    seen: Points
    true: Points
    costs: Callable[[Genotypes], Array]
    reference: tuple[float, float]
    best: float
    note: str


def shares(problem: Problem, rows: Genotypes) -> Array:
    """Share of the true hypervolume after each of the evaluations `rows`, shape (n,)."""
    points = problem.true(rows)
    found = [hypervolume(points[: count + 1], problem.reference) for count in range(len(rows))]
    return np.array(found) / problem.best


def hypervolume(points: Array, reference: tuple[float, float]) -> float:
    """Area (percent x cost) that `points` dominate, counted from `reference`."""
    return float(moocore.hypervolume(_losses(points), ref=[-reference[0], reference[1]]))


def problem(name: str) -> Problem:
    """The problem `name` of `PROBLEMS`, made once.

    Raises:
        DataError: unknown, or its data are not there.
    """
    if name not in PROBLEMS:
        raise DataError(f"unknown problem {name!r}; known: {names(PROBLEMS)}")
    return _made(name)


def data_file(name: str) -> Path:
    """The file `name` of the data folder.

    Raises:
        DataError: it is not there.
    """
    folder = Path(os.environ.get("NAS_DATA_DIR", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / name).is_file():
        raise DataError(f"no {name} in {folder}; NAS_DATA_DIR names the folder that has it")
    return folder / name


def macro() -> Problem:
    """NAS-Bench-Macro (Su et al. 2021, https://arxiv.org/abs/2103.11922): accuracy against MACs."""
    space, accuracies = _nas_bench_macro()
    costs = nas.costs(space, _every(space)).macs.astype(np.float64)
    note = "Accuracies of NAS-Bench-Macro, a search sees the first training"
    return _table("macro", space, accuracies, costs, 80.0, note)


def on_pixel4() -> Problem:
    """NAS-Bench-Macro's accuracies against the latency the profile `pixel4` predicts."""
    space, accuracies = _nas_bench_macro()
    costs = nas.costs(space, _every(space), load_profile("pixel4")).latency_ms
    assert costs is not None  # there is a profile
    note = "The same accuracies, and the milliseconds that the profile `pixel4` predicts"
    return _table("latency", space, accuracies, costs, 80.0, note)


def accel() -> Problem:
    """Accel-NASBench (Ahmad et al. 2024, https://arxiv.org/abs/2404.08005): 16-epoch ImageNet accuracy against MACs.

    The black box is a surrogate without noise, so a search sees what it is scored by.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    space = _mnasnet()
    rows, accuracy, train = _accel_rows(space)
    surrogate = HistGradientBoostingRegressor(  # the best of four settings by 4-fold cross-validation on train
        max_iter=1500, learning_rate=0.05, max_leaf_nodes=6, min_samples_leaf=10, early_stopping=False, random_state=0
    ).fit(rows[train], accuracy[train])
    tau = kendalltau(surrogate.predict(rows[~train]), accuracy[~train]).statistic

    costs = partial(mnasnet_macs, space)

    def points(rows: Genotypes) -> Array:
        return np.stack([surrogate.predict(rows), costs(rows)], axis=1)

    largest = np.array([[len(variable.values) - 1 for variable in space.variables]])
    reference = (55.0, float(costs(largest)[0]))
    front, evaluated = _large_search(space, points)
    note = (
        f"Boosted trees fitted to the train split of Accel-NASBench, without noise (Kendall tau {tau:.3f} on its "
        f"{np.sum(~train)} validation networks); front from a search of {evaluated:,} evaluations"
    )
    return Problem("accel", space, points, points, costs, reference, hypervolume(points(front), reference), note)


def synthetic() -> Problem:
    """A made-up accuracy over an enumerable space, against its true MACs.

    Every choice adds a saturating gain of random size, every pair of choices a random interaction; two
    trainings of a network differ by noise of 0.25 percent points each.
    """
    space = load_space("mobilenet_v1")
    rows, rng = _every(space), np.random.default_rng(1)
    levels = rows / (np.array([len(variable.values) for variable in space.variables]) - 1)
    gains = (1 - np.exp(-2 * levels)) @ rng.uniform(0.1, 1, levels.shape[1])
    pairs = np.triu(rng.normal(0, 0.08, (levels.shape[1],) * 2), 1)
    latent = gains + np.einsum("ni,ij,nj->n", 2 * levels - 1, pairs, 2 * levels - 1)
    accuracy = 45 + 30 * (latent - latent.min()) / np.ptp(latent)
    accuracies = accuracy[:, None] + rng.normal(0, 0.25, (len(rows), 2))
    costs = nas.costs(space, rows).macs.astype(np.float64)
    note = f"A made-up accuracy over the space {space.name}, two noisy trainings"
    return _table("synthetic", space, accuracies, costs, 55.0, note)


def widths(seed: int = 1) -> Problem:
    """Seven separable layers, each of a quarter, half, three quarters or all of its channels."""
    most, strides = (32, 64, 128, 128, 256, 256, 512), (1, 2, 2, 1, 2, 1, 2)
    choices = [tuple(channels * quarter // 4 for quarter in (1, 2, 3, 4)) for channels in most]
    return _of_widths("widths", "sep", choices, strides, seed)


def channels(seed: int = 1) -> Problem:
    """Five convolutions of 8, 16, ... or 64 channels, as many choices as in the size space of NATS-Bench.

    (Dong et al. 2021, https://arxiv.org/abs/2009.00437.)
    """
    return _of_widths("channels", "conv", [tuple(range(8, 65, 8))] * 5, (1, 1, 2, 1, 2), seed)


def _of_widths(name: str, op: str, choices: Sequence[tuple[int, ...]], strides: tuple[int, ...], seed: int) -> Problem:
    """A space of widths alone, of layers one after another, with an accuracy that saturates in each.

    A layer of share s of its most channels gives 1 - exp(-k s), with a random k and a random weight; so do pairs of
    neighbours, by the narrower of the two. What is missing of the whole costs up to 10 points. Three trainings of a
    network differ by noise of 0.2 points each, as those of NAS-Bench-Macro do; a search sees the first.
    """
    stages = [Stage(f"s{i}", {"op": (op,), "kernel": (3,), "out_channels": each}) for i, each in enumerate(choices)]
    space = SearchSpace(Choices(name, (32,), (1.0,), (strides,), tuple(stages), classes=10))
    rows, rng = _every(space), np.random.default_rng(seed)
    shares_ = np.stack([np.array(each)[rows[:, i]] / each[-1] for i, each in enumerate(choices)], axis=1)
    layers = np.concatenate([shares_, np.minimum(shares_[:, 1:], shares_[:, :-1])], axis=1)
    rates, weights = rng.uniform(1, 6, layers.shape[1]), rng.uniform(0.1, 1, layers.shape[1])
    gains = (1 - np.exp(-rates * layers)) / (1 - np.exp(-rates)) @ (weights / np.sum(weights))
    accuracy = 94 - 10 * (1 - gains) / (1 - gains).max()
    accuracies = accuracy[:, None] + rng.normal(0, 0.2, (len(rows), 3))
    costs = nas.costs(space, rows).macs.astype(np.float64)
    note = f"A made-up accuracy of {len(choices)} widths that saturates, three noisy trainings"
    return _table(name, space, accuracies, costs, 85.0, note)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "macro": macro,
    "accel": accel,
    "latency": on_pixel4,
    "synthetic": synthetic,
    "widths": widths,
    "channels": channels,
}
"""The problems by name."""


@lru_cache
def _made(name: str) -> Problem:
    return PROBLEMS[name]()


def _every(space: SearchSpace) -> Genotypes:
    return np.indices([len(variable.values) for variable in space.variables]).reshape(len(space.variables), -1).T


def _table(name: str, space: SearchSpace, accuracies: Array, costs: Array, least: float, what: str) -> Problem:
    """A problem from the rows of an enumerated space: `accuracies` (size, trainings), the first of them seen."""
    counts = [len(variable.values) for variable in space.variables]
    seen, true = (np.stack([accuracy, costs], axis=1) for accuracy in (accuracies[:, 0], accuracies.mean(axis=1)))
    reference = (least, float(costs.max()))

    def at(values: Array) -> Callable[[Genotypes], Array]:
        return lambda rows: values[np.ravel_multi_index(tuple(np.asarray(rows).T), counts)]

    note = f"{what}; front of all {space.size:,} genotypes"
    return Problem(name, space, at(seen), at(true), at(costs), reference, hypervolume(true, reference), note)


def _losses(points: Array) -> Array:
    losses: Array = points * np.array([-1.0, 1.0])
    return losses


def _read(name: str) -> list[dict[str, str]]:
    with data_file(name).open(newline="") as file:
        return list(csv.DictReader(file))


@lru_cache
def _nas_bench_macro() -> tuple[SearchSpace, Array]:
    """The space and the accuracies (6561, 2) of its genotypes in lexicographic order."""
    table = {
        row["arch"]: (float(row["acc1"]), float(row["acc2"])) for row in _read("nas_bench_macro/nas_bench_macro.csv")
    }
    space = load_space("nas_bench_macro")
    return space, np.array([table["".join(map(str, row))] for row in space.genotypes()])


MNASNET_CHANNELS = (16, 24, 40, 80, 112, 192, 320)


def _mnasnet() -> SearchSpace:
    """The MnasNet space (Tan et al. 2019, https://arxiv.org/abs/1807.11626) as Accel-NASBench encodes it."""

    def stage(index: int, channels: int) -> Stage:
        choices: dict[str, tuple[Any, ...]] = {"kernel": (3, 5), "expansion": (1, 4, 6), "se": (0.0, 0.25)}
        fields = {"op": ("mbconv",), "out_channels": (channels,), **choices}
        return Stage(f"b{index}", fields, depth=(1, 2, 3, 4) if index == 5 else (1, 2, 3))

    stem = Stage("stem", {"op": ("conv",), "kernel": (3,), "out_channels": (32,)})
    head = Stage("head", {"op": ("conv",), "kernel": (1,), "out_channels": (1280,)})
    stages = (stem, *(stage(index, channels) for index, channels in enumerate(MNASNET_CHANNELS)), head)
    return SearchSpace(Choices("mnasnet", (224,), (1.0,), ((2, 1, 2, 2, 2, 1, 2, 1, 1),), stages))


def mnasnet_macs(space: SearchSpace, rows: Genotypes) -> Array:
    """Convolution MACs as Accel-NASBench counts them: squeeze layers have a quarter of the *block's input* channels."""
    names_ = [variable.name for variable in space.variables]
    plain = rows.copy()
    plain[:, [name.endswith(".se") for name in names_]] = 0
    macs = nas.costs(space, plain).macs.astype(np.float64)
    channels = 32
    for index, out in enumerate(MNASNET_CHANNELS):
        depth, expansion, se = (rows[:, names_.index(f"b{index}.{field}")] for field in ("depth", "expansion", "se"))
        widths = channels * (channels // 4) + depth * out * (out // 4)  # `depth` counts the blocks after the first
        macs += 2 * se * np.array([1, 4, 6])[expansion] * widths
        channels = out
    return macs


def _accel_rows(space: SearchSpace) -> tuple[Genotypes, Array, NDArray[np.bool_]]:
    """Genotypes, top-1 accuracy in percent, and whether the row is of the train split."""
    column = {"depth": "l", "kernel": "k", "expansion": "e", "se": "se"}
    table = _read("accel_nasbench/accel_nasbench.csv")

    def index(row: dict[str, str], name: str, values: tuple[Any, ...]) -> int:
        stage, field = name.split(".")
        value = int(row[f"{stage}_{column[field]}"])
        return value if field == "se" else values.index(value)

    rows = np.array([[index(row, v.name, v.values) for v in space.variables] for row in table])
    train = np.array([row["split"] == "train" for row in table])
    return rows, np.array([float(row["val_top1"]) for row in table]), train


def _large_search(
    space: SearchSpace, points: Points, population: int = 1000, generations: int = 150
) -> tuple[Genotypes, int]:
    """A front nothing nearby beats: evolution, then every single change of its members until none helps.

    Returns the front's genotypes and how many networks were evaluated.
    """
    rng, counts = np.random.default_rng(0), np.array([len(variable.values) for variable in space.variables])
    rows = space.sample(rng, 4 * population)
    values, evaluated = points(rows), len(rows)
    for _ in range(generations):
        keep = np.argsort(moocore.pareto_rank(_losses(values)), kind="stable")[:population]
        rows, values = rows[keep], values[keep]
        first, second = rows[rng.integers(len(rows), size=(2, population))]
        children = np.where(rng.random(first.shape) < 0.5, first, second)
        children = np.where(rng.random(first.shape) < 1.5 / len(counts), rng.integers(0, counts, first.shape), children)
        rows, values = _union(rows, values, children, points)
        evaluated += population
    improved = True
    while improved:
        keep = moocore.is_nondominated(_losses(values))
        rows, values = rows[keep], values[keep]
        tried = np.repeat(rows, counts.sum(), axis=0)
        position = np.tile(np.repeat(np.arange(len(counts)), counts), len(rows))
        tried[np.arange(len(tried)), position] = np.tile(np.concatenate([np.arange(c) for c in counts]), len(rows))
        before = set(map(tuple, rows.tolist()))
        rows, values = _union(rows, values, tried, points)
        evaluated += len(tried)
        keep = moocore.is_nondominated(_losses(values))
        improved = not set(map(tuple, rows[keep].tolist())) <= before
    return rows[keep], evaluated


def _union(rows: Genotypes, values: Array, more: Genotypes, points: Points) -> tuple[Genotypes, Array]:
    """Both sets of rows with their points, each row once."""
    every, first = np.unique(np.concatenate([rows, more]), axis=0, return_index=True)
    return every, np.concatenate([values, points(more)])[first]
