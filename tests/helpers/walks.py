"""What a built module runs, and what the walk `layers` says, in the same terms."""

from typing import Any

import torch
from torch import Tensor, nn

from nas.nets import build
from nas.nets.blocks import MODULES, Residual, SqueezeExcitation
from nas.nets.conventions import PLAIN, Conventions
from nas.nets.wired import Add, Concat, Last, Shuffle
from nas.spaces.architecture import Architecture
from nas.spaces.layers import layers

POOLS = (nn.MaxPool2d, nn.AvgPool2d)
OTHERS: dict[type[nn.Module], str] = {
    **{Residual: "add", SqueezeExcitation: "scale", Add: "add", Concat: "concat", Last: "split", Shuffle: "shuffle"},
    **{nn.MaxPool2d: "maxpool", nn.AvgPool2d: "avgpool"},
}


def ran(arch: Architecture, conventions: Conventions = PLAIN) -> list[tuple[Any, ...]]:
    """What the built module runs, in order, in the terms of `Layer`."""
    net, found = build(arch, conventions).eval(), list[tuple[Any, ...]]()

    def record(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        x = inputs[-1]
        if isinstance(module, nn.Conv2d):
            whole = module.groups == x.shape[1] == module.out_channels
            op = "conv" if module.groups == 1 else "depthwise" if whole else "grouped"
            shape = (x.shape[1], output.shape[1], x.shape[2], output.shape[2])
            found.append((op, module.kernel_size[0], module.stride[0], *shape, module.groups))
        elif isinstance(module, nn.Linear):
            found.append(("linear", 1, 1, x.shape[1], output.shape[1], 1, 1, 1))
        else:
            op = OTHERS[type(module)]
            kernel, stride = (module.kernel_size, module.stride) if isinstance(module, POOLS) else (1, 1)
            channels = output.shape[1] if op == "concat" else x.shape[1]
            groups = {"shuffle": getattr(module, "groups", 0), "split": 1}.get(op, channels)
            found.append((op, kernel, stride, channels, output.shape[1], x.shape[2], output.shape[2], groups))

    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, *OTHERS)):
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
            if module[0].bias is not None:
                continue
            norm = any(isinstance(part, nn.BatchNorm2d) for part in module)
            activation = [kinds[type(part)] for part in module if type(part) in kinds] or ["none"]
            found.append((norm, activation[0]))
    return found


def walked_fused(arch: Architecture) -> list[tuple[bool, str]]:
    """The same of `layers()`."""
    return [(x.norm, x.activation) for x in layers(arch) if x.op in ("conv", "depthwise", "grouped") and not x.bias]
