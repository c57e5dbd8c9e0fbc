"""Networks as frozen data: equal values are equal networks.

A network is a list of blocks, then a global average pool and one linear classifier. Images are
square, padding is `kernel // 2`, so a stride-s layer turns size n into (n - 1) // s + 1.

- `conv`: kxk convolution, batch norm, activation.
- `sep`: kxk depthwise, batch norm, activation, 1x1 pointwise, batch norm, activation
  (MobileNet v1; Howard et al. 2017, https://arxiv.org/abs/1704.04861).
- `mbconv`: 1x1 expansion (absent at expansion 1), kxk depthwise, linear 1x1 projection, identity
  shortcut when the stride is 1 and the channels agree (MobileNet v2; Sandler et al. 2018,
  https://arxiv.org/abs/1801.04381).

Three forms: Python objects, JSON (`to_json`, `from_json`) and one readable line (`notation`):

    224x3 conv3/2-32 sep3-64 mb5e6/2-24x2 conv1-1280 fc1000

that is: a 224-pixel, 3-channel input; a 3x3 convolution of stride 2 to 32 channels; a 3x3 separable
block; two 5x5 inverted residuals of expansion 6 to 24 channels, the first of stride 2; a 1x1
convolution; 1000 classes. Options follow a colon: `:relu` (the activation), `:nobn` (no batch norm
between depthwise and pointwise), `:se0.25` (squeeze and excitation).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from nas.errors import ArchitectureError
from nas.resources import names

OPS = ("conv", "sep", "mbconv")
ACTIVATIONS = ("relu6", "relu", "hswish", "elu", "none")

_SHORT = {"conv": "conv", "sep": "sep", "mbconv": "mb"}
_LONG = {short: op for op, short in _SHORT.items()}
_TOKEN = re.compile(r"(conv|sep|mb)(\d+)(?:e(\d+))?(?:/(\d+))?-(\d+)(?:x([1-9]\d*))?((?::[a-z0-9.]+)*)")


@dataclass(frozen=True, slots=True)
class Block:
    """One block. Options that the op does not have must keep their defaults, so forms stay unique.

    `se` is the squeeze-and-excitation ratio in [0, 1], 0 for none: its hidden layer has
    `se` x the depthwise channels, rounded to a multiple of 8 (Howard et al. 2019,
    https://arxiv.org/abs/1905.02244).
    """

    op: str
    kernel: int
    stride: int
    out_channels: int
    expansion: int = 1
    activation: str = "relu6"
    norm_between: bool = True
    se: float = 0.0

    def __post_init__(self) -> None:
        if self.op not in OPS:
            raise ArchitectureError(f"unknown op {self.op!r}; known: {names(OPS)}")
        for field in ("kernel", "stride", "out_channels", "expansion"):
            _require_positive_int(f"{self.op}: {field}", getattr(self, field))
        if self.kernel % 2 == 0:
            raise ArchitectureError(f"{self.op}: kernel must be odd, so that padding keeps the size, got {self.kernel}")
        if self.activation not in ACTIVATIONS:
            raise ArchitectureError(f"{self.op}: unknown activation {self.activation!r}; known: {names(ACTIVATIONS)}")
        if not isinstance(self.norm_between, bool):
            raise ArchitectureError(f"{self.op}: norm_between must be true or false, got {self.norm_between!r}")
        if isinstance(self.se, bool) or not isinstance(self.se, (int, float)) or not 0 <= self.se <= 1:
            raise ArchitectureError(f"{self.op}: se must be a ratio from 0 to 1, got {self.se!r}")
        object.__setattr__(self, "se", float(self.se))
        if self.op != "mbconv" and self.expansion != 1:
            raise ArchitectureError(f"{self.op}: expansion belongs to mbconv alone, got {self.expansion}")
        if self.op == "conv" and (self.se or not self.norm_between):
            raise ArchitectureError("conv: se and norm_between belong to sep and mbconv alone")


@dataclass(frozen=True, slots=True)
class Architecture:
    """One network, for `resolution` x `resolution` images of `in_channels` channels."""

    resolution: int
    in_channels: int
    classes: int
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        for field in ("resolution", "in_channels", "classes"):
            _require_positive_int(field, getattr(self, field))
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if not self.blocks:
            raise ArchitectureError("a network needs at least one block")

    @property
    def key(self) -> str:
        """16 hexadecimal digits, the same on every machine: equal keys are equal networks."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def notation(self) -> str:
        """The network in one readable line; `from_notation` reads it back."""
        return " ".join([f"{self.resolution}x{self.in_channels}", *_tokens(self.blocks), f"fc{self.classes}"])

    def to_json(self) -> dict[str, Any]:
        """The documented JSON form; fields at their defaults are left out."""
        blocks = []
        for block in self.blocks:
            entry = {k: v for k, v in asdict(block).items() if v != _DEFAULTS.get(k)}
            if block.op == "mbconv":
                entry["expansion"] = block.expansion
            blocks.append(entry)
        sizes = {"resolution": self.resolution, "in_channels": self.in_channels, "classes": self.classes}
        return {**sizes, "blocks": blocks}

    @classmethod
    def from_json(cls, data: Any) -> "Architecture":
        """Read the JSON form.

        Raises:
            ArchitectureError: a key is missing, unknown, or holds a value that cannot be.
        """
        _require_keys("architecture", data, required={"resolution", "blocks"}, known={"in_channels", "classes"})
        if not isinstance(data["blocks"], list):
            raise ArchitectureError(f"blocks must be a list, got {data['blocks']!r}")
        blocks = []
        for number, entry in enumerate(data["blocks"]):
            known = set(Block.__dataclass_fields__)
            _require_keys(f"block {number}", entry, required={"op", "kernel", "stride", "out_channels"}, known=known)
            try:
                blocks.append(Block(**entry))
            except ArchitectureError as error:
                raise ArchitectureError(f"block {number}: {error}") from None
        return cls(data["resolution"], data.get("in_channels", 3), data.get("classes", 1000), tuple(blocks))

    @classmethod
    def from_notation(cls, line: str) -> "Architecture":
        """Read the one-line form.

        Raises:
            ArchitectureError: a word cannot be read; the message names it.
        """
        words = line.split()
        size = re.fullmatch(r"(\d+)x(\d+)", words[0]) if words else None
        classes = re.fullmatch(r"fc(\d+)", words[-1]) if words else None
        if not size or not classes:
            raise ArchitectureError(f"cannot read {line!r}; a notation is like '224x3 conv3/2-32 mb3e6-24x2 fc1000'")
        blocks = tuple(block for word in words[1:-1] for block in _blocks(word))
        return cls(int(size[1]), int(size[2]), int(classes[1]), blocks)


_DEFAULTS = {"expansion": 1, "activation": "relu6", "norm_between": True, "se": 0.0}


def _tokens(blocks: tuple[Block, ...]) -> Iterator[str]:
    """Words of the notation; a run of equal blocks whose first alone is strided is one word."""
    index = 0
    while index < len(blocks):
        first = blocks[index]
        same = replace(first, stride=1)
        count = 1
        while index + count < len(blocks) and blocks[index + count] == same:
            count += 1
        yield _token(first, count)
        index += count


def _token(block: Block, count: int) -> str:
    word = f"{_SHORT[block.op]}{block.kernel}"
    word += f"e{block.expansion}" if block.op == "mbconv" else ""
    word += f"/{block.stride}" if block.stride > 1 else ""
    word += f"-{block.out_channels}" + (f"x{count}" if count > 1 else "")
    word += f":{block.activation}" if block.activation != "relu6" else ""
    word += "" if block.norm_between else ":nobn"
    return word + (f":se{Decimal(repr(block.se)):f}" if block.se else "")


def _blocks(word: str) -> Iterator[Block]:
    match = _TOKEN.fullmatch(word)
    if not match:
        raise ArchitectureError(
            f"cannot read the block {word!r}; a block is like 'conv3/2-32', 'sep3-64', 'mb5e6/2-24x2'"
        )
    op, kernel, expansion, stride, out_channels, count, options = match.groups()
    fields: dict[str, Any] = {}
    for option in options.split(":")[1:]:
        if option == "nobn":
            fields["norm_between"] = False
        elif re.fullmatch(r"se\d*\.?\d+", option):
            fields["se"] = float(option[2:])
        else:
            fields["activation"] = option
    first = Block(_LONG[op], int(kernel), int(stride or 1), int(out_channels), int(expansion or 1), **fields)
    yield first
    for _ in range(int(count or 1) - 1):
        yield replace(first, stride=1)


def _require_positive_int(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArchitectureError(f"{what} must be a whole number above 0, got {value!r}")


def _require_keys(what: str, data: Any, *, required: set[str], known: set[str]) -> None:
    if not isinstance(data, Mapping):
        raise ArchitectureError(f"{what} must be a JSON object, got {data!r}")
    if unknown := set(data) - required - known:
        raise ArchitectureError(f"{what} has unknown keys {names(unknown)}; known: {names(required | known)}")
    if missing := required - set(data):
        raise ArchitectureError(f"{what} lacks {names(missing)}")
