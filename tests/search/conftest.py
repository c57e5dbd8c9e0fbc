"""What tests of several parts of a search need."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from tests.helpers.executors import add_ray_node

# 16 genotypes of 12 networks: without the second block its kernel has no effect.
TWELVE = """
resolution: 16
downsample: 2
stages:
  - {op: mbconv, kernel: [3, 5], expansion: 2, out_channels: [8, 16], depth: [1, 2], stride: 2, per_block: [kernel]}
"""


PATIENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_agent_register_timeout_ms": "600000",
    "RAY_worker_register_timeout_seconds": "600",
    "OMP_NUM_THREADS": "2",
}
"""Of Ray's nodes: on the loopback, not given up where the machine is busy, and with more threads than workers take."""


@pytest.fixture
def twelve(tmp_path: Path) -> SearchSpace:
    path = tmp_path / "twelve.yaml"
    path.write_text(TWELVE)
    return load_space(path).with_data(1, 10)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """A Ray cluster of one node with two CPUs on the loopback, with as little beside it as Ray can do with."""
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in PATIENT.items():
            patch.setenv(name, value)
        patch.setattr(ray._private.ray_constants, "ENABLE_RAY_CLUSTER", False)
        patch.setattr(ray._private.utils, "get_dashboard_dependency_error", lambda: ImportError("left out"))
        made = Cluster()
        add_ray_node(made, num_cpus=2, include_dashboard=False, include_log_monitor=False, no_monitor=True)
        yield made
        made.shutdown()
