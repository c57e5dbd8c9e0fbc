"""Long trainings and what they say: on validation images alone until the end, and files that hold what was judged."""

import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import torch

from nas.data import views
from nas.data.batches import normalise
from nas.data.saved import open_saved
from nas.data.views import ImageView, TrainingResolution
from nas.exports import base
from nas.nets.build import build
from nas.nets.conventions import PLAIN
from nas.nets.safetensors_file import read_safetensors
from nas.results.member import ModelFile
from nas.search.confirm.export import Export, calibration_images
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.training.long import LongTraining, bits, hexadecimal
from nas.training.metrics import wilson
from nas.training.recipe import Recipe
from tests.helpers.sessions import opened

SPACE = load_space("tiny").with_data(1, 10)
SMALL = SPACE.architecture([0] * len(SPACE.variables))
pytestmark = pytest.mark.usefixtures("one_thread")

PIXELS = 16


@pytest.fixture
def training(pictures: ImageView, tmp_path: Path) -> LongTraining:
    return LongTraining(pictures, Recipe(2, 16, 0.2), TrainingResolution(PIXELS, 32), tmp_path / "weights")


class Sealed:
    """A split nobody may look at."""

    def __len__(self) -> int:
        return 10

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a sealed split was asked for its {name}")


def seal(monkeypatch: pytest.MonkeyPatch, pictures: ImageView, *names: str) -> None:
    images = replace(open_saved(pictures.folder))
    for name in names:
        object.__setattr__(images, name, Sealed())
    monkeypatch.setattr(views, "_opened", lambda *_: images)


# --- one training ---------------------------------------------------------------------------------


def test_a_training_never_sees_the_test_split(training: LongTraining, monkeypatch: pytest.MonkeyPatch) -> None:
    seal(monkeypatch, training.pictures, "test")
    trained = training(SMALL, 3)
    correct = bits(trained.correct, trained.images)
    assert (trained.seed, trained.images, trained.resolution) == (3, 140, PIXELS)
    assert trained.val == correct.mean() > 0.4
    with pytest.raises(AssertionError, match="a sealed split"):
        training.test(SMALL, 3)


def test_weights_are_kept_and_made_again_when_gone(training: LongTraining) -> None:
    training(SMALL, 3)
    (path,) = training.folder.iterdir()
    first = training.test(SMALL, 3)
    path.unlink()
    assert training.test(SMALL, 3) == first
    assert list(training.folder.iterdir()) == [path]
    other = replace(training, recipe=replace(training.recipe, epochs=1))
    assert other.digest(SMALL) != training.digest(SMALL)
    other(SMALL, 3)
    assert len(list(training.folder.iterdir())) == 2  # another recipe does not write over these
    assert training.test(SMALL, 3) == first


class Zeros:
    """Where every weight starts from zero."""

    conventions = PLAIN

    def of(self, arch: Architecture) -> Self:
        return self

    def __call__(self, arch: Architecture) -> dict[str, torch.Tensor]:
        return {name: torch.zeros_like(tensor) for name, tensor in build(arch).state_dict().items()}

    identity = ("zeros",)


def test_a_training_may_start_from_given_weights(training: LongTraining) -> None:
    started = replace(training, start=Zeros())
    assert started.digest(SMALL) != training.digest(SMALL)
    started(SMALL, 0)
    first = next(iter(started.net(SMALL, 0).parameters()))
    assert not first.any()  # every path is zero, so that no gradient reaches the first convolution


@pytest.mark.parametrize("count", [1, 7, 8, 140])
def test_flags_as_text(count: int) -> None:
    flags = np.random.default_rng(count).random(count) < 0.5
    assert (bits(hexadecimal(flags), count) == flags).all()


# --- files ----------------------------------------------------------------------------------------


def run(path: Path, images: np.ndarray) -> np.ndarray:
    return np.asarray(opened(path).run(None, {"images": images})[0])


def test_a_confirmed_network_is_files_that_explain_themselves(training: LongTraining, tmp_path: Path) -> None:
    training = replace(training, recipe=Recipe(4, 16, 0.2))
    models = tmp_path / "models"
    models.mkdir()
    export = Export(training, models, calibration=64)
    trained, tested = training(SMALL, 7), training.test(SMALL, 7)
    given = {"latency_ms": {"value": 1.5, "low": 1.4, "high": 1.6}, "macs": "12345"}
    found = export(SMALL, 7, given)
    fp32, int8 = found.files
    assert (fp32.path, int8.path) == (f"models/{SMALL.key}.onnx", f"models/{SMALL.key}.int8.onnx")
    assert found.weights == f"models/{SMALL.key}.safetensors"
    assert fp32.by_class
    picture = f"models/{SMALL.key}.mistakes.jpg"
    assert fp32.by_class.picture == picture
    assert {f"models/{path.name}" for path in models.iterdir()} == {fp32.path, int8.path, found.weights, picture}
    state, beside = read_safetensors(tmp_path / found.weights)
    net = build(SMALL)
    net.load_state_dict(state)
    assert (beside["key"], beside["eps"], beside["padding"], beside["seed"]) == (SMALL.key, "1e-05", "symmetric", "7")
    assert [(file.format, file.precision, file.error) for file in found.files] == [
        ("onnx", "fp32", None),
        ("onnx", "int8", None),
    ]
    assert fp32.accuracy is not None
    assert int8.accuracy is not None
    assert fp32.accuracy.value == fp32.accuracy.fp32 == int8.accuracy.fp32
    assert fp32.accuracy.value == pytest.approx(tested.accuracy, abs=1.01 / 140)
    assert abs(int8.accuracy.value - tested.accuracy) < 0.04
    assert tested.accuracy > 0.6  # so that the figure is not that of a network which learnt nothing

    test = open_saved(training.pictures.folder).test
    for file in found.files:
        assert file.path is not None
        assert file.accuracy is not None
        path, share = tmp_path / file.path, file.accuracy.value
        session = opened(path)
        metadata = session.get_modelmeta().custom_metadata_map
        said = json.loads(metadata["accuracy"])
        assert said == {"value": share, "split": "test", "seed": 7, "resolution": PIXELS}
        assert metadata["precision"] == ("int8" if "int8" in path.name else "fp32")
        sized = replace(SMALL, resolution=PIXELS)
        assert (metadata["key"], metadata["notation"], metadata["macs"]) == (SMALL.key, sized.notation, "12345")
        assert (file.resolution, file.macs) == (PIXELS, cost(sized).macs)
        assert file.torch is not None
        assert file.torch.images == 140
        assert file.torch.top_class >= (0.999 if file.precision == "fp32" else 0.98)
        assert json.loads(metadata["latency_ms"]) == given["latency_ms"]
        assert json.loads(metadata["classes"]) == [str(digit) for digit in range(10)]
        steps = json.loads(metadata["preprocessing"])
        assert (steps["resolution"], steps["channels"], steps["colour"]) == (PIXELS, 1, "grey")
        mean, std = (np.array(steps[name], dtype=np.float32)[:, None, None] for name in ("mean", "std"))
        images = ((np.asarray(test.pixels) * np.float32(steps["scale"]) - mean) / std).astype(np.float32)
        assert float((run(path, images).argmax(1) == test.labels).mean()) == pytest.approx(share, abs=1.01 / 140)
        assert run(path, np.zeros((5, 1, PIXELS, PIXELS), np.float32)).shape == (5, 10)
        assert {"exif", "alpha", "interpolation", "decoded_at"} <= steps.keys()
        assert file.bytes == path.stat().st_size
        assert (file.accuracy.low, file.accuracy.high) == wilson(share, 140)

    assert int8.by_class is None
    assert sum(fp32.by_class.right) == pytest.approx(140 * fp32.accuracy.value, abs=1.01)
    wrong = [(each.image, each.true, each.found) for each in fp32.by_class.mistakes]
    logits = run(tmp_path / fp32.path, ((np.asarray(test.pixels) / np.float32(255) - mean) / std).astype(np.float32))
    assert wrong
    for image, true, taken in wrong:
        assert (test.labels[image], logits[image].argmax()) == (true, taken)

    assert export.is_whole(found)
    (tmp_path / picture).unlink()
    assert not export.is_whole(found)
    (tmp_path / int8.path).write_bytes(b"another")
    assert not export.is_whole(found)
    assert trained.val > 0.6


def test_a_network_that_cannot_be_quantised_keeps_its_fp32_file(
    training: LongTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise ValueError("no ranges\nat all")

    monkeypatch.setattr(base, "hold", broken)
    training = replace(training, recipe=Recipe(1, 16, 0.2))
    found = Export(training, tmp_path, calibration=16)(SMALL, 1, {})
    fp32, int8 = found.files
    assert int8 == ModelFile("onnx", "int8", None, None, error="ValueError: no ranges at all")
    assert (tmp_path.parent / str(fp32.path)).is_file()
    assert fp32.by_class
    assert list(found.digests) == [found.weights, fp32.path, fp32.by_class.picture]


def test_a_file_that_found_no_room_is_written_by_the_next_run(
    training: LongTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    training, models = replace(training, recipe=Recipe(1, 16, 0.2)), tmp_path / "models"
    models.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(base, "hold", full)
        found = Export(training, models, calibration=16)(SMALL, 1, {})
    assert [file.path is not None for file in found.files] == [True, False]
    assert not Export(training, models, calibration=16).is_whole(found)


def test_a_library_that_does_not_notice_a_full_disk(
    training: LongTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def truncated(*arguments: object) -> None:
        monkeypatch.setattr(tempfile, "TemporaryFile", full)
        raise ValueError("Wire format was corrupt")

    def full(dir: Path) -> io.BytesIO:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(base, "hold", truncated)
    training, models = replace(training, recipe=Recipe(1, 16, 0.2)), tmp_path / "models"
    models.mkdir()
    found = Export(training, models, calibration=16)(SMALL, 1, {})
    assert found.again
    assert found.files[1].error == "OSError: [Errno 28] No space left on device"


def test_int8_is_calibrated_on_training_images_as_they_are(
    training: LongTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(monkeypatch, training.pictures, "test", "val")
    images = calibration_images(training.data(SMALL, 5), 50)
    assert images.shape == (50, 1, PIXELS, PIXELS)
    assert images.dtype == np.float32
    train = open_saved(training.pictures.folder).train
    every = {image.tobytes() for image in ImagesAsSeen(training.pictures)(train.pixels)}
    assert all(image.tobytes() in every for image in images)  # neither shifted nor flipped


class ImagesAsSeen:
    """Pixels as a network sees them."""

    def __init__(self, pictures: ImageView) -> None:
        self._images = pictures.images

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        return normalise(torch.from_numpy(np.array(pixels)), self._images.mean, self._images.std).numpy()
