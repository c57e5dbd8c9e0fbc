"""What tests of several parts of a search need."""

from pathlib import Path

import pytest

from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace

# 16 genotypes of 12 networks: without the second block its kernel has no effect.
TWELVE = """
resolution: 16
downsample: 2
stages:
  - {op: mbconv, kernel: [3, 5], expansion: 2, out_channels: [8, 16], depth: [1, 2], stride: 2, per_block: [kernel]}
"""


@pytest.fixture
def twelve(tmp_path: Path) -> SearchSpace:
    path = tmp_path / "twelve.yaml"
    path.write_text(TWELVE)
    return load_space(path).with_data(1, 10)
