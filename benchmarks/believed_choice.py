"""What it is worth to read validation accuracies beside each other before the front is chosen.

    python -m benchmarks.believed_choice --problems macro accel

Made-up confirmations on tables of true accuracies: eight networks, the best of eight classes of cost by an accuracy
with noise of half the spread of all, as a proxy finds them; so many validation images, which networks fail on
together (of their hardness 0.7 is shared by all networks). At 50 costs between the least and the most, evenly by the
logarithm, the best network that costs no more is taken: by the images it got, by what `nas.search.confirm.posterior`
believes of it, by cost alone, or by the truth. The table has the true accuracy of those, in the mean.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks import tables
from benchmarks.intervals import half_width
from nas.search.confirm.posterior import believed_accuracies

Array = NDArray[np.float64]

NETWORKS = 8
SHARED = 0.7
"""Of the variance of how hard an image is for a network: what is the same for all networks."""


def candidates(problem: tables.Problem, rng: np.random.Generator) -> tuple[Array, Array]:
    """True accuracies in 0..1 and costs of `NETWORKS` networks, from cheap to expensive."""
    points = problem.true(problem.space.sample(rng, 400))
    accuracies, costs = points[:, 0] / 100, points[:, 1]
    looks = accuracies + rng.normal(0, accuracies.std() / 2, len(accuracies))
    classes = np.array_split(np.argsort(costs, kind="stable"), NETWORKS)
    best = [members[np.argmax(looks[members])] for members in classes]
    return accuracies[best], costs[best]


def answers(accuracies: Array, images: int, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Which of so many images one training of each network gets, (1, images) each."""
    own = rng.standard_normal((len(accuracies), images))
    hardness = np.sqrt(SHARED) * rng.standard_normal(images) + np.sqrt(1 - SHARED) * own
    return list((hardness < special.ndtri(accuracies)[:, None])[:, None])


def taken(by: Array, accuracies: Array, costs: Array) -> float:
    """The true accuracy in percent, in the mean over costs, of the networks that are best `by` something."""
    found = [np.flatnonzero(costs <= cost) for cost in np.geomspace(costs.min(), costs.max(), 50) * (1 + 1e-9)]
    return 100 * float(np.mean([accuracies[inside[np.argmax(by[inside])]] for inside in found]))


def compared(problem: tables.Problem, images: int, times: int) -> Array:
    """What is taken by what was counted, by what is believed, by cost and by the truth, (times, 4), in percent."""
    rng, found = np.random.default_rng(0), []
    for _ in range(times):
        accuracies, costs = candidates(problem, rng)
        correct = answers(accuracies, images, rng)
        counted = np.array([each.mean() for each in correct])
        believed = believed_accuracies(correct, costs[:, None])
        found.append([taken(by, accuracies, costs) for by in (counted, believed, costs, accuracies)])
    return np.array(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=["macro", "accel"], help="of benchmarks.tables")
    parser.add_argument("--images", nargs="+", type=int, default=[75, 300, 1000, 3000], help="validation images")
    parser.add_argument("--times", type=int, default=200)
    given = parser.parse_args(arguments)
    print("| table | images | counted | believed | cost alone | truth | gain of belief |")
    print("|---|---|---|---|---|---|---|")
    for name in given.problems:
        for images in given.images:
            found = compared(tables.problem(name), images, given.times)
            gains = (found[:, 1] - found[:, 0]).tolist()
            means = " | ".join(f"{mean:.2f}" for mean in found.mean(axis=0))
            print(f"| {name} | {images:,} | {means} | {np.mean(gains):+.2f} ± {half_width(gains):.2f} |", flush=True)


if __name__ == "__main__":
    main()
