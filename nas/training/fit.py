"""Train one network and count what it gets right."""

import logging
import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from nas.nets.build import build
from nas.spaces.architecture import Architecture
from nas.training.data import ImageData
from nas.training.module import Classifier, Recipe


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network, and the wall-clock seconds its training took."""

    net: nn.Module
    seconds: float


def fit(arch: Architecture, data: ImageData, recipe: Recipe, seed: int) -> Fitted:
    """Train `arch` from scratch on the training split of `data`; equal seeds give equal networks.

    Raises:
        Diverged: the loss stopped being finite.
    """
    started = time.perf_counter()
    with _quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        module = Classifier(build(arch), recipe)
        trainer = pl.Trainer(
            max_epochs=recipe.epochs,
            accelerator="auto",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            gradient_clip_val=5.0,
        )
        trainer.fit(module, train_dataloaders=data.train_dataloader())
    return Fitted(module.net.eval(), time.perf_counter() - started)


def use_one_thread() -> None:
    """Keep torch of this process to one thread: processes of one thread each use small machines best."""
    torch.set_num_threads(1)


def accuracy(net: nn.Module, loader: DataLoader) -> float:  # type: ignore[type-arg]
    """The share of images in `loader` whose largest logit is their label's."""
    net.eval()
    device = next(net.parameters()).device
    right = total = 0
    with torch.no_grad():
        for images, labels in loader:
            logits = net(images.to(device, memory_format=torch.channels_last))
            right += int((logits.argmax(1).cpu() == labels).sum())
            total += len(labels)
    return right / total


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share of n trials (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's hints about hardware and loaders out of a search's output."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        yield
