"""Networks cut out of pretrained ones, each layer fitted in closed form to what the whole one computes at its place.

A slice takes weights and norms over as they are, though most of what they read is gone: its activations drift further
from the pretrained ones with every layer. Here the slice and the whole network see the same images, block after block;
each 1x1 convolution is solved for the outputs of the whole one from the inputs that the slice really has (He, Zhang and
Sun 2017, https://arxiv.org/abs/1707.06168), each other one is rescaled channel by channel, and the last block of a
shortened stage answers for those that are missing. Norms take the statistics of the slice, so that it trains as it
judges.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Self

import torch
from torch import Tensor, nn

from nas.nets.blocks import Residual
from nas.nets.build import build
from nas.nets.pointwise import is_pointwise
from nas.nets.pretrained.base import Pretrained
from nas.nets.slices.cut import initial, places_in
from nas.nets.slices.importance import ordered
from nas.nets.unit import Unit
from nas.spaces.architecture import Architecture
from nas.spaces.layers import Place, places
from nas.spaces.space import SearchSpace

POSITIONS = 4096
"""Places of a map, over all images, that each layer is fitted at."""
ANCHOR = 0.1
"""How much the weights as they were cut count, as a share of the mean variance of the inputs."""
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class _Sample:
    """`rows`, at most `POSITIONS` places of maps N x C x H x W by their channels, in float64; `size` is H x W.

    Of maps of one size and number they are the same places.
    """

    rows: Tensor
    size: torch.Size

    @classmethod
    def of(cls, x: Tensor) -> Self:
        """Some places of `x`."""
        rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        if len(rows) > POSITIONS:
            rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:POSITIONS]]
        return cls(rows.double(), x.shape[2:])

    def __sub__(self, other: Self) -> Self:
        """The difference, in the channels that both have."""
        channels = min(self.rows.shape[1], other.rows.shape[1])
        return replace(self, rows=self.rows[:, :channels] - other.rows[:, :channels])


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a block of the whole network computes at some positions, before activations: in its `parts`, by name, and in
    the end.
    """

    parts: dict[str, _Sample]
    out: _Sample


def images_needed(arch: Architecture, resolution: int) -> int:
    """How many images of so many pixels have `POSITIONS` places in the smallest map of `arch`."""
    side = ceil(resolution / prod(block.stride for block in arch.blocks))
    return ceil(POSITIONS / side**2)


@torch.no_grad()
def reconstructed(
    arch: Architecture, pretrained: Pretrained, images: Tensor, space: SearchSpace | None = None
) -> dict[str, Tensor]:
    """As `nas.nets.slices.cut.initial`, fitted on `images`, N x C x R x R at the network's pixels and normalised.

    A network of the pretrained blocks themselves is left as it is. Raises as `initial` does.
    """
    state = initial(arch, pretrained, space)
    if arch.blocks == pretrained.arch.blocks:
        return state
    source = ordered(pretrained)
    theirs, mine = (build(each, source.conventions).to(images.device).eval() for each in (source.arch, arch))
    theirs.load_state_dict(source.state)
    mine.load_state_dict(state)
    x = images.to(memory_format=torch.channels_last)
    y = x.expand(-1, source.arch.in_channels, -1, -1)
    their_stages = _stages(theirs, places(source.arch))
    for stage, blocks in enumerate(_stages(mine, places_in(space, arch) if space else places(arch))):
        seen = []
        for block in their_stages[stage]:
            found, y = _observe(block, y)
            seen.append(found)
        for index, block in enumerate(blocks):
            own, end = seen[min(index, len(seen) - 1)], seen[-1] if index + 1 == len(blocks) else None
            x = _fit(block, x, own if end is None else replace(own, out=end.out))
    return mine.state_dict()


def _stages(net: nn.Sequential, where: Iterable[Place]) -> list[list[nn.Module]]:
    """The blocks of each stage."""
    stages: dict[int, list[nn.Module]] = {}
    for block, (stage, _) in zip(net, where, strict=False):
        stages.setdefault(stage, []).append(block)
    return list(stages.values())


def _layers(block: nn.Module) -> dict[str, Unit]:
    """The convolutions of a block that have norms, by name and in order."""
    units = {name.removeprefix("body."): part for name, part in block.named_modules() if isinstance(part, Unit)}
    return {name: unit for name, unit in units.items() if len(unit) > 1 and isinstance(unit[1], nn.BatchNorm2d)}


def _observe(block: nn.Module, x: Tensor) -> tuple[_Seen, Tensor]:
    """What `block` computes of `x`, and its output."""
    layers, parts = _layers(block), dict[str, _Sample]()

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda _norm, _given, out: parts.update({name: _Sample.of(out)})

    handles = [unit[1].register_forward_hook(keep(name)) for name, unit in layers.items()]
    y = block(x)
    for handle in handles:
        handle.remove()
    final, unit = list(layers.items())[-1]
    return _Seen(parts, parts[final] if len(unit) > 2 else _Sample.of(y)), y


def _fit(block: nn.Module, x: Tensor, seen: _Seen) -> Tensor:
    """Fit the layers of `block`, whose input is `x`, to what was `seen` at its place; returns its output."""
    layers = _layers(block)
    final, targets = list(layers)[-1], {**seen.parts}
    targets[final] = seen.out
    if isinstance(block, Residual):
        if (passed := _Sample.of(x)).size != seen.out.size:
            return block(x)  # type: ignore[no-any-return]
        targets[final] = seen.out - passed

    def solve(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda unit, given: _solve(unit[0], unit[1], given[0], targets[name])  # type: ignore[index]

    handles = [unit.register_forward_pre_hook(solve(name)) for name, unit in layers.items() if name in targets]
    y: Tensor = block(x)
    for handle in handles:
        handle.remove()
    return y


def _solve(conv: nn.Conv2d, norm: nn.BatchNorm2d, given: Tensor, wanted: _Sample) -> None:
    """Bring what `conv` and `norm` make of `given` close to what is `wanted`, in the channels that both have.

    Maps of another size, as where a stride differs, have nothing to be fitted to.
    """
    sample = _Sample.of(conv(given))
    if sample.size != wanted.size:
        return
    x, made, target = _Sample.of(given).rows, sample.rows, wanted.rows
    rows = min(made.shape[1], target.shape[1])
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).double()
    missing = target[:, :rows] - made[:, :rows] * scale[:rows]
    missing = missing - missing.mean(0)
    if is_pointwise(conv):
        inputs = x - x.mean(0)
        covariance = inputs.T @ inputs / len(x)
        covariance.diagonal().add_((ANCHOR * covariance.diagonal().mean()).clamp(min=_LEAST))
        weight = conv.weight.double()[:, :, 0, 0] * scale[:, None]
        weight[:rows] += torch.linalg.solve(covariance, inputs.T @ missing / len(x)).T
        conv.weight.copy_(weight[:, :, None, None])
        made, scale = x @ weight.T, torch.ones_like(scale)
    else:
        centred = made[:, :rows] - made[:, :rows].mean(0)
        scale[:rows] += (centred * missing).mean(0) / ((1 + ANCHOR) * centred.square().mean(0)).clamp(min=_LEAST)
    norm.running_mean.copy_(made.mean(0))
    norm.running_var.copy_(made.var(0, correction=0))
    norm.weight.copy_(scale * (norm.running_var.double() + norm.eps).sqrt())
    norm.bias[:rows] = target[:, :rows].mean(0).to(norm.bias)
