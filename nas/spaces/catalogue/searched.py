"""Networks that searches found, and those scaled from one that did.

MnasNet: Tan et al. 2019, https://arxiv.org/abs/1807.11626 (B1, as torchvision and timm have it); Single-Path NAS:
Stamoulis et al. 2019, https://arxiv.org/abs/1904.02877; ProxylessNAS: Cai et al. 2019,
https://arxiv.org/abs/1812.00332; FBNet-C: Wu et al. 2019, https://arxiv.org/abs/1812.03443; EfficientNet: Tan and Le
2019, https://arxiv.org/abs/1905.11946, table 1, as the README of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite changes it: no squeeze and excitation,
ReLU6, and stem, head and the depths of the first and the last stage stay as they are in all sizes.
"""

from collections.abc import Iterator
from functools import partial
from math import ceil

from nas.spaces.block import Block
from nas.spaces.catalogue.published import Published, scaled
from nas.spaces.chain import divisible

# kernel, expansion, out_channels, depth, stride of each stage
_LITE = [
    *((3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2)),
    *((5, 6, 112, 3, 1), (5, 6, 192, 4, 2), (3, 6, 320, 1, 1)),
]
_MNASNET_B1 = (
    "conv3/2-32:relu mb3e1-16:relu mb3e3/2-24x3:relu mb5e3/2-40x3:relu mb5e6/2-80x3:relu mb3e6-96x2:relu "
    "mb5e6/2-192x4:relu mb3e6-320:relu conv1-1280:relu"
)
_SPNASNET = (
    "conv3/2-32:relu mb3e1-16:relu mb3e3/2-24x3:relu mb5e6/2-40:relu mb3e3-40x3:relu mb5e6/2-80:relu "
    "mb3e3-80x3:relu mb5e6-96:relu mb5e3-96x3:relu mb5e6/2-192x4:relu mb3e6-320:relu conv1-1280:relu"
)
_CPU = (
    "conv3/2-40 mb3e1-24 mb3e6/2-32 mb3e3-32x3 mb3e6/2-48 mb3e3-48x2 mb5e3-48 mb3e6/2-88 mb3e3-88 mb5e6-104 "
    "mb3e3-104x3 mb5e6/2-216 mb5e3-216x2 mb3e3-216 mb5e6-360 conv1-1432"
)
_GPU = (
    "conv3/2-40 mb3e1-24 mb5e3/2-32 mb7e3/2-56 mb3e3-56 mb7e6/2-112 mb5e3-112 mb5e6-128 mb3e3-128 mb5e3-128 "
    "mb7e6/2-256x3 mb5e6-256 mb7e6-432 conv1-1728"
)
_MOBILE = (
    "conv3/2-32 mb3e1-16 mb5e3/2-32 mb3e3-32 mb7e3/2-40 mb3e3-40 mb5e3-40x2 mb7e6/2-80 mb5e3-80x3 mb5e6-96 "
    "mb5e3-96x3 mb7e6/2-192 mb7e6-192 mb7e3-192x2 mb7e6-320 conv1-1280"
)
_MOBILE14 = (
    "conv3/2-48 mb3e1-24 mb5e3/2-40 mb3e3-40 mb7e3/2-56 mb3e3-56 mb5e3-56x2 mb7e6/2-112 mb5e3-112x3 mb5e6-136 "
    "mb5e3-136x3 mb7e6/2-256x2 mb7e3-256x2 mb7e6-448 conv1-1792"
)
_FBNET_C = (
    "conv3/2-16:relu mb3h16-16:relu mb3e6/2-24:relu mb3h24-24x2:relu mb5e6/2-32:relu mb5e3-32:relu mb5e6-32:relu "
    "mb3e6-32:relu mb5e6/2-64:relu mb5e3-64:relu mb5e6-64x2:relu mb5e6-112x3:relu mb5e3-112:relu mb5e6/2-184x4:relu "
    "mb3e6-352:relu conv1-1984:relu"
)


def _efficientnet_lite(wider: float, deeper: float, width: float) -> Iterator[Block]:
    yield Block("conv", 3, 2, 32)
    for number, (kernel, expansion, channels, depth, stride) in enumerate(_LITE):
        fixed = number in (0, len(_LITE) - 1)
        for index in range(depth if fixed else ceil(depth * deeper)):
            yield Block("mbconv", kernel, stride if index == 0 else 1, divisible(channels * wider * width), expansion)
    yield Block("conv", 1, 1, 1280)


def _lite(wider: float, deeper: float, resolution: int, macs_m: float, params_m: float, why: str = "") -> Published:
    source = "tensorflow/tpu, models/official/efficientnet/lite/README.md"
    return Published(partial(_efficientnet_lite, wider, deeper), source, macs_m, params_m, why, resolution)


_TFLITE = "the README counts 3 to 6 % more, batch norms and activations as it seems"
SEARCHED = {
    "mnasnet_b1": Published(scaled(_MNASNET_B1), "timm, docs/models/mnasnet (arXiv:1807.11626)", 315, 4.38),
    "spnasnet": Published(
        scaled(_SPNASNET), "osmr/imgclsmob, README (arXiv:1904.02877)", 346.7, 4.42, "it counts norms"
    ),
    "proxylessnas_cpu": Published(scaled(_CPU), "qed-usc/mobile-ml-benchmark; osmr/imgclsmob", 439.3, 4.36),
    "proxylessnas_gpu": Published(scaled(_GPU), "qed-usc/mobile-ml-benchmark; osmr/imgclsmob", 465.3, 7.12),
    "proxylessnas_mobile": Published(scaled(_MOBILE), "arXiv:1905.02244, table 3", 320, 4.0, "imgclsmob: 4.08M params"),
    "proxylessnas_mobile14": Published(scaled(_MOBILE14), "qed-usc/mobile-ml-benchmark; osmr/imgclsmob", 580.9, 6.86),
    "fbnet_c": Published(
        scaled(_FBNET_C), "facebookresearch/mobile-vision, README", 378.2, 5.5, "timm, whose table this is, has 5.57M"
    ),
    "efficientnet_lite0": _lite(1.0, 1.0, 224, 407, 4.7, _TFLITE),
    "efficientnet_lite1": _lite(1.0, 1.1, 240, 631, 5.4, _TFLITE),
    "efficientnet_lite2": _lite(1.1, 1.2, 260, 899, 6.1, _TFLITE),
    "efficientnet_lite3": _lite(1.2, 1.4, 280, 1440, 8.2, _TFLITE),
    "efficientnet_lite4": _lite(1.4, 1.8, 300, 2640, 13.0, _TFLITE),
}
