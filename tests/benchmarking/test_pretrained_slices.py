"""The benchmark of pretrained slices: which networks it takes, and what it says of their accuracies."""

import numpy as np
import pytest

from benchmarks.pretrained_slices import networks, summary
from nas.spaces.cost import cost
from nas.spaces.load import load_space


@pytest.mark.parametrize(("pixels", "count"), [(96, 8), (64, 3)])
def test_networks_are_distinct_and_spread_over_the_logarithm_of_macs(pixels: int, count: int) -> None:
    space = load_space("lite").with_data(3, 10)
    found = networks(space, pixels, count, seed=0)
    assert found == networks(space, pixels, count, seed=0) != networks(space, pixels, count, seed=1)
    assert len(set(found)) == count
    assert {arch.resolution for arch in found} == {pixels}
    steps = np.diff(np.log([cost(arch).macs for arch in found]))
    assert (steps > 0).all()
    assert steps.max() < 2.5 * steps.mean()
    assert all(space.contains(arch) for arch in found)


def row(probe: float, pretrained: float, random: float | None) -> dict[str, float]:
    rest = {} if random is None else {"random": random}
    return {"macs": 1e6 * probe, "probe": probe, "probe_worth": 1 - probe, "pretrained": pretrained, **rest}


def test_the_summary_tells_the_gain_and_how_the_probe_ranks() -> None:
    gain, worth, probe, macs = summary([row(0.1, 0.5, 0.3), row(0.2, 0.6, 0.3), row(0.3, 0.9, 0.5)])
    assert gain == "pretrained over random weights: +30.0 ± 24.8 points in the mean of 3 networks, +20.0 to +40.0"
    assert worth == "Kendall's tau of probe_worth with the fine-tuned accuracy: -1.00, 3 networks"
    assert probe.endswith("accuracy: 1.00, 3 networks")
    assert macs.endswith("accuracy: 1.00, 3 networks")
    assert len(summary([row(0.1, 0.5, None), row(0.2, 0.6, None)])) == 3
