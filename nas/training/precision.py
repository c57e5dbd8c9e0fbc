"""fp32 or bf16: which of them a training takes on the device it has.

On a GPU, bf16 pays where the hardware has it. On a CPU with AVX512-BF16 it pays for convolutions that oneDNN has
kernels for, and would cost many times as much for some depthwise ones, which therefore stay fp32; figures in
docs/benchmarks.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

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


@contextmanager
def depthwise_guarded(net: nn.Module) -> Iterator[None]:
    """Within, the depthwise convolutions of `net` that are slow in bf16 on a CPU run in fp32 under CPU autocast.

    oneDNN's fast backward pass in bf16 is for 3x3 at stride 1 on maps of 3 pixels or more. Else it takes 3 times
    fp32's (5x5, 7x7), 7 times (maps of 2 pixels) or 20 to 130 times (stride 2).
    """
    guarded = [m for m in net.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    for convolution in guarded:
        convolution.forward = partial(_forward, convolution)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for convolution in guarded:
            del convolution.forward


def _forward(convolution: nn.Conv2d, images: Tensor) -> Tensor:
    plain = type(convolution).forward
    fast = convolution.stride == (1, 1) and convolution.kernel_size <= (3, 3) and min(images.shape[2:]) >= 3
    if fast or not torch.is_autocast_enabled("cpu"):
        return plain(convolution, images)
    with torch.autocast("cpu", enabled=False):
        return plain(convolution, images.float())
