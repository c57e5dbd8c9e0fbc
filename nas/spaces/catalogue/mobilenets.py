"""The MobileNets, and what their papers compare them with.

Howard et al. 2017, https://arxiv.org/abs/1704.04861, tables 1 to 8; Sandler et al. 2018, https://arxiv.org/abs/1801.04381,
table 2; Howard et al. 2019, https://arxiv.org/abs/1905.02244, tables 1 and 2; Qin et al. 2024,
https://arxiv.org/abs/2404.10518, tables 11 and 12; FD-MobileNet: Qin et al. 2018, https://arxiv.org/abs/1802.03750.
"""

from collections.abc import Iterator
from dataclasses import replace

from nas.spaces.block import Block
from nas.spaces.catalogue.published import Published, scaled, widened
from nas.spaces.chain import divisible
from nas.spaces.notation import read_line

# out_channels, stride of each separable block
_V1 = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
# expansion, out_channels, depth, stride of each stage
_V2 = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]

_V3_LARGE = (
    "conv3/2-16:hswish mb3e1-16:relu mb3h64/2-24:relu mb3h72-24:relu mb5h72/2-40:relu:se0.25 mb5h120-40x2:relu:se0.25 "
    "mb3h240/2-80:hswish mb3h200-80:hswish mb3h184-80x2:hswish mb3h480-112:hswish:se0.25 mb3h672-112:hswish:se0.25 "
    "mb5h672/2-160:hswish:se0.25 mb5h960-160x2:hswish:se0.25 conv1-960:hswish"
)
_V3_SMALL = (
    "conv3/2-16:hswish mb3e1/2-16:relu:se0.25 mb3h72/2-24:relu mb3h88-24:relu mb5h96/2-40:hswish:se0.25 "
    "mb5h240-40x2:hswish:se0.25 mb5h120-48:hswish:se0.25 mb5h144-48:hswish:se0.25 mb5h288/2-96:hswish:se0.25 "
    "mb5h576-96x2:hswish:se0.25 conv1-576:hswish"
)
_V4_SMALL = (
    "conv3/2-32:relu conv3/2-32:relu conv1-32:relu conv3/2-96:relu conv1-64:relu mb5e3/2-96:relu:dw5 mb3e2-96x4:relu "
    "mb1e4-96:relu:dw3:nodw mb3e6/2-128:relu:dw3 mb5e4-128:relu:dw5 mb5e4-128:relu mb5e3-128:relu mb3e4-128x2:relu "
    "conv1-960:relu gap1-960 conv1-1280:relu"
)
_V4_MEDIUM = (
    "conv3/2-32:relu mb3e4/2-48:relu:fused mb5e4/2-80:relu:dw3 mb3e2-80:relu:dw3 mb5e6/2-160:relu:dw3 "
    "mb3e4-160x2:relu:dw3 mb5e4-160:relu:dw3 mb3e4-160:relu:dw3 mb1e4-160:relu:dw3:nodw mb1e2-160:relu:nodw "
    "mb1e4-160:relu:dw3:nodw mb5e6/2-256:relu:dw5 mb5e4-256:relu:dw5 mb5e4-256x2:relu:dw3 mb1e4-256:relu:nodw "
    "mb1e4-256:relu:dw3:nodw mb5e2-256:relu:dw3 mb5e4-256:relu:dw5 mb1e4-256x2:relu:nodw mb1e2-256:relu:dw5:nodw "
    "conv1-960:relu gap1-960 conv1-1280:relu"
)


def _mobilenet_v1(width: float) -> Iterator[Block]:
    yield Block("conv", 3, 2, divisible(32 * width))
    for channels, stride in _V1:
        yield Block("sep", 3, stride, divisible(channels * width))


def _standard(width: float) -> Iterator[Block]:
    for block in _mobilenet_v1(width):
        yield replace(block, op="conv")


def _shallow(width: float) -> Iterator[Block]:
    blocks = list(_mobilenet_v1(width))
    yield from (*blocks[:7], *blocks[12:])


def _pointwise_first(width: float) -> Iterator[Block]:
    first, *others = _mobilenet_v1(width)
    yield first
    for block in others:
        channels = block.out_channels
        yield Block("conv", 1, 1, channels, activation="none")
        yield Block("conv", block.kernel, block.stride, channels, groups=channels)


def _mobilenet_v2(width: float) -> Iterator[Block]:
    yield Block("conv", 3, 2, divisible(32 * width))
    for expansion, channels, depth, stride in _V2:
        for index in range(depth):
            yield Block("mbconv", 3, stride if index == 0 else 1, divisible(channels * width), expansion)
    yield Block("conv", 1, 1, divisible(1280 * max(1.0, width)))


def _mobilenet_v3(words: str, last: int, width: float) -> Iterator[Block]:
    *_, blocks = read_line(f"224x3 {words} fc1000")
    for block in blocks:
        yield widened(block, width)
    channels = divisible(blocks[-1].out_channels * width)
    yield Block("gap", 1, 1, channels)
    yield Block("conv", 1, 1, divisible(last * max(1.0, width)), activation="hswish", bias=True)


def _mobilenet_v3_large(width: float) -> Iterator[Block]:
    return _mobilenet_v3(_V3_LARGE, 1280, width)


def _mobilenet_v3_small(width: float) -> Iterator[Block]:
    return _mobilenet_v3(_V3_SMALL, 1024, width)


_PAPER = "arXiv:1704.04861"
MOBILENETS = {
    "mobilenet_v1": Published(_mobilenet_v1, f"{_PAPER}, table 4", 569, 4.2),
    "mobilenet_v1_conv": Published(
        _standard, f"{_PAPER}, table 4", 4866, 29.3, "without its classifier it has 4,866.3M"
    ),
    "mobilenet_v1_shallow": Published(_shallow, f"{_PAPER}, table 5", 307, 2.9),
    "mobilenet_v1_xception": Published(
        _pointwise_first,
        f"{_PAPER}, table 4",
        569,
        4.2,
        "no published network but MobileNetV1 as Xception orders it (arXiv:1610.02357): the depthwise convolutions "
        "filter the output channels, and the 1x1 ones run before the stride",
    ),
    "fd_mobilenet": Published(
        scaled("conv3/2-32 sep3/2-64 sep3/2-128x2 sep3/2-256x2 sep3/2-512x5 sep3-1024"),
        "osmr/imgclsmob, README (arXiv:1802.03750)",
        144.5,
        2.9,
    ),
    "mobilenet_v2": Published(_mobilenet_v2, "arXiv:1801.04381, table 4", 300, 3.4, "timm and torchvision count 3.50M"),
    "mobilenet_v3_large": Published(_mobilenet_v3_large, "arXiv:1905.02244, table 3", 219, 5.4, "torchvision: 5.48M"),
    "mobilenet_v3_small": Published(
        _mobilenet_v3_small,
        "arXiv:1905.02244, table 3",
        66,
        2.9,
        "the figures belong to a last convolution of 1280 channels and other sizes; with 1024, as table 2 of the paper "
        "and torchvision have it, there are 2.54M params",
    ),
    "mobilenet_v4_conv_small": Published(
        scaled(_V4_SMALL), "arXiv:2404.10518, table 5", 200, 3.8, "the paper rounds to 0.2 G; timm counts 190M"
    ),
    "mobilenet_v4_conv_medium": Published(
        scaled(_V4_MEDIUM),
        "arXiv:2404.10518, table 5",
        1000,
        9.2,
        "the paper folds batch norms and rounds to 1.0 G; timm counts 9.72M params",
        resolution=256,
    ),
}
