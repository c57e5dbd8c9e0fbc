"""Batches: normalised, augmented by a seed, on the device."""

import json
import re
import sys
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.augment import augment, mixup
from nas.data.batches import Batch, ImageData, normalise
from nas.data.images import Images, Split, imbalance
from nas.data.settings import DataSettings
from nas.errors import ConfigError
from tests.helpers.images import assert_one_line, random_images

# --- loaders --------------------------------------------------------------------------------------


def batches_of(loader: Iterable[Batch]) -> Batch:
    pixels, labels = zip(*loader, strict=True)
    return torch.cat(pixels), torch.cat(labels)


def test_training_batches_are_normalised() -> None:
    pixels, _ = batches_of(ImageData(random_images(), batch_size=8).train_dataloader())
    torch.testing.assert_close(pixels.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(pixels.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_an_epoch_holds_every_image_once_and_the_next_in_another_order() -> None:
    images = random_images(train=50)
    plain = Images(images.train, images.train, images.test, images.classes, 3, 32)
    data = ImageData(plain, batch_size=8)
    in_order, _ = batches_of(data.val_dataloader())
    loader = data.train_dataloader()
    assert len(loader) == 7
    first, second = batches_of(loader)[0], batches_of(loader)[0]
    assert not torch.equal(first, second)
    for epoch in (first, second):
        assert sorted(epoch.sum((1, 2, 3)).tolist()) == sorted(in_order.sum((1, 2, 3)).tolist())


@pytest.mark.parametrize(("count", "sizes"), [(48, [16, 16, 16]), (49, [16, 16, 16]), (50, [16, 16, 16, 2]), (9, [9])])
def test_a_last_training_batch_of_one_is_dropped(count: int, sizes: list[int]) -> None:
    data = ImageData(random_images(train=count), batch_size=16)
    assert [len(labels) for _, labels in data.train_dataloader()] == sizes


def test_val_and_test_are_whole_in_order_and_never_augmented() -> None:
    images = random_images()
    still = ImageData(images, batch_size=5, seed=1)
    moving = ImageData(images, batch_size=5, seed=2, flip=True, shift=3)
    for name in ("val", "test"):
        pixels, labels = batches_of(getattr(still, f"{name}_dataloader")())
        again, _ = batches_of(getattr(moving, f"{name}_dataloader")())
        torch.testing.assert_close(pixels, again, atol=0, rtol=0)
        assert labels.tolist() == images.splits[name].labels.tolist()


@pytest.mark.parametrize("limit", [1, 7, 20, 10_000])
def test_a_limit_leaves_every_class_an_image(limit: int) -> None:
    images = random_images(train=60)
    data = ImageData(images, batch_size=8, flip=True)
    pixels, labels = batches_of(data.seen_dataloader(limit))
    assert len(labels) == min(max(limit, len(images.classes)), 60)
    assert set(labels.tolist()) == set(images.train.labels.tolist())
    whole, _ = batches_of(data.seen_dataloader())
    assert set(pixels.sum((1, 2, 3)).tolist()) <= set(whole.sum((1, 2, 3)).tolist())


def test_the_seed_decides_order_and_augmentation_and_nothing_else_does() -> None:
    images = random_images()

    def two_epochs(seed: int) -> torch.Tensor:
        torch.rand(1)  # torch's global generator must not matter
        loader = ImageData(images, batch_size=8, seed=seed, flip=True, shift=2).train_dataloader()
        return torch.cat([batches_of(loader)[0], batches_of(loader)[0]])

    first, again, other = two_epochs(3), two_epochs(3), two_epochs(4)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_loaders_leave_the_global_generator_alone() -> None:
    data = ImageData(random_images(), batch_size=8, flip=True, shift=2)
    state = torch.get_rng_state()
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        batches_of(loader)
    assert torch.equal(state, torch.get_rng_state())


@settings(max_examples=25, deadline=None)
@given(shift=st.integers(0, 3), flip=st.booleans(), seed=st.integers(0, 999))
def test_augmentation_equals_moving_each_image_alone(shift: int, flip: bool, seed: int) -> None:
    batch = torch.rand(6, 2, 5, 5) + 1
    moved = augment(batch, flip, shift, torch.Generator().manual_seed(seed))
    assert moved.shape == batch.shape
    assert moved.is_contiguous()
    for image, got in zip(batch, moved, strict=True):
        padded = [torch.nn.functional.pad(i, (shift,) * 4) for i in ([image, image.flip(-1)] if flip else [image])]
        places = range(2 * shift + 1)
        assert any(torch.equal(got, p[:, y : y + 5, x : x + 5]) for p in padded for y in places for x in places)


def test_augmentation_moves_images_differently() -> None:
    batch = torch.rand(1, 1, 6, 6).expand(500, 1, 6, 6)
    moved = augment(batch, True, 1, torch.Generator().manual_seed(0))
    assert len({image.numpy().tobytes() for image in moved}) == 18  # 3 x 3 places, flipped or not


@pytest.mark.parametrize("resolution", [6, 12, 24])
def test_training_resolution(resolution: int) -> None:
    images = random_images()
    data = ImageData(images, batch_size=8, resolution=resolution, shift=1)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        assert next(iter(loader))[0].shape == (8, 3, resolution, resolution)
    flat = Split(np.full_like(images.val.pixels, 77), images.val.labels)
    data = ImageData(
        Images(images.train, flat, images.test, images.classes, 3, 32), batch_size=8, resolution=resolution
    )
    pixels, _ = batches_of(data.val_dataloader())
    expected = (77 / 255 - torch.tensor(images.mean)) / torch.tensor(images.std)
    torch.testing.assert_close(pixels, expected.view(1, 3, 1, 1).expand_as(pixels))


def test_preprocessing_is_json_and_gives_what_the_network_saw() -> None:
    images = random_images()
    data = ImageData(images, batch_size=11)
    told = json.loads(json.dumps(data.preprocessing()))
    assert told["resolution"] == 12
    assert told["channels"] == 3
    assert told["classes"] == ["a", "b", "c", "d"]
    shape = (1, 3, 1, 1)
    scaled = images.val.pixels * told["scale"]
    expected = (scaled - np.reshape(told["mean"], shape)) / np.reshape(told["std"], shape)
    np.testing.assert_allclose(next(iter(data.val_dataloader()))[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 1}, {"batch_size": 8, "resolution": 0}, {"batch_size": 8, "shift": -1}]
)
def test_wrong_loader_values_are_errors(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="must be") as caught:
        ImageData(random_images(), **wrong)  # type: ignore[arg-type]
    assert_one_line(caught.value)


# --- mixup, RandAugment, devices, imbalance -------------------------------------------------------


def test_mixup_blends_images_and_labels_by_the_same_share() -> None:
    images = random_images()
    _, soft = batches_of(ImageData(images, batch_size=25, seed=4, mixup=0.4).train_dataloader())
    _, labels = batches_of(ImageData(images, batch_size=25, mixup=0.4).val_dataloader())
    assert soft.shape == (50, 4)
    torch.testing.assert_close(soft.sum(1), torch.ones(50))
    assert ((soft > 0).sum(1) == 2).any()
    assert labels.dtype == torch.int64  # validation is never mixed


@given(alpha=st.floats(0.1, 5), seed=st.integers(0, 99))
def test_every_mixed_image_is_on_the_line_between_two(alpha: float, seed: int) -> None:
    batch, labels = torch.rand(7, 2, 3, 3), torch.arange(7)
    mixed, soft = mixup(batch, labels, 7, alpha, torch.Generator().manual_seed(seed))
    torch.testing.assert_close(mixed, torch.einsum("nm,mchw->nchw", soft, batch))  # as the labels say
    shares = {round(share, 4) for share in soft.diagonal().tolist()}
    assert len(shares - {1.0}) <= 1  # one share for the batch; an image paired with itself keeps all


def test_mixup_is_the_same_for_the_same_seed() -> None:
    def epoch(seed: int) -> torch.Tensor:
        torch.rand(1)
        np.random.default_rng()
        return batches_of(ImageData(random_images(), batch_size=8, seed=seed, mixup=1).train_dataloader())[0]

    assert torch.equal(epoch(1), epoch(1))
    assert not torch.equal(epoch(1), epoch(2))


@pytest.mark.parametrize("channels", [1, 3])
def test_randaugment_changes_images_and_repeats(channels: int) -> None:
    pytest.importorskip("kornia", reason="needs the extra augment: pip install 'sepconv-nas[augment]'")
    images = random_images(channels=channels)

    def epoch(seed: int, randaugment: tuple[int, int] | None) -> torch.Tensor:
        torch.rand(1)
        data = ImageData(images, batch_size=10, seed=seed, randaugment=randaugment)
        return batches_of(data.train_dataloader())[0]

    state = torch.get_rng_state()
    first = epoch(1, (2, 9))
    torch.set_rng_state(state)
    torch.rand(1)
    again = epoch(1, (2, 9))
    assert first.shape == (50, channels, 12, 12)
    assert torch.isfinite(first).all()
    assert torch.equal(first, again)
    assert not torch.equal(first, epoch(2, (2, 9)))
    assert not torch.equal(first, epoch(1, (2, 25)))
    low = (0 - torch.tensor(images.mean)) / torch.tensor(images.std)
    high = (1 - torch.tensor(images.mean)) / torch.tensor(images.std)
    assert (first >= low.view(1, -1, 1, 1) - 1e-4).all()
    assert (first <= high.view(1, -1, 1, 1) + 1e-4).all()


def test_randaugment_without_kornia_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kornia.augmentation.auto", None)
    with pytest.raises(ConfigError, match=r"pip install 'sepconv-nas\[augment\]'$") as caught:
        ImageData(random_images(), batch_size=8, randaugment=(2, 9))
    assert_one_line(caught.value)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=re.escape(str(caught.value))):  # and before anything is decoded
        DataSettings(randaugment=(2, 9))


def test_batches_come_on_the_device_and_are_those_of_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    images = random_images()

    def epoch(device: str) -> Batch:
        data = ImageData(images, batch_size=8, resolution=9, flip=True, shift=2, mixup=0.4, device=device)
        return batches_of(data.train_dataloader())

    for cpu, gpu in zip(epoch("cpu"), epoch("cuda"), strict=True):
        assert gpu.is_cuda
        torch.testing.assert_close(gpu.cpu(), cpu, atol=1e-5, rtol=1e-5)


def test_the_work_happens_on_the_device() -> None:
    """The meta device holds no values, so that anything left on the CPU would not mix with it."""
    pixels = torch.empty(6, 3, 12, 12, dtype=torch.uint8, device="meta")
    scaled = normalise(pixels, (0.5,) * 3, (0.2,) * 3)
    moved = augment(scaled, True, 2, torch.Generator().manual_seed(0))
    assert (scaled.device.type, moved.device.type) == ("meta", "meta")
    assert moved.shape == (6, 3, 12, 12)


def test_unbalanced_classes_are_reported_in_one_line() -> None:
    assert imbalance({"cat": 299, "dog": 100, "emu": 150}) is None
    assert imbalance({"cat": 300, "dog": 100, "emu": 200}) == (
        "unbalanced classes: 300 training images of 'cat' and 100 of 'dog'; "
        "always answering 'cat' is correct for 50% of them"
    )
