"""Blocks as frozen data. Each field declares here all that notation, JSON, spaces and supernets know of it.

- `conv`: kxk convolution, batch norm, activation.
- `sep`: kxk depthwise, batch norm, activation, 1x1 pointwise, batch norm, activation
  (MobileNet v1; Howard et al. 2017, https://arxiv.org/abs/1704.04861).
- `mbconv`: 1x1 expansion (absent at expansion 1), kxk depthwise, linear 1x1 projection, identity
  shortcut when the stride is 1 and the channels agree (MobileNet v2; Sandler et al. 2018,
  https://arxiv.org/abs/1801.04381).

A search chooses among these. Published networks also have, made by one walk and one module (branches.py):

- `fire`: 1x1 squeeze, then 1x1 and kxk convolutions side by side (SqueezeNet; Iandola et al. 2016,
  https://arxiv.org/abs/1602.07360).
- `gshuffle`: grouped 1x1, shuffle, kxk depthwise, grouped 1x1, and the input added, or at a stride its average pool
  beside them (ShuffleNet v1; Zhang et al. 2018, https://arxiv.org/abs/1707.01083).
- `shuffle`: half of the channels, at a stride all of them twice, through 1x1, kxk depthwise, 1x1; then a shuffle
  (ShuffleNet v2; Ma et al. 2018, https://arxiv.org/abs/1807.11164).
- `dense`: grouped 1x1, shuffle, grouped kxk, beside the input (CondenseNet; Huang et al. 2018,
  https://arxiv.org/abs/1711.09224).
- `maxpool`, `avgpool`: of kxk pixels; `gap`: the mean of the whole map, after which there is one pixel.

A new field is declared here; what it does stands in `nas.spaces.layers` and, as a module, in `nas.nets.blocks`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from typing import Any

from nas.errors import ArchitectureError
from nas.reading.words import short
from nas.resources import names
from nas.spaces.activations import ACTIVATIONS

OPS = ("conv", "sep", "mbconv")
"""Those that a space may choose."""
BRANCHED_OPS = ("fire", "gshuffle", "shuffle", "dense", "maxpool", "avgpool", "gap")
"""Those of published networks alone."""
EVERY_OP = (*OPS, *BRANCHED_OPS)

LARGEST = 10**6
"""Of every size: channels, pixels, classes, kernels."""
LEAST_RATIO = 1e-6
"""Of a ratio that is not 0."""
MOST_BLOCKS = 1000
"""Of a network."""
MOST_MACS = 2**53
"""Of a network: floats hold no larger counts exactly."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a field may hold, and how it is written, chosen and shared.

    `wrong`: what is wrong with a value, given the field's name too; None where nothing is.
    `ops`: the blocks that have it; all others hold its default.
    `ordered`: its choices have an order, and are sampled as integers.
    `word`, `read`: the option after a colon in the notation, for another value than the default, and the value that
    such an option means, None where it is not this one's. Without them the field is part of the block's first word.
    `slices`: in a supernet smaller values use a slice of the largest one's weights.
    `apart`: a name for the values that share weights there; those of another name never do.
    `searched`: a space may choose it.
    """

    wrong: Callable[[str, Any], str | None]
    ops: tuple[str, ...] = EVERY_OP
    ordered: bool = True
    word: Callable[[Any], str] | None = None
    read: Callable[[str], Any] | None = None
    slices: bool = False
    apart: Callable[[Any], str] | None = None
    searched: bool = True


def positive_int(name: str, value: object) -> str | None:
    """What is wrong with `value` as a number of something."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        return f"{name} must be a whole number above 0, got {short(value)}"
    return None if value <= LARGEST else f"{name} must be at most {LARGEST:,}, got {short(value)}"


def require_few_blocks(count: int) -> None:
    """Refuse a network of too many blocks, before they are made.

    Raises:
        ArchitectureError: there are more than `MOST_BLOCKS`.
    """
    if count > MOST_BLOCKS:
        raise ArchitectureError(f"a network has at most {MOST_BLOCKS:,} blocks, got {count:,}")


def _op(name: str, value: object) -> str | None:
    return None if value in EVERY_OP else f"unknown {name} {short(value)}; known: {names(EVERY_OP)}"


def _or_none(wrong: Callable[[str, Any], str | None]) -> Callable[[str, Any], str | None]:
    """`wrong` of a number, where 0 stands for none."""
    return lambda name, value: None if value == 0 and type(value) is int else wrong(name, value)


def _middle(name: str, value: object) -> str | None:
    return None if value in MIDDLES else f"{name} must be one of {names(MIDDLES)}, got {short(value)}"


def _kernel(name: str, value: Any) -> str | None:
    odd = f"{name} must be odd, so that padding keeps the size, got {value}"
    return positive_int(name, value) or (None if value % 2 else odd)


def _activation(name: str, value: object) -> str | None:
    known = isinstance(value, str) and value in ACTIVATIONS
    return None if known else f"unknown {name} {short(value)}; known: {names(ACTIVATIONS)}"


def _flag(name: str, value: object) -> str | None:
    return None if isinstance(value, bool) else f"{name} must be true or false, got {short(value)}"


def _ratio(name: str, value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return f"{name} must be a ratio from 0 to 1, got {short(value)}"
    return None if value == 0 or value >= LEAST_RATIO else f"{name} must be 0 or at least {LEAST_RATIO}, got {value}"


def _read_se(word: str) -> float | None:
    return float(word[2:]) if re.fullmatch(r"se[0-9]?\.?[0-9]{1,30}", word) else None


def _number_after(prefix: str) -> Callable[[str], int | None]:
    return lambda word: int(found[1]) if (found := re.fullmatch(rf"{prefix}([0-9]{{1,7}})", word)) else None


def _rules(*arguments: Any, **keywords: Any) -> dict[str, Rules]:
    return {"rules": Rules(*arguments, **keywords)}


MIDDLES: Mapping[str, str] = {"depthwise": "", "conv": "fused", "none": "nodw"}
"""What an `mbconv` may have between its two ends, and the option that says so."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block. Options that the op does not have must keep their defaults, so forms stay unique.

    `hidden` gives the width of an expansion, a squeeze or a dense block's bottleneck in channels. `groups` are those of
    a `conv`, of the 1x1 convolutions of `gshuffle` and of both of `dense`. With `bias` a convolution has that instead
    of batch norm. Of an `mbconv`, `start` is the kernel of a linear depthwise before the expansion, 0 for none (Qin et
    al. 2024, https://arxiv.org/abs/2404.10518); `middle` is its depthwise, a kxk convolution that expands (`conv`;
    Gupta and Tan 2019) or nothing; without `shortcut` the input is never added; `nonlinear` puts the activation after
    the projection too.

    `se` is the squeeze-and-excitation ratio in [0, 1], 0 for none: its hidden layer has
    `se` x the depthwise channels, rounded to a multiple of 8 (Howard et al. 2019,
    https://arxiv.org/abs/1905.02244).
    """

    op: str = field(metadata=_rules(_op, ordered=False, apart=str))
    kernel: int = field(metadata=_rules(_kernel, slices=True))
    stride: int = field(metadata=_rules(positive_int))
    out_channels: int = field(metadata=_rules(positive_int, slices=True))
    expansion: int = field(
        default=1,
        metadata=_rules(positive_int, ("mbconv",), slices=True, apart=lambda value: "1" if value == 1 else ""),
    )
    activation: str = field(
        default="relu6", metadata=_rules(_activation, ordered=False, word=str, read=lambda word: word)
    )
    norm_between: bool = field(
        default=True,
        metadata=_rules(
            _flag,
            ("sep", "mbconv"),
            ordered=False,
            word=lambda value: "nobn",
            read=lambda word: False if word == "nobn" else None,
            apart=lambda value: "" if value else "-nobn",
        ),
    )
    se: float = field(
        default=0.0,
        metadata=_rules(
            _ratio, ("sep", "mbconv"), word=lambda value: f"se{Decimal(repr(value)):f}", read=_read_se, slices=True
        ),
    )

    hidden: int = field(
        default=0,
        metadata=_rules(
            _or_none(positive_int),
            ("mbconv", "fire", "dense"),
            word=lambda value: f"h{value}",
            read=_number_after("h"),
            apart=lambda value: f"-h{value}" if value else "",
            searched=False,
        ),
    )
    groups: int = field(
        default=1,
        metadata=_rules(
            positive_int,
            ("conv", "gshuffle", "dense"),
            word=lambda value: f"g{value}",
            read=_number_after("g"),
            apart=lambda value: f"-g{value}" if value > 1 else "",
            searched=False,
        ),
    )
    bias: bool = field(
        default=False,
        metadata=_rules(
            _flag,
            ("conv", "fire"),
            word=lambda value: "bias",
            read=lambda word: True if word == "bias" else None,
            apart=lambda value: "-bias" if value else "",
            searched=False,
        ),
    )
    start: int = field(
        default=0,
        metadata=_rules(
            _or_none(_kernel),
            ("mbconv",),
            word=lambda value: f"dw{value}",
            read=_number_after("dw"),
            apart=lambda value: f"-dw{value}" if value else "",
            searched=False,
        ),
    )
    middle: str = field(
        default="depthwise",
        metadata=_rules(
            _middle,
            ("mbconv",),
            word=MIDDLES.__getitem__,
            read=lambda word: next((value for value, name in MIDDLES.items() if name and name == word), None),
            apart=MIDDLES.__getitem__,
            searched=False,
        ),
    )
    shortcut: bool = field(
        default=True,
        metadata=_rules(
            _flag,
            ("mbconv",),
            word=lambda value: "noskip",
            read=lambda word: False if word == "noskip" else None,
            searched=False,
        ),
    )
    nonlinear: bool = field(
        default=False,
        metadata=_rules(
            _flag,
            ("mbconv",),
            word=lambda value: "nonlinear",
            read=lambda word: True if word == "nonlinear" else None,
            searched=False,
        ),
    )

    def __post_init__(self) -> None:
        if problem := _op("op", self.op):
            raise ArchitectureError(problem)
        for name, rules in RULES.items():
            value = getattr(self, name)
            problem = rules.wrong(name, value)
            if problem is None and self.op not in rules.ops and value != DEFAULTS[name]:
                problem = f"{name} belongs to {' and '.join(rules.ops)} alone, got {short(value)}"
            if problem is not None:
                raise ArchitectureError(f"{self.op}: {problem}")
        if problem := _together(self):
            raise ArchitectureError(f"{self.op}: {problem}")
        object.__setattr__(self, "se", float(self.se))


def _together(block: Block) -> str | None:
    """What is wrong with fields that are each right."""
    if block.hidden and block.expansion != 1:
        return f"has either an expansion or hidden channels, got {block.expansion} and {block.hidden}"
    if block.op in ("fire", "dense") and not block.hidden:
        return "needs its hidden channels"
    if block.middle != "depthwise" and (block.se or not block.norm_between):
        return f"without a depthwise convolution there is no se and no norm_between, got middle {block.middle}"
    if block.middle == "none" and block.kernel != 1:
        return f"without a depthwise convolution the kernel is 1, got {block.kernel}"
    if block.middle == "none" and block.stride > 1 and not block.start:
        return f"without a depthwise convolution nothing has the stride {block.stride}"
    if block.op in ("fire", "dense") and block.stride > 1:
        return f"has no stride, got {block.stride}"
    if block.op in ("maxpool", "avgpool", "gap") and block.activation != DEFAULTS["activation"]:
        return f"has no activation, got {block.activation}"
    if block.op == "gap" and (block.kernel, block.stride) != (1, 1):
        return f"takes the whole map, so kernel and stride are 1, got {block.kernel} and {block.stride}"
    return None


RULES: Mapping[str, Rules] = {each.name: each.metadata["rules"] for each in fields(Block)}
"""The rules of every field, in order."""

DEFAULTS: Mapping[str, Any] = {each.name: each.default for each in fields(Block) if each.default is not MISSING}
"""The values of fields that may be left out."""


def weight_kind(block: Block) -> str:
    """The name that blocks share whose weights can be slices of one another's."""
    kept = [rules.apart(getattr(block, name)) for name, rules in RULES.items() if rules.apart and block.op in rules.ops]
    return "".join(kept)


def applies(name: str, op: str) -> bool:
    """Whether blocks of `op` have the field `name`."""
    return op in RULES[name].ops
