"""The papers' experiments as data: which networks are trained, how, and which of them are compared."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import Block

CLASSES = 10


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison: a network, what of the recipe it changes, and how it comes to its accuracy.

    `how`: `trained`; `distilled` from `teacher` as well; `int8` after training, `tuned` with its weights rounded in a
    further epoch before that.
    """

    name: str
    arch: Architecture
    recipe: tuple[tuple[str, Any], ...] = ()
    how: Literal["trained", "distilled", "int8", "tuned"] = "trained"
    teacher: Architecture | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question; the first of its arms is what the others are compared with. `line`: accuracy over log MACs too."""

    title: str
    arms: Callable[[int], Iterator[Arm]]
    line: bool = False


def v1(name: str, pixels: int) -> Architecture:
    """A relative of MobileNet v1 of total stride 8."""
    return baseline(f"{name}_s8_r{pixels}", classes=CLASSES)


def small_v2(pixels: int, expansion: int = 6, **options: Any) -> Architecture:
    """Inverted residuals of total stride 8; `options` are those of each block that expands."""
    words = f"{pixels}x3 conv3-16 mb3e1-16 mb3e6/2-24x2 mb3e6/2-32x3 mb3e6/2-64x3 conv1-256 fc{CLASSES}"
    arch = Architecture.from_notation(words)

    def changed(block: Block) -> Block:
        return replace(block, expansion=expansion, **options) if block.expansion > 1 else block

    return replace(arch, blocks=tuple(map(changed, arch.blocks)))


def activated(arch: Architecture, activation: str) -> Architecture:
    """The network with another activation everywhere."""
    return replace(arch, blocks=tuple(replace(block, activation=activation) for block in arch.blocks))


def _separable(pixels: int) -> Iterator[Arm]:
    yield Arm("standard convolutions", v1("mobilenet_v1_conv_w0.25", pixels))
    yield Arm("separable convolutions", v1("mobilenet_v1_w0.25", pixels))


def _thinner(pixels: int) -> Iterator[Arm]:
    yield Arm("shallower", v1("mobilenet_v1_shallow_w0.25", pixels))
    yield Arm("thinner", v1("mobilenet_v1_w0.1875", pixels))


def _linear(pixels: int) -> Iterator[Arm]:
    yield Arm("linear bottlenecks", small_v2(pixels))
    yield Arm("ReLU6 in the bottlenecks", small_v2(pixels, nonlinear=True))


def _shortcut(pixels: int) -> Iterator[Arm]:
    yield Arm("shortcuts between bottlenecks", small_v2(pixels))
    yield Arm("no shortcuts", small_v2(pixels, shortcut=False))


def _expansion(pixels: int) -> Iterator[Arm]:
    for expansion in (6, 3, 1):
        yield Arm(f"expansion {expansion}", small_v2(pixels, expansion))


def _activation(pixels: int) -> Iterator[Arm]:
    for name in ("relu6", "relu", "hswish", "elu"):
        yield Arm(name, activated(small_v2(pixels), name))


def _norm(pixels: int) -> Iterator[Arm]:
    arch = v1("mobilenet_v1_w0.25", pixels)
    without = (replace(block, norm_between=False) if block.op == "sep" else block for block in arch.blocks)
    yield Arm("batch norm between", arch)
    yield Arm("none between", replace(arch, blocks=tuple(without)))


def _schedule(pixels: int) -> Iterator[Arm]:
    for name in ("constant", "cosine", "cyclical", "one_cycle"):
        recipe = () if name == "one_cycle" else (("schedule", name),)
        yield Arm(name, v1("mobilenet_v1_w0.25", pixels), recipe)


def _distillation(pixels: int) -> Iterator[Arm]:
    student, teacher = v1("mobilenet_v1_w0.25", pixels), v1("mobilenet_v1_w0.5", pixels)
    yield Arm("by labels alone", student)
    yield Arm("distilled from MobileNetV1 0.5", student, (), "distilled", teacher)


def _int8(pixels: int) -> Iterator[Arm]:
    yield Arm("fp32", small_v2(pixels))
    yield Arm("int8 after training", small_v2(pixels), (), "int8")
    yield Arm("int8, fine-tuned", small_v2(pixels), (), "tuned")


def _grid(pixels: int) -> Iterator[Arm]:
    for width in (0.375, 0.25, 0.1875, 0.125):
        for share in (1.0, 0.75, 0.5):
            size = round(share * pixels / 8) * 8
            yield Arm(f"α = {width:g}, {size} pixels", v1(f"mobilenet_v1_w{width}", size))


EXPERIMENTS: Mapping[str, Experiment] = {
    "separable": Experiment("Separable against standard convolutions", _separable),
    "thinner": Experiment("Thinner against shallower", _thinner),
    "linear": Experiment("Linear against non-linear bottlenecks", _linear),
    "shortcut": Experiment("Shortcuts between bottlenecks against none", _shortcut),
    "expansion": Experiment("Expansion 1, 3 and 6", _expansion),
    "activation": Experiment("ReLU, ReLU6, h-swish and ELU", _activation),
    "norm": Experiment("Batch norm between depthwise and pointwise against none", _norm),
    "schedule": Experiment("Constant, cosine, cyclical and one-cycle learning rates", _schedule),
    "distillation": Experiment("Distillation against none", _distillation),
    "int8": Experiment("fp32 against int8", _int8),
    "grid": Experiment("Accuracy over the logarithm of MACs, α × ρ", _grid, line=True),
}
