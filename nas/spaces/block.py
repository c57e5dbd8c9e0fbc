"""Blocks as frozen data. Each field declares here all that notation, JSON, spaces and supernets know of it.

- `conv`: kxk convolution, batch norm, activation.
- `sep`: kxk depthwise, batch norm, activation, 1x1 pointwise, batch norm, activation
  (MobileNet v1; Howard et al. 2017, https://arxiv.org/abs/1704.04861).
- `mbconv`: 1x1 expansion (absent at expansion 1), kxk depthwise, linear 1x1 projection, identity
  shortcut when the stride is 1 and the channels agree (MobileNet v2; Sandler et al. 2018,
  https://arxiv.org/abs/1801.04381).

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
    """

    wrong: Callable[[str, Any], str | None]
    ops: tuple[str, ...] = OPS
    ordered: bool = True
    word: Callable[[Any], str] | None = None
    read: Callable[[str], Any] | None = None
    slices: bool = False
    apart: Callable[[Any], str] | None = None


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
    return None if value in OPS else f"unknown {name} {short(value)}; known: {names(OPS)}"


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


def _rules(*arguments: Any, **keywords: Any) -> dict[str, Rules]:
    return {"rules": Rules(*arguments, **keywords)}


@dataclass(frozen=True, slots=True)
class Block:
    """One block. Options that the op does not have must keep their defaults, so forms stay unique.

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
        object.__setattr__(self, "se", float(self.se))


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
