"""From an architecture to a torch module."""

from torch import nn

from nas.nets.blocks import block_module
from nas.nets.conventions import PLAIN, Conventions
from nas.spaces.architecture import Architecture


def build(arch: Architecture, conventions: Conventions = PLAIN) -> nn.Sequential:
    """The network: (N, in_channels, H, W) to logits (N, classes), for any H and W.

    Convolutions start from He's normal initialisation over fan-out, batch norm from one and zero, the
    classifier from N(0, 0.01) (MobileNet v2's); seed torch for repeatable weights, which are the same under all
    `conventions`.
    """
    modules: list[nn.Module] = []
    channels = arch.in_channels
    for block in arch.blocks:
        modules.append(block_module(block, channels, conventions))
        channels = block.out_channels
    modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, arch.classes)]
    net = nn.Sequential(*modules)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)
    return net
