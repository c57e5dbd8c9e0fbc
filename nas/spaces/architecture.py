"""Networks as frozen data: equal values are equal networks.

A network is a list of blocks (block.py), then a global average pool and one linear classifier. Images are
square, padding is `kernel // 2`, so a stride-s layer turns size n into (n - 1) // s + 1.

Three forms: Python objects, JSON (`to_json`, `from_json`) and one readable line (`notation`, notation.py).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nas.errors import ArchitectureError
from nas.reading.words import short
from nas.resources import names
from nas.spaces.block import DEFAULTS, MOST_MACS, RULES, Block, positive_int, require_few_blocks
from nas.spaces.chain import fitted
from nas.spaces.interchange.timm import read_timm, write_timm
from nas.spaces.notation import read_line, write_line


@dataclass(frozen=True, slots=True)
class Architecture:
    """One network, for `resolution` x `resolution` images of `in_channels` channels."""

    resolution: int
    in_channels: int
    classes: int
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        for field in ("resolution", "in_channels", "classes"):
            if problem := positive_int(field, getattr(self, field)):
                raise ArchitectureError(problem)
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if not self.blocks:
            raise ArchitectureError("a network needs at least one block")
        require_few_blocks(len(self.blocks))
        if (macs := most_macs(self.resolution, self.in_channels, self.blocks)) > MOST_MACS:
            raise ArchitectureError(f"a network has at most {MOST_MACS:.1e} multiply-accumulates, got some {macs:.1e}")
        object.__setattr__(self, "blocks", tuple(fitted(self.in_channels, self.blocks)))

    @property
    def key(self) -> str:
        """16 hexadecimal digits, the same on every machine: equal keys are equal networks."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def notation(self) -> str:
        """The network in one readable line; `from_notation` reads it back."""
        return write_line(self.resolution, self.in_channels, self.classes, self.blocks)

    def to_json(self) -> dict[str, Any]:
        """The documented JSON form; options at their defaults are left out."""
        sizes = {"resolution": self.resolution, "in_channels": self.in_channels, "classes": self.classes}
        return {**sizes, "blocks": [_block_to_json(block) for block in self.blocks]}

    @classmethod
    def from_json(cls, data: Any) -> "Architecture":
        """Read the JSON form.

        Raises:
            ArchitectureError: a key is missing, unknown, or holds a value that cannot be.
        """
        _require_keys("architecture", data, required={"resolution", "blocks"}, known={"in_channels", "classes"})
        if not isinstance(data["blocks"], list):
            raise ArchitectureError(f"blocks must be a list, got {short(data['blocks'])}")
        require_few_blocks(len(data["blocks"]))
        blocks = []
        for number, entry in enumerate(data["blocks"]):
            _require_keys(f"block {number}", entry, required=set(RULES) - set(DEFAULTS), known=set(DEFAULTS))
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
        return cls(*read_line(line))

    def to_timm(self) -> dict[str, Any]:
        """The network as timm defines it (interchange/timm.py).

        Raises:
            ArchitectureError: timm's block strings cannot say it.
        """
        return write_timm(self.resolution, self.in_channels, self.classes, self.blocks)

    @classmethod
    def from_timm(cls, definition: Any) -> "Architecture":
        """Read a definition of timm's: block strings and what a model says beside them (interchange/timm.py).

        Raises:
            ArchitectureError: a key or a block string cannot be read; the message names it.
        """
        return cls(*read_timm(definition))


def most_macs(size: int, channels: int, blocks: Iterable[Block]) -> int:
    """Of blocks after so many channels of so many pixels: a little more than their multiply-accumulates."""
    most = 0
    for block in blocks:
        hidden = block.hidden or channels * block.expansion
        if block.op in ("shuffle", "gshuffle"):
            hidden = 2 * max(channels, block.out_channels)
        filters = channels if block.middle == "conv" else 1
        filters = block.out_channels if block.op in ("conv", "fire", "dense") else filters
        per_pixel = (block.kernel**2 * filters + channels + block.out_channels) * hidden + block.start**2 * channels
        most += per_pixel * size**2
        size, channels = 1 if block.op == "gap" else -(-size // block.stride), block.out_channels
    return most


def _block_to_json(block: Block) -> dict[str, Any]:
    """The fields that the notation writes: those of the block's first word, and options unlike their defaults."""
    values = {name: getattr(block, name) for name, rules in RULES.items() if block.op in rules.ops}
    return {name: value for name, value in values.items() if not RULES[name].word or value != DEFAULTS[name]}


def _require_keys(what: str, data: Any, *, required: set[str], known: set[str]) -> None:
    if not isinstance(data, Mapping):
        raise ArchitectureError(f"{what} must be a JSON object, got {short(data)}")
    if unknown := set(data) - required - known:
        raise ArchitectureError(f"{what} has unknown keys {names(map(str, unknown))}; known: {names(required | known)}")
    if missing := required - set(data):
        raise ArchitectureError(f"{what} lacks {names(missing)}")
