"""Published networks whose weights are read: what their files do not say, above all strides and activations."""

from collections.abc import Iterator
from dataclasses import dataclass

from nas.nets.conventions import PLAIN, Conventions
from nas.nets.pretrained.base import Channels
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline

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


def known() -> Iterator[Known]:
    """Every network whose weights can be read without a notation."""
    for width in (0.35, 0.5, 0.75, 1.0, 1.1, 1.3, 1.4):
        yield Known(f"mobilenet_v2_w{width:g}", baseline(f"mobilenet_v2_w{width}"))
    for width in (0.25, 0.5, 0.75, 1.0, 1.25):
        yield Known(f"mobilenet_v1_w{width:g}", baseline(f"mobilenet_v1_w{width}"), statistics=HALVES)
    for name in ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"):
        yield Known(name, baseline(name), conventions=None)
    for width in (0.5, 0.75, 1.0, 1.3, 1.4):
        yield Known(f"mnasnet_w{width:g}", baseline(f"mnasnet_b1_w{width}"))
    yield Known("spnasnet", baseline("spnasnet"))
    for name in ("proxylessnas_mobile", "fbnet_c"):
        yield Known(name, baseline(name), Conventions(1e-3))
