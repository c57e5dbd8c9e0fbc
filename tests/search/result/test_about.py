"""nas.search.result.about: what front.json says of the data, whatever its classes are called."""

import numpy as np

from nas.data.batches import ImageData
from nas.data.images import Images, Split
from nas.search.result.about import data_facts
from tests.whole.test_run_folder import settings_of


def test_classes_that_are_not_utf8_are_told_as_text_and_stay_apart() -> None:
    split = Split(np.zeros((4, 3, 8, 8), dtype=np.uint8), np.array([0, 1, 1, 2]))
    images = Images(split, split, split, ("caf\udce9", "caf\udce8", "日本"), 3, 8)
    found = data_facts(settings_of("data=imagefolder", "data.path=x"), images)
    assert found.classes == (r"caf\xe9", r"caf\xe8", "日本")
    assert found.counts["val"] == {r"caf\xe9": 1, r"caf\xe8": 2, "日本": 1}
    assert ImageData(images, batch_size=2).preprocessing()["classes"] == list(found.classes)
