"""Depthwise convolutions whose weight gradients are fast on a CPU."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_PIECE = 2**17
"""Numbers of the input that one piece of a weight gradient takes, so that it stays in a core's second cache."""


class Depthwise(nn.Conv2d):
    """A depthwise convolution without two kinds of slow backward pass on a CPU; its results are those of any other.

    In training it leaves out the taps that reach nothing but padding: on an n x n map only the middle 2n - 1 taps
    touch the image, the gradient of the others is zero. On maps smaller than the kernel, as short trainings at few
    pixels have them, that is many times faster.

    Under CPU autocast it stays in fp32 where oneDNN is slow in bf16, which is fast backward for 3x3 at stride 1 on
    maps of 3 pixels or more: else it takes 3 times fp32's time (5x5, 7x7), 7 times (maps of 2 pixels) or 20 to 130
    times (stride 2).
    """

    def forward(self, input: Tensor) -> Tensor:
        """NCHW to NCHW."""
        fast = self.stride == (1, 1) and self.kernel_size <= (3, 3) and min(input.shape[2:]) >= 3
        if fast or not (torch.is_autocast_enabled("cpu") and torch.is_grad_enabled()):
            return self._without_idle_taps(input)
        with torch.autocast("cpu", enabled=False):
            return self._without_idle_taps(input.float())

    def _without_idle_taps(self, input: Tensor) -> Tensor:
        half = self.kernel_size[0] // 2
        idle = max(0, half + 1 - max(input.shape[2:])) if self.training else 0
        if not idle:
            return depthwise(input, self.weight, self.stride[0], half, self.bias)
        taps = self.weight[:, :, idle:-idle, idle:-idle]
        return depthwise(input, taps, self.stride[0], half - idle, self.bias)


def depthwise(x: Tensor, weight: Tensor, stride: int, padding: int, bias: Tensor | None = None) -> Tensor:
    """`F.conv2d` of N x C x H x W with kernels C x 1 x K x K, each channel alone.

    oneDNN has no depthwise kernel for the weight gradient of 5x5 and larger ones, and takes a general one. Here that
    gradient is a depthwise convolution itself, of the images by their gradients, with batch and channels as its
    channels: 1.3 to 3.6 times as fast on maps of 3 to 40 pixels.
    """
    slow = weight.shape[-1] >= 5 and x.device.type == "cpu" and x.is_floating_point() and weight.requires_grad
    if slow and torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling():
        return _Depthwise.apply(x, weight, bias, stride, padding)  # type: ignore[no-any-return, no-untyped-call]
    return F.conv2d(x, weight, bias, stride, padding, groups=len(weight))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.biases = stride, padding, None if bias is None else [len(bias)]
        return F.conv2d(x, weight, bias, stride, padding, groups=len(weight))

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wanted = [ctx.needs_input_grad[0], False, ctx.needs_input_grad[2]]
        to_x, _, to_bias = torch.ops.aten.convolution_backward(
            *(grad, x, weight, ctx.biases, [ctx.stride] * 2, [ctx.padding] * 2, [1, 1], False, [0, 0]),
            *(len(weight), wanted),
        )
        return to_x, _weight_gradient(x, grad, weight.shape[-1], ctx.stride, ctx.padding), to_bias, None, None


def _weight_gradient(x: Tensor, grad: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """C x 1 x K x K: what each tap saw of `x`, weighed by `grad` and added up over the images."""
    step = max(1, _PIECE // x[0].numel())
    pieces = zip(x.split(step), grad.split(step), strict=True)
    return torch.stack([_taps(*piece, kernel, stride, padding) for piece in pieces]).sum(0)


def _taps(x: Tensor, grad: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    count, channels = x.shape[:2]
    image = x.permute(2, 3, 0, 1).flatten(2).permute(2, 0, 1)[None]  # N C as channels, the innermost axis
    kernels = grad.permute(2, 3, 0, 1).flatten(2).permute(2, 0, 1)[:, None]
    found = F.conv2d(image, kernels, None, 1, padding, stride, count * channels)[0, :, :kernel, :kernel]
    return found.reshape(count, channels, 1, kernel, kernel).sum(0)
