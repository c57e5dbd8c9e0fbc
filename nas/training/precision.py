"""fp32 or bf16: which of them a training takes on the device it has.

On a GPU, bf16 pays where the hardware has it. On a CPU with AVX512-BF16 it pays for all convolutions but some
depthwise ones, which stay in fp32 (`nas.nets.blocks.Depthwise`); figures in docs/benchmarks.md.
"""

from typing import Literal

import torch

PRECISIONS = ("auto", "fp32", "bf16")


def chosen(precision: str) -> Literal["32-true", "bf16-mixed"]:
    """Lightning's name of `precision`; auto is bf16 where the device that Lightning picks computes in it."""
    bf16 = precision == "bf16" or (precision == "auto" and _has_bf16())
    return "bf16-mixed" if bf16 else "32-true"


def _has_bf16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if torch.backends.mps.is_available():
        return False
    return bool(torch.cpu._is_avx512_bf16_supported())
