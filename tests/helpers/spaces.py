"""Search spaces that tests use."""

from functools import cache

import numpy as np

from nas.spaces.architecture import Architecture
from nas.spaces.space import SearchSpace

SHIPPED = ("lite", "mobilenet_v1", "mobilenet_v2", "nas_bench_macro", "separable", "small", "tiny")

# Further spaces, with what the shipped ones do not use.
MADE = {
    "per_block": """
        resolution: 32
        downsample: 2
        stem: {op: conv, kernel: 3, stride: 2, out_channels: 8, activation: [hswish, relu]}
        stages:
          - {op: [sep, mbconv], kernel: [3, 5], expansion: [1, 6], out_channels: [8, 16], depth: [1, 2, 3],
             per_block: [op, kernel, expansion], se: [0, 0.25], norm_between: [true, false]}
    """,
    "blocks": """
        resolution: [32, 48]
        width: [0.5, 1.0, 2.0]
        downsample: 4
        in_channels: 1
        classes: 7
        stages:
          - {op: conv, kernel: 3, out_channels: 16, stride: [1, 2, 4]}
          - blocks: [identity, {op: sep, kernel: 5}, {op: mbconv, kernel: 3, expansion: 3, se: 0.5}]
            out_channels: [16, 32]
            activation: [relu6, elu]
            depth: [1, 3]
            stride: [1, 2, 4]
        head: {op: conv, kernel: 1, out_channels: 64, scaled: false}
    """,
}

YAML = """resolution: 32
downsample: 4
stages:
  - {op: [sep, mbconv], kernel: 3, expansion: 3, out_channels: 8, stride: 4}
"""

# Small spaces in which several genotypes give one network, each in its own way.
AMBIGUOUS = {
    "widths": """
        resolution: [24, 32]
        width: [0.25, 0.35, 0.5, 1.0]
        downsample: 4
        stem: {op: conv, kernel: 3, stride: 2, out_channels: 16}
        stages:
          - {op: [sep, mbconv], kernel: [3, 5], expansion: [2, 3], out_channels: [16, 24], depth: [1, 2], stride: 2}
          - {op: mbconv, kernel: 3, expansion: [1, 4], out_channels: [24, 40]}
        head: {op: conv, kernel: 1, out_channels: 64, depth: [0, 1], scaled: false}
    """,
    "depths": """
        resolution: 32
        downsample: 2
        stages:
          - {op: [sep, mbconv], kernel: [3, 5], expansion: 2, out_channels: [8, 16], depth: [1, 2, 3], stride: [1, 2]}
          - {op: [sep, mbconv], kernel: [3, 5], expansion: 2, out_channels: 16, depth: [0, 2, 3]}
          - {op: [sep, mbconv], kernel: 3, expansion: [2, 6], out_channels: 16, depth: [1, 4], stride: [1, 2]}
    """,
    "identities": """
        resolution: [32, 48]
        width: [0.5, 1.0]
        downsample: 4
        in_channels: 1
        classes: 7
        stages:
          - {op: conv, kernel: 3, out_channels: 16, stride: [1, 2, 4]}
          - blocks: [identity, {op: sep, kernel: 5}, {op: mbconv, kernel: 3, expansion: 3, se: 0.5}]
            out_channels: [16, 32]
            activation: [relu6, elu]
            depth: [1, 3]
            stride: [1, 2, 4]
        head: {op: conv, kernel: 1, out_channels: 64, scaled: false}
    """,
    "per_block": """
        resolution: 32
        downsample: 2
        stem: {op: conv, kernel: 3, stride: 2, out_channels: 8, activation: [hswish, relu]}
        stages:
          - {op: [sep, mbconv], kernel: [3, 5], expansion: [1, 6], out_channels: [8, 16], depth: [1, 2],
             per_block: [op, kernel], se: [0, 0.25]}
          - {op: sep, kernel: [3, 5], out_channels: 16, depth: [0, 1, 2], per_block: [kernel], se: 0.25}
    """,
}


@cache
def every(space: SearchSpace) -> dict[str, Architecture]:
    """All networks of a space by key: by brute force, without the automaton."""
    return {arch.key: arch for arch in map(space.architecture, space.genotypes())}


def networks(space: SearchSpace, n: int, seed: int = 0) -> list[Architecture]:
    """`n` networks of `space`, drawn at random."""
    return [space.architecture(row) for row in space.sample(np.random.default_rng(seed), n)]
