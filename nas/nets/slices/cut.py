"""Networks cut out of pretrained ones: front slices of channels, kernels from the centre, the first blocks of stages.

A stage is a run of blocks of one op and width, of which the first alone may have a stride; stages pair up by number.
What is larger than the pretrained weights keeps them in its front and its centre: a larger kernel is zero around them,
all else starts as `nas.nets.build` draws it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from torch import Tensor

from nas.errors import ConfigError
from nas.nets.build import build
from nas.nets.pretrained.base import Pretrained
from nas.nets.slices.importance import ordered, roles
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block, weight_kind
from nas.spaces.layers import Place, places
from nas.spaces.space import SearchSpace


def initial(arch: Architecture, pretrained: Pretrained, space: SearchSpace | None = None) -> dict[str, Tensor]:
    """The state dict of `build(arch, pretrained.conventions)` to start from; seed torch, which draws what is new.

    The classifier is new, unless the pretrained one has as many classes. A `space`, which must have `arch`, tells its
    stages; without one they are told from the blocks. Grey images meet the sum of the filters for colours.

    Raises:
        ConfigError: the two networks have other numbers of stages, or take other images.
        SpaceError: the network is not in the space.
    """
    source = ordered(pretrained)
    require_cut(arch, source, space)
    state = build(arch, source.conventions).state_dict()
    at = {place: number for number, place in enumerate(places(source.arch))}
    mine_at = places_in(space, arch) if space else places(arch)
    for number, (place, block) in enumerate(zip(mine_at, arch.blocks, strict=True)):
        origin = at.get(place)
        if origin is None or slice_kind(block) != slice_kind(source.arch.blocks[origin]):
            continue
        mine = {role: state[name] for role, name in roles(state, number).items()}
        paste_block(mine, source, origin, arch.in_channels)
    if source.head and arch.classes == source.arch.classes:
        for role in ("weight", "bias"):
            _paste(state[f"{len(arch.blocks) + 2}.{role}"], source.state[f"{len(source.arch.blocks) + 2}.{role}"])
    return state


def require_cut(arch: Architecture, pretrained: Pretrained, space: SearchSpace | None = None) -> None:
    """Refuse what `initial` cannot cut out of the weights; a `space` must have `arch`.

    Raises:
        ConfigError: see above.
    """
    require_alike(arch.in_channels, len(space.stages) if space else _stages(arch), pretrained)


def require_alike(in_channels: int, stages: int, pretrained: Pretrained) -> None:
    """Refuse to cut networks of `stages` for images of `in_channels` out of weights that they have nothing to do with.

    Raises:
        ConfigError: see above.
    """
    if in_channels not in (1, pretrained.arch.in_channels):
        raise ConfigError(
            f"init={pretrained.name} takes images of {pretrained.arch.in_channels} channels, got {in_channels}"
        )
    if stages != (theirs := _stages(pretrained.arch)):
        raise ConfigError(
            f"init={pretrained.name} has {theirs} stages, stem and head among them, and the networks asked for have "
            f"{stages}; choose a search_space that begins from it, such as lite or mobilenet_v2"
        )


def _stages(arch: Architecture) -> int:
    return max(stage for stage, _ in places(arch)) + 1


def places_in(space: SearchSpace, arch: Architecture) -> Iterator[Place]:
    """The place of every block, as its space has it."""
    numbers = {stage.name: number for number, stage in enumerate(space.stages)}
    running = Counter[str]()
    for stage, _ in space.choices.blocks(space.choices.chosen(space.genotype(arch))):
        yield numbers[stage.name], running[stage.name]
        running[stage.name] += 1


def slice_kind(block: Block) -> str:
    """The name that blocks share which can be slices of one another: as `weight_kind`, of expansions to any width."""
    return weight_kind(replace(block, hidden=0, expansion=2) if block.op == "mbconv" and block.hidden else block)


def first_blocks(arch: Architecture) -> tuple[tuple[Block, int, int], ...]:
    """Of each stage the first block, the channels that reach it, and how many blocks it has."""
    channels = (arch.in_channels, *(block.out_channels for block in arch.blocks))
    numbers = tuple(places(arch))
    depths = Counter(stage for stage, _ in numbers)
    walk = zip(numbers, arch.blocks, channels, strict=False)
    return tuple((block, before, depths[stage]) for (stage, index), block, before in walk if index == 0)


def paste_block(targets: Mapping[str, Tensor], source: Pretrained, number: int, in_channels: int) -> None:
    """Put what block `number` of `source` has into `targets`, by role, of a network for images of `in_channels`.

    Grey images meet the sum of the filters for colours.
    """
    block, theirs = source.arch.blocks[number], roles(source.state, number)
    for role in targets.keys() & theirs.keys():
        tensor = source.state[theirs[role]]
        grey = number == 0 and block.op == "conv" and tensor.ndim == 4 and in_channels == 1
        _paste(targets[role], tensor.sum(1, keepdim=True) if grey else tensor)


def _paste(target: Tensor, source: Tensor) -> None:
    """Put as much of `source` as there is room for into the front of `target`, and into the centre of kernels."""
    if not target.ndim:
        target.copy_(source)
        return
    for axis in range(min(2, target.ndim)):
        shared = min(target.shape[axis], source.shape[axis])
        target, source = target.narrow(axis, 0, shared), source.narrow(axis, 0, shared)
    if target.ndim == 4:
        target.zero_()
        for axis in (2, 3):
            large, small = target.shape[axis], source.shape[axis]
            if large >= small:
                target = target.narrow(axis, (large - small) // 2, small)
            else:
                source = source.narrow(axis, (small - large) // 2, large)
    target.copy_(source)
