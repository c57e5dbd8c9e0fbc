"""Training speed against a plain Lightning + DataLoader loop, in the same run.

    python -m benchmarks.training_throughput --rounds 7
    python -m benchmarks.training_throughput --network efficientnet_lite0_r96 --batches 4

One of `NETWORKS`, one thread, one epoch over random uint8 images with flips and shifts. The rows:

    our loader                  our batches alone, as the network gets them
    plain loader                those of the plain loop alone: each image normalised, cropped and flipped, then collated
    our training                `fit` over one batch in memory, again and again
    our loop                    `fit` over our loader: both
    our loop, fp32              the same without lower precision
    plain loop                  Lightning's Trainer over the plain loader, float32, NCHW, what it offers switched off
    plain loop, ready tensors   the same over a TensorDataset of normalised float images, with nothing left to do
    plain loop, timm's network  the plain loop with the network as timm builds it, where that is installed

The plain loops train torch's own modules alone. All see the same images, batch size, optimizer, schedule and loss.
Every round runs every row once, in an order drawn anew; ratios are of the same round. Seconds are those of the one
thread on a CPU, which waits for nothing but the machine's other work, and of the wall clock on a GPU.
"""

import argparse
import logging
import random
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from benchmarks.plain_modules import plainly
from nas.data.batches import Batch, ImageData, normalise
from nas.data.images import Images, Split
from nas.nets.build import build
from nas.nets.device import device_of, use_one_thread
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from nas.training.fit import fit
from nas.training.recipe import Recipe

NETWORKS = {"mobilenet_v2_r32": 128, "efficientnet_lite0_r96": 32, "efficientnet_lite0_r160": 32}  # images in a batch
TIMM = {"mobilenet_v2": "mobilenetv2_100", "efficientnet_lite0": "efficientnet_lite0"}
TIMMS = "plain loop, timm's network"
CLASSES, SHIFT = 10, 4
RATIOS = (
    ("our loader", "our training"),
    ("our loop", "our training"),
    ("our loop", "plain loop"),
    ("our loop", "plain loop, ready tensors"),
    ("our loop, fp32", "plain loop"),
    ("our loop, fp32", "plain loop, ready tensors"),
)


class PlainDataset(Dataset[Batch]):
    """What a tutorial writes: one image at a time from a uint8 array, normalised, cropped from its padding, flipped."""

    def __init__(self, split: Split, mean: Sequence[float], std: Sequence[float]) -> None:
        self.pixels, self.labels = torch.from_numpy(split.pixels), torch.from_numpy(split.labels)
        self.mean, self.std = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> Batch:
        image = (self.pixels[i].float().div(255) - self.mean) / self.std
        top, left = torch.randint(0, 2 * SHIFT + 1, (2,)).tolist()
        size = image.shape[-1]
        image = F.pad(image, (SHIFT,) * 4)[:, top : top + size, left : left + size]
        return (image.flip(-1) if torch.rand(()) < 0.5 else image), self.labels[i]


class PlainModule(pl.LightningModule):
    """The same loss and optimizer as ours, as a tutorial has them."""

    def __init__(self, net: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.net, self.recipe = net, recipe

    def training_step(self, batch: Batch, index: int) -> Tensor:
        return F.cross_entropy(self.net(batch[0]), batch[1], label_smoothing=self.recipe.label_smoothing)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        rate = self.recipe.learning_rate * self.recipe.batch_size / 64
        momentum, decay = self.recipe.momentum, self.recipe.weight_decay
        weights = self.net.parameters()
        optimizer = torch.optim.SGD(weights, lr=rate, momentum=momentum, weight_decay=decay, nesterov=True)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class InMemory(ImageData):
    """One batch of `ImageData`, made beforehand, as often as an epoch has batches."""

    def train_dataloader(self, rank: int = 0, ranks: int = 1) -> Any:
        loader = super().train_dataloader()
        batches = [next(iter(loader))] * len(loader)
        return DataLoader(batches, batch_size=None)  # type: ignore[arg-type]


def random_images(count: int, size: int) -> Images:
    """Noise: the speed does not depend on what there is to see."""
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (count, 3, size, size), np.uint8), np.arange(count) % CLASSES)
    return Images(split, split, split, tuple(map(str, range(CLASSES))), 3, size)


def train_plainly(net: nn.Module, loader: DataLoader[Any], recipe: Recipe) -> None:
    """One epoch of the plain loop."""
    trainer = pl.Trainer(
        max_epochs=recipe.epochs,
        accelerator=device_of().type,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(PlainModule(net, recipe), loader)


def rows(arch: Architecture, count: int, batch_size: int, theirs: str = "") -> dict[str, Callable[[], object]]:
    """What is timed, by name: each goes once over `count` images; `theirs` is the name of `arch` in timm."""
    recipe = Recipe(epochs=1, batch_size=batch_size, learning_rate=0.01)
    images = random_images(count, arch.resolution)
    ours, memory = (kind(images, batch_size=batch_size, flip=True, shift=SHIFT) for kind in (ImageData, InMemory))
    each = PlainDataset(images.train, images.mean, images.std)
    plain = DataLoader(each, batch_size=batch_size, shuffle=True, drop_last=True)
    pixels = normalise(each.pixels, images.mean, images.std)
    ready = DataLoader(TensorDataset(pixels, each.labels), batch_size=batch_size, shuffle=True, drop_last=True)
    single = replace(recipe, precision="fp32")
    timed: dict[str, Callable[[], object]] = {
        "our loader": lambda: [None for _ in ours.train_dataloader()],
        "plain loader": lambda: [None for _ in plain],
        "our training": lambda: fit(arch, memory, recipe, 0),
        "our loop": lambda: fit(arch, ours, recipe, 0),
        "our loop, fp32": lambda: fit(arch, ours, single, 0),
        "plain loop": lambda: train_plainly(plainly(build(arch)), plain, recipe),
        "plain loop, ready tensors": lambda: train_plainly(plainly(build(arch)), ready, recipe),
    }
    if theirs and find_spec("timm"):
        create = import_module("timm").create_model
        timed[TIMMS] = lambda: train_plainly(create(theirs, num_classes=CLASSES), plain, recipe)
    return timed


def measure(timed: dict[str, Callable[[], object]], count: int, rounds: int) -> dict[str, list[float]]:
    """Images a second of each row in each round, after one round that does not count."""
    speeds: dict[str, list[float]] = {name: [] for name in timed}
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    order = random.Random(0)
    for number in range(rounds + 1):
        for name in order.sample(list(timed), len(timed)):
            started = clock()
            timed[name]()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:
                speeds[name].append(count / (clock() - started))
    return speeds


def _cells(values: Sequence[float], form: str) -> str:
    return " | ".join(format(value, form) for value in (statistics.median(values), min(values), max(values)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print two tables: images a second, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--network", choices=NETWORKS, default="mobilenet_v2_r32")
    parser.add_argument("--batch-size", type=int, help="default: what the network is trained with")
    parser.add_argument("--batches", type=int, default=8, help="batches in an epoch")
    chosen = parser.parse_args(arguments)
    use_one_thread()
    arch = replace(load_architecture(chosen.network), classes=CLASSES)
    batch_size = chosen.batch_size or NETWORKS[chosen.network]
    count = chosen.batches * batch_size
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's hints about workers and short epochs
        speeds = measure(rows(arch, count, batch_size, TIMM[chosen.network.rpartition("_r")[0]]), count, chosen.rounds)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU, one thread"
    print(f"{chosen.network}, batches of {batch_size}, {count} images, {chosen.rounds} rounds, {device}\n")
    print("| images a second | median | lowest | highest |\n|---|---|---|---|")
    for name, values in speeds.items():
        print(f"| {name} | {_cells(values, ',.0f')} |")
    print("\n| ratio within a round | median | lowest | highest |\n|---|---|---|---|")
    for above, below in (*RATIOS, *[("our loop", TIMMS)] * (TIMMS in speeds)):
        ratios = [a / b for a, b in zip(speeds[above], speeds[below], strict=True)]
        print(f"| {above} / {below} | {_cells(ratios, '.2f')} |")


if __name__ == "__main__":
    main()
