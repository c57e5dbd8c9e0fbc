"""How much memory a training takes is known before, as the operating system tells afterwards; and it is given back."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas.data.views import ImageView
from nas.nets.device import release_memory, use_one_thread
from nas.spaces.baselines import load_architecture
from nas.training.fit import fit
from nas.training.memory import training_bytes
from nas.training.recipe import Recipe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from Linux's /proc")
LARGE = replace(load_architecture("mobilenet_v2"), resolution=128, in_channels=1, classes=10)
BATCH = 32


def memory(what: str) -> int:
    """Bytes of this process: VmRSS, as it is, or VmHWM, at the most."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(what))


def most_of_a_training(pictures: ImageView) -> int:
    use_one_thread()
    fit(LARGE, replace(pictures, limit=3 * BATCH).at(128, BATCH, 0), Recipe(1, BATCH, 0.1), seed=0)
    return memory("VmHWM")


def kept_and_released() -> tuple[int, int]:
    use_one_thread()
    wanted = [torch.ones(2**18) for _ in range(500)]  # of a megabyte each
    held = [torch.ones(10) for _ in range(500)]
    wanted.clear()
    kept = memory("VmRSS")
    release_memory()
    assert len(held) == 500
    return kept, memory("VmRSS")


def test_it_is_told_before(pictures: ImageView) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        taken = process.submit(most_of_a_training, pictures).result()
    assert taken > 1e9
    assert training_bytes(LARGE, BATCH) == pytest.approx(taken, rel=0.3)


def test_what_was_kept_is_given_back() -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        kept, left = process.submit(kept_and_released).result()
    assert kept - left > 400 * 2**20
