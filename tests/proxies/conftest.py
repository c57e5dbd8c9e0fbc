"""What several tests of scores need."""

import pytest

from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView, TrainingResolution
from nas.proxies.scores import SCORES
from nas.proxies.scores.evaluate import TrainingFree


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> ImageView:
    """Digits at 16 pixels, one channel."""
    folder = tmp_path_factory.mktemp("digits") / "images"
    prepare(DataSettings("digits", limit=120, val_fraction=0.2, test_fraction=0.2), 0, 16, folder)
    return ImageView(folder, flip=True, shift=1)


@pytest.fixture
def every_score(digits: ImageView) -> TrainingFree:
    """All scores, of 16 images."""
    return TrainingFree(digits, tuple(SCORES), TrainingResolution(16, 16), seed=0, images=16)
