"""One set of weights for every network of a search space.

Each place of the space (a stage, and the n-th block that runs in it) holds one largest block for each kind of
block it may run; a network takes slices of them: kernels from the centre, channels, expansions and the squeezed
channels of an SE from the front, depth by taking a stage's first blocks (Cai et al. 2020,
https://arxiv.org/abs/1908.09791; Yu et al. 2020, https://arxiv.org/abs/2003.11142). Slices are views, so
gradients reach the shared weights. Batch norm shares its weights and biases; its running statistics belong to
one network and are found by `recalibrate`.

What never shares a block: ops, because a `sep` filters its input and an `mbconv` an expansion of it, and depthwise
weights are the small part (4 % of those of the space `separable`); for the same reason, expansion 1 and larger ones;
and blocks with and without the norm between, since that norm frees a kernel of its scale.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nas.nets.blocks import block_module
from nas.nets.build import build
from nas.nets.conventions import PLAIN, Conventions
from nas.nets.pretrained.base import Pretrained
from nas.nets.slices.cut import paste_block, require_alike, slice_kind
from nas.nets.slices.importance import ordered
from nas.spaces.architecture import Architecture
from nas.spaces.block import RULES, Block, weight_kind
from nas.spaces.layers import places
from nas.spaces.space import SearchSpace
from nas.spaces.stage import Stage


class Supernet(nn.Module):
    """The largest blocks of `space`, drawn as `nas.nets.build` draws weights; seed torch for repeatable ones.

    Its networks follow `conventions`.
    """

    def __init__(self, space: SearchSpace, conventions: Conventions = PLAIN) -> None:
        super().__init__()
        self.space = space
        self.conventions = conventions
        self.blocks = nn.ModuleDict()
        reached = space.in_channels
        for stage in space.stages:
            widest = max(block.out_channels for block in _choices(stage, space.width))
            entry = reached
            for index in range(max(stage.depth)):
                for kind, block in _largest(_choices(stage, space.width)).items():
                    net = build(Architecture(1, entry, space.classes, (block,)), conventions)
                    self.blocks[f"{stage.name}-{index}-{kind}"] = net[0]
                entry = widest
            reached = max(reached, widest) if 0 in stage.depth else widest
        classifier = build(Architecture(1, space.in_channels, space.classes, (Block("conv", 1, 1, reached),)))[-1]
        assert isinstance(classifier, nn.Linear)
        self.classifier: nn.Linear = classifier
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):  # statistics of no network in particular
                module.num_batches_tracked = module.running_mean = module.running_var = None

    def forward(self, images: Tensor, arch: Architecture, statistics: Mapping[str, Tensor] | None = None) -> Tensor:
        """Logits (N, classes) of `arch` for images (N, in_channels, H, W).

        Batch norm uses the statistics of this batch, or those in `statistics` under their names in the `state_dict` of
        `build(arch)`.

        Raises:
            SpaceError: the network is not in the space.
        """
        x = images
        for number, (place, block, channels) in enumerate(self._walk(arch)):
            module = _skeletons.of(block, channels, self.conventions).train(statistics is None)
            state = self._slices(place, module)
            if statistics is not None:
                state |= {name: statistics[f"{number}.{name}"] for name, _ in module.named_buffers()}
            x = functional_call(module, state, x, tie_weights=False)
        pooled = x.mean((2, 3))
        return nn.functional.linear(pooled, self._classifier_weight(pooled.shape[1]), self.classifier.bias)

    def state(self, arch: Architecture) -> dict[str, Tensor]:
        """The weights of `arch` under their names in the `state_dict` of `build(arch)`, as views.

        Raises:
            SpaceError: the network is not in the space.
        """
        state: dict[str, Tensor] = {}
        for number, (place, block, channels) in enumerate(self._walk(arch)):
            slices = self._slices(place, _skeletons.of(block, channels, self.conventions))
            state |= {f"{number}.{name}": weight for name, weight in slices.items()}
        last = len(arch.blocks) + 2
        state[f"{last}.weight"] = self._classifier_weight(arch.blocks[-1].out_channels)
        return state | {f"{last}.bias": self.classifier.bias}

    def subnet(self, arch: Architecture) -> nn.Module:
        """`build(arch)` with a copy of its weights; the statistics of batch norms are a new network's.

        Raises:
            SpaceError: the network is not in the space.
        """
        with torch.device("meta"):
            net = build(arch, self.conventions)
        net.to_empty(device=self.classifier.bias.device)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
        net.load_state_dict(net.state_dict() | self.state(arch))
        return net

    def _walk(self, arch: Architecture) -> Iterator[tuple[str, Block, int]]:
        """Every block of `arch` with the key of its largest and the channels that reach it."""
        channels = self.space.in_channels
        for place, block in zip(_places(self.space, arch), arch.blocks, strict=True):
            yield f"{place}-{weight_kind(block)}", block, channels
            channels = block.out_channels

    def _slices(self, key: str, module: nn.Module) -> dict[str, Tensor]:
        shared = _by_role(self.blocks[key])
        return {name: _slice(shared[_role(name)], weight.shape) for name, weight in module.named_parameters()}

    def _classifier_weight(self, channels: int) -> Tensor:
        return self.classifier.weight[:, :channels]


@torch.no_grad()
def begin_from(net: Supernet, pretrained: Pretrained) -> None:
    """Put `pretrained` weights in the front and the centre of the shared ones, the most important channels first.

    Raises:
        ConfigError: its networks have another number of stages, or take other images.
    """
    source, stages = ordered(pretrained), net.space.stages
    require_alike(net.space.in_channels, len(stages), source)
    for number, ((stage, index), block) in enumerate(zip(places(source.arch), source.arch.blocks, strict=True)):
        key = f"{stages[stage].name}-{index}-{slice_kind(block)}"
        if key in net.blocks:
            paste_block(_by_role(net.blocks[key]), source, number, net.space.in_channels)


def recalibrate(net: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the statistics of every batch norm of `net` to the mean over `batches` of images."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    training = net.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over batches
    net.train()
    with torch.no_grad():
        for images in batches:
            net(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    net.train(training)


@lru_cache(maxsize=4096)
def _places(space: SearchSpace, arch: Architecture) -> tuple[str, ...]:
    """The place of every block: its stage, and how many blocks of the stage run before it.

    Raises:
        SpaceError: the network is not in the space.
    """
    running = Counter[str]()
    places = []
    for stage, _ in space.choices.blocks(space.choices.chosen(space.genotype(arch))):
        places.append(f"{stage.name}-{running[stage.name]}")
        running[stage.name] += 1
    return tuple(places)


def _choices(stage: Stage, widths: tuple[float, ...]) -> Iterator[Block]:
    """Every block that `stage` may run, at stride 1."""
    names = [stage.variable(name, 0) for name in stage.fields] + [stage.variable("block", 0)]
    values = [*stage.fields.values(), range(max(1, len(stage.blocks)))]
    for width, row in product(widths, product(*values)):
        block = stage.block(dict(zip(names, row, strict=True)), 0, width, 1, 0)
        if block is not None:
            yield block


def _largest(blocks: Iterable[Block]) -> dict[str, Block]:
    """The largest block of every kind: the largest of each size among its blocks."""
    kinds: dict[str, list[Block]] = {}
    for block in blocks:
        kinds.setdefault(weight_kind(block), []).append(block)
    return {kind: _covering(members) for kind, members in kinds.items()}


def _covering(members: Sequence[Block]) -> Block:
    """The block of stride 1 that holds the weights of all `members`, which are of one kind."""
    values: dict[str, Any] = {"stride": 1}
    for name, rules in RULES.items():
        if rules.slices:
            values[name] = max(getattr(block, name) for block in members)
        elif rules.apart:
            values[name] = getattr(members[0], name)
    return Block(**values)


class _Skeletons(threading.local):
    """Modules of blocks without weights, of each thread its own, since calls lend them weights."""

    def __init__(self) -> None:
        self.of = lru_cache(maxsize=4096)(_skeleton)


_building = threading.Lock()


def _skeleton(block: Block, channels: int, conventions: Conventions) -> nn.Module:
    """The module of `block` without weights. It keeps no statistics: in training, batch norms see the batch alone."""
    with _building, torch.device("meta"):
        module = block_module(block, channels, conventions)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.track_running_stats = False
    return module


_skeletons = _Skeletons()


def _by_role(block: nn.Module) -> dict[str, Tensor]:
    return {_role(name): weight for name, weight in block.named_parameters()}


def _role(name: str) -> str:
    """The name of a weight in its block, whether a shortcut goes around the block or not."""
    return name.removeprefix("body.")


def _slice(weight: Tensor, shape: torch.Size) -> Tensor:
    """Outputs and inputs from the front, kernels from the centre; a view."""
    margins = [0, 0, *((large - small) // 2 for large, small in zip(weight.shape[2:], shape[2:], strict=True))]
    for axis, (margin, size) in enumerate(zip(margins, shape, strict=False)):
        if weight.shape[axis] != size:
            weight = weight.narrow(axis, margin, size)
    return weight
