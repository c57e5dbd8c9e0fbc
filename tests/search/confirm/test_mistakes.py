"""The images that a network gets wrong most surely."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from nas.data.images import Images, Split
from nas.data.survey.row import SIDE
from nas.exports.files import Reference
from nas.search.confirm.mistakes import MOST, by_class, surest_mistakes

CLASSES = ("a", "b", "c")


def images(count: int, pixels: int, channels: int) -> Images:
    rng = np.random.default_rng(0)
    made = rng.integers(0, 256, (count, channels, 1, 1), np.uint8).repeat(pixels, 2).repeat(pixels, 3)
    split = Split(made, rng.integers(0, 3, count))
    return Images(split, split, split, CLASSES, channels, pixels)


def reference(found: Images, logits: np.ndarray) -> Reference:
    return Reference(lambda: [], found.test.labels, [logits[:7], logits[7:]])


def test_the_surest_come_first_with_their_probability() -> None:
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(0, 3, (200, 5)).astype(np.float32), rng.integers(0, 5, 200)
    found = surest_mistakes(logits, labels)
    sure = softmax(logits.astype(float), axis=1).max(1)
    wrong = [index for index in np.argsort(-sure) if logits[index].argmax() != labels[index]][:MOST]
    assert [each.image for each in found] == wrong
    for each in found:
        assert (each.true, each.found) == (labels[each.image], logits[each.image].argmax())
        assert each.sure == pytest.approx(sure[each.image], abs=1e-4)
    assert surest_mistakes(np.array([[800.0, -800.0]]), np.array([1]))[0].sure == 1.0


@pytest.mark.parametrize(("pixels", "channels"), [(8, 1), (32, 3), (96, 3)])
def test_the_picture_holds_them_in_their_order(pixels: int, channels: int, tmp_path: Path) -> None:
    data = images(20, pixels, channels)
    found = by_class(tmp_path / "key.onnx", reference(data, np.eye(3)[(data.test.labels + 1) % 3] * 5), data)
    assert found.right == (0, 0, 0)
    assert found.picture == f"{tmp_path.name}/key.mistakes.jpg"
    content = (tmp_path / "key.mistakes.jpg").read_bytes()
    assert len(content) < 60_000
    with Image.open(io.BytesIO(content)) as sheet:
        assert sheet.size == (SIDE * MOST, SIDE)
        shown = np.asarray(sheet.convert("RGB"))
    for index, each in enumerate(found.mistakes):
        square = shown[:, SIDE * index : SIDE * (index + 1)].reshape(-1, 3)
        true = np.broadcast_to(data.test.pixels[each.image, :, 0, 0], 3)
        assert np.abs(square - true.astype(int)).max() <= 8


def test_without_a_mistake_there_is_no_picture(tmp_path: Path) -> None:
    data = images(10, 8, 1)
    old = tmp_path / "key.mistakes.jpg"
    old.write_bytes(b"of an earlier export")
    found = by_class(tmp_path / "key.onnx", reference(data, np.eye(3)[data.test.labels]), data)
    assert (found.mistakes, found.picture, old.exists()) == ((), None, False)
    assert sum(found.right) == 10
