"""Where networks are trained and judged: one NVIDIA GPU of the process, or the CPU."""

import os
from collections.abc import Sequence

import torch

from nas.errors import ConfigError
from nas.reading.words import short
from nas.resources import names

ACCELERATORS = ("auto", "cpu", "gpu")


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
