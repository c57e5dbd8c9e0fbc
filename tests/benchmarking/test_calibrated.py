"""Scores put right by a few trained networks: what they learn, what they leave, what is refused."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from benchmarks.calibrated import calibrated
from nas.proxies.scores.evaluate import combine


def population(size: int = 200) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """ScoreValues of which the first misleads, and accuracies that the second tells."""
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=size) for name in ("misleads", "tells", "noise")}
    return table, 90 + 2 * table["tells"] - table["misleads"]


def test_trained_networks_put_the_combination_right() -> None:
    table, accuracies = population()
    taus = []
    for count in (0, 10, 40):
        trained = np.arange(count)
        found = calibrated(table, ("misleads", "tells"), trained, accuracies[:count])
        taus.append(kendalltau(found[40:], accuracies[40:]).statistic)
    assert taus[0] < 0.6
    assert min(taus[1:]) > 0.85


def test_from_nothing_to_learn_it_is_the_combination() -> None:
    table, _ = population()
    plain = combine({name: table[name] for name in ("misleads", "tells")})
    for trained, accuracies in (((), ()), ((4, 9), (90.0, 93.0)), ((1, 2, 3, 4), (91.0,) * 4)):
        found = calibrated(table, ("misleads", "tells"), trained, accuracies)
        assert (np.argsort(found) == np.argsort(plain)).all()


def test_calibration_does_not_depend_on_units() -> None:
    table, accuracies = population()
    trained = np.arange(12)
    found = calibrated(table, ("tells",), trained, accuracies[trained])
    scaled = {name: 5 * column - 3 for name, column in table.items()}
    assert calibrated(scaled, ("tells",), trained, accuracies[trained] / 100 - 1) == pytest.approx(found)


@pytest.mark.parametrize(("trained", "accuracies"), [((1, 2, 3), (1.0, 2.0)), ((1, 2, 3), (1.0, math.nan, 2.0))])
def test_what_cannot_calibrate(trained: tuple[int, ...], accuracies: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="one finite accuracy for each trained network"):
        calibrated(population()[0], ("tells",), trained, accuracies)
