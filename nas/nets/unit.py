"""Convolution, batch norm and activation, as one module."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.nets.depthwise import Depthwise, depthwise
from nas.nets.pointwise import folds, in_weights, is_fixed, is_pointwise, normed, pointwise


class Unit(nn.Sequential):
    """A convolution, perhaps a batch norm, perhaps an activation, one after the other.

    On a CPU, in fp32, training takes shorter ways to the same results: 1x1 convolutions are matrix products, an
    expansion, its norm and its activation are one, and a norm whose statistics stand still becomes part of the weights.
    """

    def forward(self, x: Tensor) -> Tensor:
        """NCHW to NCHW."""
        conv, norm = (self[0], self[1]) if len(self) > 1 else (self[0], None)
        if not isinstance(norm, nn.BatchNorm2d) or not isinstance(conv, nn.Conv2d) or not self._in_training(x):
            return super().forward(x)  # type: ignore[no-any-return, no-untyped-call]
        activation = self[2] if len(self) > 2 else nn.Identity()
        if is_pointwise(conv):
            if not folds(conv, norm, x):
                return activation(norm(pointwise(x, conv.weight)))  # type: ignore[no-any-return]
            limited = isinstance(activation, nn.ReLU6)
            y = normed(x, conv, norm, 6.0 if limited else None)
            return y if limited else activation(y)
        if is_fixed(norm) and conv.bias is None and type(conv) in (nn.Conv2d, Depthwise):
            return activation(_convolved(x, conv, norm))  # type: ignore[no-any-return]
        return super().forward(x)  # type: ignore[no-any-return, no-untyped-call]

    def _in_training(self, x: Tensor) -> bool:
        """Whether gradients will be asked for on a CPU, in the precision of `x`, and not by a compiler's graph."""
        kept = self.training and torch.is_grad_enabled() and not torch.compiler.is_compiling()
        if not kept or torch.is_autocast_enabled("cpu"):  # asked first, since a tracer's `x` has no type yet
            return False
        return x.dtype in (torch.float32, torch.float64) and x.device.type == "cpu"


def _convolved(x: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    """What `conv` and the fixed `norm` make of `x`."""
    weight, bias = in_weights(conv.weight, norm)
    if isinstance(conv, Depthwise):
        return depthwise(x, weight, conv.stride[0], conv.padding[0], bias)  # type: ignore[arg-type]
    return F.conv2d(x, weight, bias, conv.stride, conv.padding, groups=conv.groups)
