"""What the devices of the shelf have in common: how the costs of FEATURES stand to each other, of `known_devices.csv`.

A row for each configuration of the shelf: milliseconds per million of each feature, fitted from that configuration
alone, scaled so that MobileNetV2 takes REFERENCE_MS. `python -m tools.shelf` makes the table from the profiles.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from nas.latency.features import EXPECTED_MS, FEATURES, network_features
from nas.latency.profile_tables import read_number, read_table
from nas.resources import data_dir
from nas.spaces.baselines import baseline

COLUMNS = ("device", "configuration", "precision", *FEATURES)
REFERENCE_MS = 10.0  # of MobileNetV2, for each row: only the ratios matter
SHARED = 0.1  # of the mean over devices that is added to each, so that none has a cost of nothing

Array = NDArray[np.float64]


def expected_costs(precision: str, *without: str) -> Array:
    """Costs of FEATURES by device, shape (devices + 1, len(FEATURES)): the last row is EXPECTED_MS.

    Devices are left out by what profile.yaml calls them. A precision that no device was measured with has fp32's.
    """
    general, known = np.array(EXPECTED_MS[precision]), known_costs()
    rows = [costs for device, costs in known.get(precision, known["fp32"]) if device not in without]
    found = np.array(rows) * (general > 0)
    return np.vstack([found + SHARED * found.mean(axis=0), scaled(general)])


def scaled(costs: Array) -> Array:
    """`costs` in such a unit that MobileNetV2 takes REFERENCE_MS."""
    return np.asarray(REFERENCE_MS * costs / (network_features(baseline("mobilenet_v2")) @ costs))


@cache
def known_costs() -> dict[str, list[tuple[str, Array]]]:
    """(device, costs) by precision."""
    found: dict[str, list[tuple[str, Array]]] = {}
    for where, row in read_table(data_dir("hardware_profiles") / "known_devices.csv", COLUMNS):
        costs = np.array([read_number(where, row, feature) for feature in FEATURES])
        found.setdefault(row["precision"], []).append((row["device"], costs))
    return found
