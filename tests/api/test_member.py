"""A trained member in the hand: its module, its preprocessing, one forward pass of a raw photograph."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

import nas
from nas.data.saved import open_saved
from nas.errors import DataError, RunError
from nas.resources import replace_file
from tests.helpers.finished import CLASSES, PIXELS, finished_run
from tests.helpers.refusal import refusal


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> nas.Member:
    """The only one of a run whose images are of one colour each, which it learns."""
    folder = tmp_path_factory.mktemp("run")
    finished_run(folder)
    return nas.open_run(folder).front[0]


def test_the_module_is_that_of_the_files(member: nas.Member) -> None:
    images = torch.randn(5, 3, PIXELS, PIXELS)
    module = member.load()
    assert not module.training
    with torch.no_grad():
        logits = module(images).numpy()
    session = onnxruntime.InferenceSession(member.onnx, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    assert np.abs(found - logits).max() < 1e-4


def test_a_photograph_of_each_class_is_recognised_in_one_line(member: nas.Member, tmp_path: Path) -> None:
    assert member.classes == CLASSES
    test = open_saved(member.folder / "images" / str(PIXELS)).test
    for pixels, label in list(zip(test.pixels, test.labels, strict=True))[:6]:
        array = np.ascontiguousarray(pixels.transpose(1, 2, 0))
        path = tmp_path / "raw.png"
        Image.fromarray(array).resize((100, 80)).save(path)  # of any size
        found = member.predict(path)
        assert found.label == CLASSES[label]
        assert found.probability == max(found.probabilities.values()) > 0.5
        assert sum(found.probabilities.values()) == pytest.approx(1)
        assert tuple(found.probabilities) == CLASSES
        assert member.predict(array).label == member.predict(Image.fromarray(array)).label == found.label
    assert "probabilities" not in repr(found)


def test_logits_of_predict_are_those_of_load_and_preprocess(member: nas.Member) -> None:
    array = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    with torch.no_grad():
        logits = member.load()(member.preprocess(array))
    probabilities = member.predict(array).probabilities
    assert list(probabilities.values()) == pytest.approx(logits.softmax(1)[0].tolist(), abs=1e-6)


def test_what_is_no_image_is_refused(member: nas.Member, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    assert "there is no image" in refusal(DataError, member.predict, tmp_path / "none.jpg")
    assert refusal(DataError, member.predict, str(tmp_path / "broken.jpg")).startswith("cannot read the image ")
    told = (
        "an image is a path, an image of Pillow, or uint8 pixels H x W or H x W x 3, got ndarray of uint8 (3, 8, 8, 8)"
    )
    assert refusal(DataError, member.predict, np.zeros((3, 8, 8, 8), np.uint8)) == told


def test_weights_that_are_gone_or_of_another_network_are_refused(member: nas.Member) -> None:
    weights = member.folder / str(member.result.weights)
    content = weights.read_bytes()
    try:
        replace_file(weights, content[:40])
        assert "is no file of weights" in refusal(RunError, member.load)
        weights.unlink()
        assert "cannot be read" in refusal(RunError, member.load)
        assert "cannot be read" in refusal(RunError, member.predict, np.zeros((8, 8, 3), np.uint8))
    finally:
        replace_file(weights, content)
