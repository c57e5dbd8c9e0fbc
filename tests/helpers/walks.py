"""What a built module runs, and what the walk `layers` says, in the same terms."""

from typing import Any

import torch
from torch import Tensor, nn

from nas.nets import build
from nas.nets.blocks import MODULES, Residual, SqueezeExcitation
from nas.nets.conventions import PLAIN, Conventions
from nas.spaces.architecture import Architecture
from nas.spaces.layers import layers


def ran(arch: Architecture, conventions: Conventions = PLAIN) -> list[tuple[Any, ...]]:
    """What the built module runs, in order, in the terms of `Layer`."""
    net, found = build(arch, conventions).eval(), []

    def record(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        (x,) = inputs
        if isinstance(module, nn.Conv2d):
            op = "depthwise" if module.groups == x.shape[1] == module.out_channels > 1 else "conv"
            shape = (x.shape[1], output.shape[1], x.shape[2], output.shape[2])
            found.append((op, module.kernel_size[0], module.stride[0], *shape, module.groups))
        elif isinstance(module, nn.Linear):
            found.append(("linear", 1, 1, x.shape[1], output.shape[1], 1, 1, 1))
        else:
            op = {Residual: "add", SqueezeExcitation: "scale"}[type(module)]
            found.append((op, 1, 1, x.shape[1], output.shape[1], x.shape[2], output.shape[2], x.shape[1]))

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | Residual | SqueezeExcitation):
            module.register_forward_hook(record)
    net(torch.zeros(1, arch.in_channels, arch.resolution, arch.resolution))
    return found


def walked(arch: Architecture) -> list[tuple[Any, ...]]:
    """The same of `layers()`, without the pools, which have no module of their own."""
    return [
        (x.op, x.kernel, x.stride, x.in_channels, x.out_channels, x.in_size, x.out_size, x.groups)
        for x in layers(arch)
        if x.op != "pool"
    ]


def fused(arch: Architecture) -> list[tuple[bool, str]]:
    """Norm and activation of every convolution of the built module, those of gates left out."""
    kinds, found = {kind: name for name, kind in MODULES.items()}, []
    for module in build(arch).modules():
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
            assert module[0].bias is None
            norm = any(isinstance(part, nn.BatchNorm2d) for part in module)
            activation = [kinds[type(part)] for part in module if type(part) in kinds] or ["none"]
            found.append((norm, activation[0]))
    return found


def walked_fused(arch: Architecture) -> list[tuple[bool, str]]:
    """The same of `layers()`."""
    return [(x.norm, x.activation) for x in layers(arch) if x.op in ("conv", "depthwise") and not x.bias]
