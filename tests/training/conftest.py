"""What several tests of trainings need."""

from pathlib import Path

import pytest
import yaml

from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from tests.helpers.trainings import PIXELS


@pytest.fixture
def few(tmp_path: Path) -> ImageView:
    """120 digits, for trainings whose result does not matter."""
    folder = tmp_path / "few"
    prepare(DataSettings("digits", limit=120, val_fraction=0.2, test_fraction=0.2), 0, PIXELS, folder)
    return ImageView(folder, flip=False, shift=1)


OPTIONS = {
    "resolution": [16, 32],
    "width": [0.5, 1.0],
    "downsample": 4,
    "classes": 7,
    "stem": {"op": "conv", "kernel": [1, 3], "out_channels": [8, 16], "activation": ["relu", "elu"]},
    "stages": [
        {
            **{"op": ["sep", "mbconv"], "kernel": [3, 5, 7], "expansion": [1, 2, 4], "out_channels": [16, 20]},
            **{"activation": ["relu6", "hswish"], "norm_between": [True, False], "se": [0, 0.25, 0.5]},
            **{"depth": [1, 2, 3], "stride": [1, 2, 4], "per_block": ["op", "kernel", "expansion", "se"]},
        },
        {"op": "mbconv", "kernel": 3, "expansion": 2, "out_channels": [16, 24], "depth": [0, 1, 2]},
        {
            "blocks": ["identity", {"op": "sep", "kernel": 5, "se": 0.5}, {"op": "conv", "kernel": 3}],
            **{"out_channels": [24, 32], "depth": 2, "stride": [1, 2]},
        },
    ],
    "head": {"op": "conv", "kernel": 1, "out_channels": 64, "depth": [0, 1], "scaled": False},
}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> SearchSpace:
    """A space with every option a block has."""
    file = tmp_path_factory.mktemp("space") / "options.yaml"
    file.write_text(yaml.safe_dump(OPTIONS))
    return load_space(str(file))
