"""Where networks are trained and judged: one NVIDIA GPU of the process, or the CPU."""

import os

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


def use_one_gpu(number: int) -> None:
    """Leave this process GPU `number` of those it may use, counted round; call it before torch has touched any."""
    count = torch.cuda.device_count()
    if count > 1:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        known = visible.split(",") if visible else [str(index) for index in range(count)]
        os.environ["CUDA_VISIBLE_DEVICES"] = known[number % count]
