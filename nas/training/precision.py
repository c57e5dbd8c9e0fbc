"""fp32 or bf16: which of them a training takes on the device it has.

On a GPU, bf16 pays where the hardware has it. On a CPU with AVX512-BF16 it makes wide networks up to 1.4 times as fast
(all but some depthwise convolutions, which stay in fp32: `nas.nets.depthwise.Depthwise`), small ones no faster, and
cost short trainings a point of accuracy: so there it is for who asks for it. Figures in docs/benchmarks.md.
"""

from typing import Literal

import torch

PRECISIONS = ("auto", "fp32", "bf16")


def lightning_precision(precision: str, device: torch.device) -> Literal["32-true", "bf16-mixed"]:
    """Lightning's name of `precision` on `device`; auto is bf16 on GPUs that compute in it."""
    auto = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    bf16 = precision == "bf16" or (precision == "auto" and auto)
    return "bf16-mixed" if bf16 else "32-true"


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """What computes on `device` as `precision` says, where no Lightning does it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=lightning_precision(precision, device) == "bf16-mixed")
