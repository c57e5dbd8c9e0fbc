"""From an architecture to a torch module: a classifier, a backbone of feature maps, or an embedding."""

from typing import Literal, overload

from torch import nn

from nas.errors import ConfigError
from nas.nets.backbone import Backbone, Embedding
from nas.nets.blocks import block_module
from nas.nets.conventions import PLAIN, Conventions
from nas.reading.words import short
from nas.spaces.architecture import Architecture

HEADS = ("classifier", "embedding")
EMBEDDING = 128
"""Numbers of an embedding, where nothing else is asked for."""


@overload
def build(
    arch: Architecture,
    conventions: Conventions = ...,
    *,
    features_only: Literal[False] = ...,
    head: Literal["classifier"] = ...,
) -> nn.Sequential: ...
@overload
def build(arch: Architecture, conventions: Conventions = ..., *, features_only: Literal[True]) -> Backbone: ...
@overload
def build(
    arch: Architecture, conventions: Conventions = ..., *, head: Literal["embedding"], embedding: int = ...
) -> Embedding: ...
def build(
    arch: Architecture,
    conventions: Conventions = PLAIN,
    *,
    features_only: bool = False,
    head: str = "classifier",
    embedding: int = EMBEDDING,
) -> nn.Module:
    """The network: (N, in_channels, H, W) to logits (N, classes), for any H and W.

    With `features_only` it is a `Backbone`, which gives maps at strides 4 to 32 and has no head; with
    `head="embedding"` an `Embedding` of so many numbers, of length 1. The weights of the blocks have the same names in
    all: `load_state_dict(state, strict=False)` takes over those of a trained classifier.

    Convolutions start from He's normal initialisation over fan-out, batch norm from one and zero, the
    classifier from N(0, 0.01) (MobileNet v2's); seed torch for repeatable weights, which are the same under all
    `conventions`.

    Raises:
        ConfigError: another head, or no head and a head at once.
    """
    if head not in HEADS:
        raise ConfigError(f"unknown head {short(head)}; known: {', '.join(HEADS)}")
    if features_only and head != HEADS[0]:
        raise ConfigError(f"features_only has no head, and head={short(head)} asks for one")
    modules: list[nn.Module] = []
    channels = arch.in_channels
    for block in arch.blocks:
        modules.append(block_module(block, channels, conventions))
        channels = block.out_channels
    net: nn.Module
    if features_only:
        net = Backbone(arch, modules)
    elif head == "embedding":
        net = Embedding(modules, channels, embedding)
    else:
        net = nn.Sequential(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, arch.classes))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)
    return net
