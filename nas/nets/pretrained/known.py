"""Published networks whose weights are read: what their files do not say, above all strides and activations.

MnasNet: Tan et al. 2019, https://arxiv.org/abs/1807.11626 (B1, as torchvision and timm have it); Single-Path NAS:
Stamoulis et al. 2019, https://arxiv.org/abs/1904.02877; ProxylessNAS (mobile): Cai et al. 2019,
https://arxiv.org/abs/1812.00332. FBNet-C is not among them: it has expansions by 1, which no block here is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nas.nets.conventions import PLAIN, Conventions
from nas.nets.pretrained.base import Channels
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.layers import divisible

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of ImageNet's channels, by which torchvision and timm normalise."""
HALVES = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Those of networks that take images from -1 to 1."""


@dataclass(frozen=True, slots=True)
class Known:
    """A published network, its `conventions` and statistics; None where those who publish its weights differ."""

    name: str
    arch: Architecture
    conventions: Conventions | None = PLAIN
    statistics: tuple[Channels, Channels] = IMAGENET


_MNASNET = (
    "224x3 conv3/2-32:relu mb3e1-16:relu mb3e3/2-24x3:relu mb5e3/2-40x3:relu mb5e6/2-80x3:relu mb3e6-96x2:relu "
    "mb5e6/2-192x4:relu mb3e6-320:relu conv1-1280:relu fc1000"
)
_SPNASNET = (
    "224x3 conv3/2-32:relu mb3e1-16:relu mb3e3/2-24x3:relu mb5e6/2-40:relu mb3e3-40x3:relu mb5e6/2-80:relu "
    "mb3e3-80x3:relu mb5e6-96:relu mb5e3-96x3:relu mb5e6/2-192x4:relu mb3e6-320:relu conv1-1280:relu fc1000"
)
_PROXYLESS = (
    "224x3 conv3/2-32 mb3e1-16 mb5e3/2-32 mb3e3-32 mb7e3/2-40 mb3e3-40 mb5e3-40x2 mb7e6/2-80 mb5e3-80x3 mb5e6-96 "
    "mb5e3-96x3 mb7e6/2-192 mb7e6-192 mb7e3-192x2 mb7e6-320 conv1-1280 fc1000"
)


def known() -> Iterator[Known]:
    """Every network whose weights can be read without a notation."""
    for width in (0.35, 0.5, 0.75, 1.0, 1.1, 1.3, 1.4):
        yield Known(f"mobilenet_v2_w{width:g}", baseline(f"mobilenet_v2_w{width}"))
    for width in (0.25, 0.5, 0.75, 1.0, 1.25):
        yield Known(f"mobilenet_v1_w{width:g}", baseline(f"mobilenet_v1_w{width}"), statistics=HALVES)
    for name in ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"):
        yield Known(name, baseline(name), conventions=None)
    for width in (0.5, 0.75, 1.0, 1.3, 1.4):
        yield Known(f"mnasnet_w{width:g}", _wide(_MNASNET, width))
    yield Known("spnasnet", Architecture.from_notation(_SPNASNET))
    yield Known("proxylessnas_mobile", Architecture.from_notation(_PROXYLESS), Conventions(1e-3))


def _wide(notation: str, width: float) -> Architecture:
    """The network with all channels but the last convolution's times `width`."""
    arch = Architecture.from_notation(notation)
    scaled = (replace(block, out_channels=divisible(block.out_channels * width)) for block in arch.blocks[:-1])
    return replace(arch, blocks=(*scaled, arch.blocks[-1]))
