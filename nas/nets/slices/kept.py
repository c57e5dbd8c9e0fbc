"""How much of pretrained weights the networks of a space keep, told by their choices alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.nets.pretrained.base import Pretrained
from nas.nets.slices.cut import first_blocks, require_alike
from nas.spaces.chain import hidden_channels
from nas.spaces.space import SearchSpace

WEIGHTS: Mapping[str, float] = {"depth": 1 / 3, "out_channels": 1 / 3, "expansion": 1.0, "kernel": 2 / 3}
"""What the logarithm of a share counts, by what is cut: of a kernel's area a third of it, as of blocks and channels.

A linear model of the logarithm of 75 probes' worth (EfficientNet-Lite0 on CIFAR-10) in pixels and in these shares has
these proportions, about; it is right within 5 %, and MACs or latency beside them make it no better.
"""
STREAM = 1.5
"""The same of channels that shortcuts add up, which all blocks of a stage read and write."""
OTHER_OP = 1.0
"""What a stage of another op than theirs loses."""


def kept(space: SearchSpace, pretrained: Pretrained) -> tuple[tuple[float, ...], ...]:
    """For each variable of `space` the logarithms of what its values keep of the weights, 0 for all of them.

    Summed over a genotype they say what is left of what a slice is cut out of. Pixels count nothing: networks are to
    be compared at equal ones. Nor do whole alternatives for a block.

    Raises:
        ConfigError: they have other numbers of stages, or take other images.
    """
    require_alike(space.in_channels, len(space.stages), pretrained)
    found = {variable.name: np.zeros(len(variable.values)) for variable in space.variables}

    def add(name: str, logs: npt.NDArray[np.float64]) -> None:
        if name in found:  # a variable of one value is none
            found[name] += logs

    for stage, (theirs, before, depth) in zip(space.stages, first_blocks(pretrained.arch), strict=True):
        channels, widest = stage.fields["out_channels"], max(space.width)
        stream = STREAM if depth > 1 else WEIGHTS["out_channels"]
        name = stage.variable("out_channels", 0)
        of_choice = [stage.out_channels({name: value}, widest) for value in channels]
        of_width = [stage.out_channels({name: max(channels)}, width) for width in space.width]
        add(f"{stage.name}.depth", WEIGHTS["depth"] * _logs(stage.depth, depth))
        add(name, stream * _logs(of_choice, theirs.out_channels))
        add("width", stream * _logs(of_width, theirs.out_channels))
        for field in stage.fields.keys() & {"kernel", "expansion", "op"}:
            values = stage.fields[field]
            own = hidden_channels(theirs, before) / before if field == "expansion" else getattr(theirs, field)
            lost = -OTHER_OP * (np.array(values) != own) if field == "op" else WEIGHTS[field] * _logs(values, own)
            names = {stage.variable(field, index) for index in range(max(stage.depth))}
            for each in names:
                add(each, lost / len(names))
    return tuple(tuple(logs.tolist()) for logs in found.values())


def _logs(values: Sequence[Any], theirs: float) -> npt.NDArray[np.float64]:
    """Of the shares of what they have; of more it is all, of nothing, a stage left out, as of half."""
    logs: npt.NDArray[np.float64] = np.log(np.clip(np.asarray(values, dtype=np.float64), 0.5, theirs) / theirs)
    return logs
