"""The benchmark of training speed: that both loops see the same images, and that it prints what it says."""

import re

import pytest
import torch

from benchmarks.training_throughput import RATIOS, SHIFT, InMemory, PlainDataset, main, random_images
from nas.data.batches import ImageData


def test_the_plain_loop_sees_the_images_that_ours_does() -> None:
    images = random_images(6, 12)
    ours, labels = next(iter(ImageData(images, batch_size=6).val_dataloader()))
    plain = PlainDataset(images.train, images.mean, images.std)
    padded = torch.nn.functional.pad(ours, (SHIFT,) * 4)
    for i in range(6):
        image, label = plain[i]
        assert label == labels[i]
        places = [padded[i, :, y : y + 12, x : x + 12] for y in range(2 * SHIFT + 1) for x in range(2 * SHIFT + 1)]
        candidates = torch.stack([*places, *(place.flip(-1) for place in places)])
        assert (candidates - image).abs().amax((1, 2, 3)).min() < 1e-5


def test_a_batch_in_memory_is_one_of_the_loader_as_often() -> None:
    images = random_images(10, 12)
    batches = list(InMemory(images, batch_size=4, flip=True).train_dataloader())
    assert len(batches) == 3
    assert all(torch.equal(pixels, batches[0][0]) for pixels, _ in batches)
    assert torch.equal(batches[0][0], next(iter(ImageData(images, batch_size=4, flip=True).train_dataloader()))[0])


def test_it_prints_speeds_and_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    try:
        main(["--rounds", "1", "--batches", "2", "--batch-size", "4"])
    finally:
        torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    speeds, ratios = (
        dict(re.findall(r"^\| ([^|]+?) \| ([\d.,]+) \|", part, re.M)) for part in printed.split("\n\n")[1:]
    )
    speed = {name: float(value.replace(",", "")) for name, value in speeds.items()}
    assert len(speed) == 7
    assert min(speed.values()) > 0
    assert set(ratios) == {f"{above} / {below}" for above, below in RATIOS}
    for above, below in RATIOS:  # rounded to whole images a second
        assert float(ratios[f"{above} / {below}"]) == pytest.approx(speed[above] / speed[below], rel=0.1, abs=0.02)
