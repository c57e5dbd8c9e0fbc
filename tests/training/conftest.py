"""What several tests of trainings need."""

from pathlib import Path

import pytest

from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView
from tests.helpers.trainings import PIXELS


@pytest.fixture
def few(tmp_path: Path) -> ImageView:
    """120 digits, for trainings whose result does not matter."""
    folder = tmp_path / "few"
    prepare(DataSettings("digits", limit=120, val_fraction=0.2, test_fraction=0.2), 0, PIXELS, folder)
    return ImageView(folder, flip=False, shift=1)
