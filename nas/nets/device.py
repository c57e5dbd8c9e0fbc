"""Where networks are trained and judged: one NVIDIA GPU of the process, or the CPU, on so many threads."""

import ctypes
import os
import sys
from collections.abc import Sequence

import torch

from nas.errors import ConfigError
from nas.reading.words import short
from nas.resources import names

ACCELERATORS = ("auto", "cpu", "gpu")
_KEPT = (-1, -3)
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h: from how many bytes on memory goes back."""


def device_of(accelerator: str = "auto") -> torch.device:
    """The device that `accelerator` names; auto is a GPU where there is one.

    Raises:
        ConfigError: another name, or gpu where torch finds none.
    """
    if accelerator not in ACCELERATORS:
        raise ConfigError(f"unknown accelerator {short(accelerator)}; known: {names(ACCELERATORS)}")
    found = torch.cuda.is_available()
    if accelerator == "gpu" and not found:
        raise ConfigError("accelerator=gpu: torch finds no NVIDIA GPU here; use accelerator=auto or cpu")
    return torch.device("cuda" if found and accelerator != "cpu" else "cpu")


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return tuple(visible.split(",")[:count] if visible else map(str, range(count)))


def use_one_gpu(number: int, gpus: Sequence[str] | None = None) -> None:
    """Leave this process GPU `number` of `gpus`, counted round, none where there are none; None: of those it may use.

    Call it before torch has touched any.
    """
    if gpus is None:
        gpus = visible_gpus()
        if len(gpus) < 2:
            return
    os.environ["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)] if gpus else ""


def use_one_thread() -> None:
    """Keep torch of this process to one thread, since processes of one thread each use small machines best."""
    use_threads(1)


def use_threads(count: int) -> None:
    """Keep torch of this process to so many threads.

    With glibc it keeps the memory that it frees, too: activations come and go with every layer, and fresh pages from
    the operating system take as long as what is computed in them (judging a network is 1.2 to 1.6 times as fast).
    """
    torch.set_num_threads(count)
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        for option in _KEPT:
            mallopt(option, 2**30)


def release_memory() -> None:
    """Give the operating system back what `use_threads` let this process keep: gigabytes, after a large training."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
