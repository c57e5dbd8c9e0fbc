"""Crops, flips, colour and erasing: what they do to a batch, by a seed, and to nothing else."""

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.data.augment import Flips, augment, colour, crop, cutmix, erase
from nas.data.batches import ImageData, normalise, resize
from tests.data.test_batches import batches_of
from tests.helpers.images import random_images

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ramp(count: int, size: int) -> Tensor:
    """Images whose first channel is the column's place, 0 to 1, and whose second is the row's."""
    line = (torch.arange(size) + 0.5) / size
    return torch.stack([line.expand(size, size), line[:, None].expand(size, size)]).expand(count, -1, -1, -1)


@pytest.mark.parametrize("pixels", [8, 16, 24])
@pytest.mark.parametrize("smallest", [0.1, 0.5])
def test_crops_are_rectangles_of_the_stated_areas_and_ratios(smallest: float, pixels: int) -> None:
    got = crop(ramp(2000, 16), smallest, pixels, seeded())
    assert got.shape == (2000, 2, pixels, pixels)
    inside = slice(pixels // 4, pixels - pixels // 4)  # no border is near
    steps = [got[:, 0, 0, inside].diff(dim=1).mean(1), got[:, 1, inside, 0].diff(dim=1).mean(1)]
    width, height = (step * pixels for step in steps)
    area, ratio = width * height, width / height
    assert area.min() > 0.7 * smallest
    assert area.max() < 1.01
    assert ratio.min() > 0.74
    assert ratio.max() < 1.35
    assert abs(ratio.log().mean()) < 0.01  # neither wide nor high
    assert abs(area.mean() - (1 + smallest) / 2) < 0.05
    for axis in (0, 1):  # anywhere
        middle = got[:, axis].mean((1, 2))
        assert abs(middle.mean() - 0.5) < 0.01
        assert middle.std() > 0.02


@pytest.mark.parametrize(("stored", "pixels"), [(16, 16), (16, 8), (12, 18), (64, 8)])
def test_the_largest_crop_is_the_resized_image(stored: int, pixels: int) -> None:
    smooth = resize(torch.randn(64, 3, 4, 4, generator=seeded()), stored)
    got = crop(smooth, 0.999, pixels, seeded(1))
    nearest = (got - F.interpolate(smooth, (pixels, pixels), mode="bilinear")).abs().mean((1, 2, 3)).min()
    assert nearest < 0.05


def test_flips_take_turns() -> None:
    flips = Flips(1000, seeded())
    first = flips(list(range(1000)))
    assert 430 < first.sum() < 570
    order = torch.randperm(1000, generator=seeded()).tolist()
    assert torch.equal(flips(order), ~first[order])
    assert torch.equal(flips(order[:10]), first[order[:10]])


def test_alternating_flips_show_each_image_both_ways_in_two_epochs() -> None:
    images = random_images(train=40)
    data = ImageData(images, batch_size=8, flip="alternating", seed=3)
    loader = data.train_dataloader()
    epochs = [batches_of(loader)[0] for _ in range(4)]
    assert torch.equal(batches_of(data.train_dataloader())[0], epochs[0])
    still = normalise(torch.from_numpy(images.train.pixels), images.mean, images.std)
    shown = [
        {
            (n, side)
            for n, image in enumerate(still)
            for side, form in enumerate((image, image.flip(-1)))
            if any(torch.equal(form, each) for each in epoch)
        }
        for epoch in epochs
    ]
    both = {(n, side) for n in range(40) for side in (0, 1)}
    for one, two in pairwise(shown):
        assert len(one) == 40
        assert one | two == both


def test_a_flag_for_each_image_says_which_are_flipped() -> None:
    batch = torch.rand(3, 2, 4, 4)
    got = augment(batch, torch.tensor([True, False, True]), 0, seeded())
    assert torch.equal(got, torch.stack([batch[0].flip(-1), batch[1], batch[2].flip(-1)]))


def by_hand(pixels: Tensor, bright: float, contrast: float, saturation: float) -> Tensor:
    """One image of 0..1, changed in three steps, in brightness first."""
    weights = torch.tensor([0.299, 0.587, 0.114] if len(pixels) == 3 else [1.0]).view(-1, 1, 1)
    pixels = pixels * bright
    pixels = torch.lerp((weights * pixels).sum(0).mean(), pixels, contrast)
    return torch.lerp((weights * pixels).sum(0, keepdim=True).expand_as(pixels), pixels, saturation)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("channels", [1, 3])
def test_colour_is_brightness_contrast_and_saturation(channels: int, layout: torch.memory_format) -> None:
    mean, std = MEAN[:channels], STD[:channels]
    pixels = torch.rand(5, channels, 6, 6, generator=seeded())
    middle, spread = torch.tensor(mean).view(-1, 1, 1), torch.tensor(std).view(-1, 1, 1)
    got = colour(((pixels - middle) / spread).contiguous(memory_format=layout), 0.4, mean, std, seeded(1))
    factors = 1 + 0.4 * (2 * torch.rand(3, 5, 1, 1, generator=seeded(1)) - 1)
    for n, image in enumerate(got):
        torch.testing.assert_close(image * spread + middle, by_hand(pixels[n], *factors[:, n].flatten().tolist()))


def test_colour_of_no_strength_changes_nothing() -> None:
    batch = torch.randn(4, 3, 5, 5)
    torch.testing.assert_close(colour(batch, 0, MEAN, STD, seeded()), batch, atol=1e-5, rtol=0)


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_erasing_takes_one_rectangle_by_chance(chance: float) -> None:
    got = erase(torch.ones(2000, 2, 32, 32), chance, seeded())
    gone = got == 0
    assert torch.equal(gone[:, 0], gone[:, 1])
    shares = gone[:, 0].double().mean((1, 2))
    hit = shares > 0
    assert abs(hit.double().mean() - chance) < 0.03
    assert chance == 0 or (shares[hit].min() > 0.01 and shares[hit].max() < 0.36)
    for each in gone[hit, 0][:100]:
        rows, columns = each.any(1), each.any(0)
        assert torch.equal(each, rows[:, None] & columns)  # a rectangle, without a hole
        assert all(int(line.diff().sum()) + int(line[0]) + int(line[-1]) == 2 for line in (rows, columns))


@pytest.mark.parametrize("kind", [{"crop": 0.3}, {"colour": 0.5}, {"erase": 0.5}, {"flip": "alternating"}])
def test_the_seed_decides_and_labels_stay(kind: dict[str, float]) -> None:
    images = random_images(train=40)

    def epochs(seed: int, **changes: object) -> list[tuple[Tensor, Tensor]]:
        loader = ImageData(images, batch_size=8, resolution=16, seed=seed, **changes).train_dataloader()  # type: ignore[arg-type]
        return [batches_of(loader) for _ in range(2)]

    plain, one, again, other = epochs(1), epochs(1, **kind), epochs(1, **kind), epochs(2, **kind)
    for (pixels, labels), (same, _) in zip(one, again, strict=True):
        assert torch.equal(pixels, same)
        assert pixels.shape == (40, 3, 16, 16)
        assert sorted(labels.tolist()) == sorted(plain[0][1].tolist())
    assert not torch.equal(one[0][0], other[0][0])
    assert not torch.equal(one[0][0], one[1][0])


def test_no_strength_at_all_is_no_augmentation() -> None:
    images = random_images(train=24)
    off = {"crop": 1.0, "colour": 0.0, "erase": 0.0}
    plain, none = (batches_of(ImageData(images, batch_size=8, **kind).train_dataloader()) for kind in ({}, off))  # type: ignore[arg-type]
    assert torch.equal(plain[0], none[0])
    assert math.isclose(float(plain[0].mean()), 0, abs_tol=1e-4)


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_cutmix_labels_say_how_much_of_each_image_is_left(alpha: float) -> None:
    generator, left = seeded(), []
    for _ in range(20):
        labels = torch.arange(12) % 3
        batch = labels[:, None, None, None].float().expand(-1, 2, 16, 16)  # each pixel is its image's class
        got, soft = cutmix(batch, labels, 3, alpha, generator)
        torch.testing.assert_close(soft.sum(1), torch.ones(12))
        for label in range(3):
            torch.testing.assert_close((got == label).float().mean((1, 2, 3)), soft[:, label])
        assert torch.equal(got[:, 0], got[:, 1])
        left.append((got == batch).float().mean())
    assert 0.3 < torch.stack(left).mean() < 0.95


def test_batches_are_mixed_by_mixup_or_cutmix_where_both_are_asked_for() -> None:
    loader, kinds = ImageData(random_images(), batch_size=16, mixup=1.0, cutmix=1.0).train_dataloader(), set()
    for _ in range(8):
        for _, soft in loader:
            torch.testing.assert_close(soft.sum(1), torch.ones(len(soft)))
            most = soft.max(1).values
            mixed = most[most < 1 - 1e-6]
            kinds.add("mixup" if len(mixed) and (mixed - mixed[0]).abs().max() < 1e-6 else "cutmix")
    assert kinds == {"mixup", "cutmix"}


@pytest.mark.parametrize("ranks", [2, 3])
def test_processes_that_train_together_share_each_batch(ranks: int) -> None:
    def seen(rank: int, ranks: int) -> list[list[int]]:
        return list(ImageData(random_images(), batch_size=12, seed=5).train_dataloader(rank, ranks).sampler)

    whole, parts = seen(0, 1), [seen(rank, ranks) for rank in range(ranks)]
    assert len({len(part) for part in parts}) == 1
    for batch, *mine in zip(whole, *parts, strict=False):
        assert len({len(each) for each in mine}) == 1
        assert len(mine[0]) >= 2
        together = {i for each in mine for i in each}
        assert together <= set(batch)
        assert sum(map(len, mine)) == len(batch) // ranks * ranks == len(together)
