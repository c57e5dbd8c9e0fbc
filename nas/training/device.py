"""Where networks are trained and judged: one NVIDIA GPU of the process, or the CPU."""

import torch

from nas.errors import ConfigError
from nas.resources import names

ACCELERATORS = ("auto", "cpu", "gpu")


def device_of(accelerator: str = "auto") -> torch.device:
    """The device that `accelerator` names; auto is a GPU where there is one.

    Raises:
        ConfigError: another name, or gpu where torch finds none.
    """
    if accelerator not in ACCELERATORS:
        raise ConfigError(f"unknown accelerator {accelerator!r}; known: {names(ACCELERATORS)}")
    found = torch.cuda.is_available()
    if accelerator == "gpu" and not found:
        raise ConfigError("accelerator=gpu: torch finds no NVIDIA GPU here; use accelerator=auto or cpu")
    return torch.device("cuda" if found and accelerator != "cpu" else "cpu")
