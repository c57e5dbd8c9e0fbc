"""Networks of other blocks that also make convolutions cheap: squeezed, shuffled, grouped.

SqueezeNet: Iandola et al. 2016, https://arxiv.org/abs/1602.07360 (1.1 of its authors' repository); ShuffleNet: Zhang et
al. 2018, https://arxiv.org/abs/1707.01083, and Ma et al. 2018, https://arxiv.org/abs/1807.11164; ResNeXt: Xie et al.
2017, https://arxiv.org/abs/1611.05431; CondenseNet: Huang et al. 2018, https://arxiv.org/abs/1711.09224.
"""

from nas.spaces.catalogue.published import Published, at_widths, fixed

_SQUEEZENET = (
    "conv3/2-64:relu:bias max3/2-64 fire3h16-128x2:relu:bias max3/2-128 fire3h32-256x2:relu:bias max3/2-256 "
    "fire3h48-384x2:relu:bias fire3h64-512x2:relu:bias"
)
_SHUFFLE_V1 = {
    width: (round(24 * width) if width in (0.5, 2) else 24, round(240 * width)) for width in (0.5, 1, 1.5, 2)
}
_SHUFFLE_V2 = {0.5: (48, 1024), 1.0: (116, 1024), 1.5: (176, 1024), 2.0: (244, 2048)}
# blocks and growth of each stage
_CONDENSED = [(4, 8), (6, 16), (8, 32), (10, 64), (8, 128)]


def _shuffle_v1(channels: tuple[int, ...]) -> str:
    stem, first = channels
    stages = " ".join(f"gs3/2-{first * times}x{depth}:relu:g3" for times, depth in ((1, 4), (2, 8), (4, 4)))
    return f"conv3/2-{stem}:relu max3/2-{stem} {stages}"


def _shuffle_v2(channels: tuple[int, ...]) -> str:
    first, last = channels
    stages = " ".join(f"sh3/2-{first * times}x{depth}:relu" for times, depth in ((1, 4), (2, 8), (4, 4)))
    return f"conv3/2-24:relu max3/2-24 {stages} conv1-{last}:relu"


def _resnext() -> str:
    """ResNeXt-26 (32x4d) without its shortcuts."""
    stages = ((128, 1), (256, 2), (512, 2), (1024, 2))
    blocks = (
        f"conv1-{hidden}:relu conv3{'/2' * (stride > 1 and index == 0)}-{hidden}:relu:g32 conv1-{2 * hidden}:relu"
        for hidden, stride in stages
        for index in range(2)
    )
    return f"conv7/2-64:relu max3/2-64 {' '.join(blocks)}"


def _condensenet(groups: int) -> str:
    words, channels = ["conv3/2-16:relu"], 16
    for stage, (depth, growth) in enumerate(_CONDENSED):
        words += [f"avg3/2-{channels}"] if stage else []
        for _ in range(depth):
            channels += growth
            words.append(f"dense3h{4 * growth}-{channels}:relu:g{groups}")
    return " ".join(words)


_CONDENSE_WHY = (
    "groups are fixed, not learned; its classifier reads half of the channels, ours all; batch norms stand after the "
    "convolutions, not before"
)
BRANCHED = {
    "squeezenet_1_1": Published(
        fixed(_SQUEEZENET),
        "osmr/imgclsmob, README; torchvision",
        352.0,
        1.24,
        "its classifier is a convolution before the pool, ours follows it (86M fewer MACs); maps have a pixel more, "
        "since ours pad by kernel // 2",
    ),
    "shufflenet_v1": Published(
        at_widths(_SHUFFLE_V1, _shuffle_v1), "osmr/imgclsmob, README (arXiv:1707.01083; 3 groups)", 140, 1.87
    ),
    "shufflenet_v2": Published(at_widths(_SHUFFLE_V2, _shuffle_v2), "megvii-model/ShuffleNet-Series, README", 146, 2.3),
    "resnext26_plain": Published(
        fixed(_resnext()), "qed-usc/mobile-ml-benchmark; osmr/imgclsmob", 2471.7, 15.4, "it has no projected shortcuts"
    ),
    "condensenet_g4": Published(fixed(_condensenet(4)), "ShichenLiu/CondenseNet, README", 529, 4.8, _CONDENSE_WHY),
    "condensenet_g8": Published(fixed(_condensenet(8)), "ShichenLiu/CondenseNet, README", 274, 2.9, _CONDENSE_WHY),
}
