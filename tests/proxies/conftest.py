"""What several tests of scores need."""

from dataclasses import replace

import pytest

from nas.data.views import ImageView, TrainingResolution
from nas.proxies.scores import SCORES
from nas.proxies.scores.evaluate import TrainingFree


@pytest.fixture
def every_score(pictures: ImageView) -> TrainingFree:
    """All scores, of 16 digits of 16 pixels."""
    flipped = replace(pictures, flip=True)
    return TrainingFree(flipped, tuple(SCORES), TrainingResolution(16, 16), seed=0, images=16)
