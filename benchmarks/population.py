"""Architectures a second: `nas.costs` on arrays, one network at a time, and fvcore counting built modules.

    python -m benchmarks.population

Space `separable`, profile `pixel4`, seed 0: MACs, params, bytes, peak and milliseconds of 1,000,000
genotypes at once (best and median of 5, tables filled before), of 500 one by one (`cost` and `latency`,
decoding included), and MACs and params of 5 built modules by fvcore (building not included). Times are
CPU seconds, summed over threads, so that neither a busy neighbour nor a second core helps or hurts.
Needs fvcore, an extra of the tests.
"""

import logging
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

import nas

with warnings.catch_warnings():  # fvcore scripts a loss when it is imported
    warnings.simplefilter("ignore", DeprecationWarning)
    from fvcore.nn import FlopCountAnalysis, parameter_count

MANY, SOME, FEW, REPEATS = 1_000_000, 500, 5, 5


def seconds(call: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    space, profile, rng = nas.load_space("separable"), nas.load_profile("pixel4"), np.random.default_rng(0)
    nas.latency(space.architecture(space.sample(rng, 1)[0]), profile)  # fits the predictor
    filling = seconds(lambda: nas.costs(space, space.sample(rng, 1), profile))
    rows = space.sample(rng, MANY)
    runs = [seconds(lambda: nas.costs(space, rows, profile)) / MANY for _ in range(REPEATS)]
    array = statistics.median(runs)

    def one_by_one() -> None:
        for row in rows[:SOME]:
            arch = space.architecture(row)
            nas.cost(arch, profile.precision)
            nas.latency(arch, profile)

    scalar = seconds(one_by_one) / SOME
    nets = [(arch, nas.nets.build(arch).eval()) for arch in map(space.architecture, rows[:FEW])]

    def counting() -> None:
        for arch, net in nets:
            images = torch.zeros(1, arch.in_channels, arch.resolution, arch.resolution)
            FlopCountAnalysis(net, images).unsupported_ops_warnings(False).total()
            parameter_count(net)

    fvcore = seconds(counting) / FEW
    print(f"{space.name}, {profile.label}, numpy {np.__version__}, torch {torch.__version__}, CPU time")
    print(f"first call, which fills the tables: {filling:.2f} s")
    print(f"nas.costs      n={MANY:<9,} {1 / array:>12,.0f} architectures/s, best of {REPEATS}: {1 / min(runs):,.0f}")
    for name, n, each in (("cost, latency", SOME, scalar), ("fvcore", FEW, fvcore)):
        print(f"{name:<14} n={n:<9,} {1 / each:>12,.0f} architectures/s; nas.costs: {each / array:,.0f} times as many")


if __name__ == "__main__":
    main()
