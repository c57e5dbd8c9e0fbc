"""Search-space files: YAML to `SearchSpace`, every mistake named as `file: key: what is wrong`.

    resolution: [160, 192, 224]     # pixels, or {relative: [0.5, 1.0]}, shares of those of the images
    width: [0.5, 0.75, 1.0]         # multiplier over all stages, optional
    downsample: 32                  # the total stride, exactly
    stem: {op: conv, kernel: 3, stride: 2, out_channels: [16, 32]}
    stages:
      - {op: [sep, mbconv], kernel: [3, 5], expansion: [3, 6], out_channels: 24, depth: [1, 2], stride: [1, 2]}
    head: {op: conv, kernel: 1, out_channels: 1280, scaled: false}

Any value may be one value or a list of choices. Stem and head are stages of one block and may be left out.
`per_block: [kernel]` chooses those fields anew for each block; `blocks: [identity, {op: mbconv, kernel: 3,
expansion: 3}]` gives whole alternatives.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final

from nas.errors import ArchitectureError, SpaceError
from nas.reading.files import read_text
from nas.reading.words import cut, short
from nas.reading.yaml_text import parse_yaml
from nas.resources import data_dir, find, names
from nas.spaces.architecture import most_macs
from nas.spaces.block import LARGEST, MOST_MACS, OPS, RULES, Block, applies
from nas.spaces.choices import Choices, RelativeResolution
from nas.spaces.space import SearchSpace
from nas.spaces.stage import Stage

AUTO = "auto"
"""Where a space is named: the shipped one that suits the images."""

_LARGE_IMAGES = 96  # pixels, from which on images are photographs to `separable`
_BLOCK_FIELDS = tuple(
    name for name, rules in RULES.items() if rules.searched and name not in ("stride", "out_channels")
)
_STAGE_KEYS = {*_BLOCK_FIELDS, "out_channels", "depth", "stride", "per_block", "blocks", "scaled"}
_IDENTITY = {"op": "conv", "kernel": 1}
_MOST_BYTES = 1_000_000  # of a file
_MOST_CHOICES = 100  # of one key
_MOST_STAGES = 100
_MOST_PATTERNS = 1000  # of strides, which are one choice, with a column for each in what a sampler models
_MOST_BLOCKS = 200  # of a network
_MOST_PAIRS = 200_000
_NARROWEST, _WIDEST = 0.001, 1000
_SHARES = (0.01, 100)  # of the images' pixels
_MOST_PIXELS = 224  # of resolutions relative to the images', where the space does not say: what devices are measured at
_SPACE_KEYS = {"resolution", "width", "downsample", "stem", "stages", "head", "in_channels", "classes"}


def known_spaces() -> dict[str, Path]:
    """The shipped search spaces, by name."""
    return {path.stem: path for path in data_dir("search_spaces").glob("*.yaml")}


def space_for(pixels: int) -> str:
    """The shipped space for images of so many pixels, which `AUTO` stands for."""
    return "separable" if pixels >= _LARGE_IMAGES else "small"


def load_space(name_or_path: str | Path) -> SearchSpace:
    """A search space by the name of a shipped one, or from a YAML file.

    Raises:
        SpaceError: unknown name, unreadable file, or a mistake in it: `file: key: what is wrong`.
    """
    path = find("search space", str(name_or_path), known_spaces(), SpaceError)
    where = cut(str(path), 200)
    data = parse_yaml(read_text(path, SpaceError, _MOST_BYTES), where, SpaceError)
    try:
        return _space(path.stem, data)
    except (SpaceError, ArchitectureError) as error:
        raise SpaceError(f"{where}: {error}") from None


def _space(name: str, data: Any) -> SearchSpace:
    _check_keys("", data, required={"resolution", "downsample", "stages"}, known=_SPACE_KEYS)
    if not isinstance(data["stages"], list) or not data["stages"]:
        raise SpaceError(f"stages: must be a list of at least one stage, got {short(data['stages'])}")
    if len(data["stages"]) > _MOST_STAGES:
        raise SpaceError(f"stages: at most {_MOST_STAGES} are read, got {len(data['stages']):,}")
    entries = {f"stage{n}": entry for n, entry in enumerate(data["stages"], start=1)}
    if data.get("stem") is not None:
        entries = {"stem": data["stem"], **entries}
    if data.get("head") is not None:
        entries = {**entries, "head": data["head"]}
    stages = tuple(_stage(name, entry) for name, entry in entries.items())
    width = tuple(float(w) for w in _choices("width", data.get("width", 1.0), (int, float)))
    if wrong := [w for w in width if not _NARROWEST <= w <= _WIDEST]:
        raise SpaceError(f"width: must be above 0, got {wrong[0]}; from {_NARROWEST} to {_WIDEST} is possible")
    downsample = _one("downsample", data["downsample"])
    relative = _relative(data["resolution"], downsample)
    choices = Choices(
        name,
        relative.of(relative.most) if relative else _positive("resolution", data["resolution"]),
        width,
        _stride_patterns(stages, downsample),
        stages,
        _one("in_channels", data.get("in_channels", 3)),
        _one("classes", data.get("classes", 1000)),
        relative,
    )
    _require_countable(choices)
    return SearchSpace(choices)


def _relative(value: Any, downsample: int) -> RelativeResolution | None:
    """Resolutions in proportion to the images', as multiples of the total stride; None where pixels are given."""
    if not isinstance(value, Mapping):
        return None
    _check_keys("resolution", value, required={"relative"}, known={"relative", "least", "most"})
    shares = _choices("resolution.relative", value["relative"], (int, float))
    if wrong := [share for share in shares if not _SHARES[0] <= share <= _SHARES[1]]:
        raise SpaceError(f"resolution.relative: must be from {_SHARES[0]} to {_SHARES[1]}, got {short(wrong[0])}")
    least = _one("resolution.least", value.get("least", downsample))
    most = _one("resolution.most", value.get("most", max(least, _MOST_PIXELS)))
    if least > most:
        raise SpaceError(f"resolution.least: must be at most resolution.most, {most:,}, got {least:,}")
    return RelativeResolution(tuple(float(share) for share in shares), downsample, least, most)


def _require_countable(choices: Choices) -> None:
    """Refuse a space with networks that no `Architecture` may be: of most blocks, or of more MACs than are counted."""
    if (deepest := sum(max(stage.depth) for stage in choices.stages)) > _MOST_BLOCKS:
        raise SpaceError(f"the networks of a space have at most {_MOST_BLOCKS} blocks, got {deepest:,}")
    _require_few_pairs(choices)
    macs, channels = 0, choices.in_channels
    resolution = choices.relative.most if choices.relative else max(choices.resolution)
    for stage in choices.stages:
        largest = {key: max(values) for key, values in stage.fields.items() if RULES[key].slices}
        out_channels = stage.out_channels({f"{stage.name}.out_channels": largest["out_channels"]}, max(choices.width))
        kinds = stage.blocks or tuple({"op": op} for op in stage.fields["op"])
        blocks = [_largest(kind or _IDENTITY, {**largest, "out_channels": out_channels}) for kind in kinds]
        macs += max(most_macs(resolution, channels, (block,)) for block in blocks)
        macs += max(stage.depth) * max(most_macs(resolution, out_channels, (block,)) for block in blocks)
        channels = out_channels
    if macs > MOST_MACS:
        raise SpaceError(f"a network has at most {MOST_MACS:.1e} multiply-accumulates; the largest has some {macs:.1e}")


def _require_few_pairs(choices: Choices) -> None:
    """Refuse a space in which more blocks can follow each other than are counted in some seconds."""
    pairs, before = 0, 1
    for stage in choices.stages:
        kinds = prod(len(values) for values in stage.fields.values()) * max(1, len(stage.blocks))
        pairs += before * kinds * len(choices.width)
        before = len(stage.fields["out_channels"])
    if pairs > _MOST_PAIRS:
        many = f"{pairs:,} pairs of blocks can follow each other, at most {_MOST_PAIRS:,} may"
        raise SpaceError(f"stages: {many}; give fewer choices of widths, channels, expansions or kernels")


def _largest(kind: Mapping[str, Any], largest: Mapping[str, Any]) -> Block:
    fields = {**largest, **kind}
    return Block(stride=1, **{key: value for key, value in fields.items() if applies(key, fields["op"])})


def _stride_patterns(stages: tuple[Stage, ...], downsample: int) -> tuple[tuple[int, ...], ...]:
    """Every choice of strides that multiplies to `downsample`, in the order of the file."""
    ways: list[Counter[int]] = [Counter({1: 1})]  # how many choices of the last stages multiply to what
    for stage in reversed(stages):
        products = Counter[int]()
        for rest, count in ways[-1].items():
            for stride in stage.stride:
                if downsample % (stride * rest) == 0:
                    products[stride * rest] += count
        ways.append(products)
    if not 0 < ways[-1][downsample] <= _MOST_PATTERNS:
        strides = cut(", ".join(f"{stage.name} {list(stage.stride)}" for stage in stages), 160)
        if ways[-1][downsample]:
            many = (
                f"{ways[-1][downsample]:,} choices of strides multiply to {downsample}, at most {_MOST_PATTERNS:,} may"
            )
            raise SpaceError(f"downsample: {many}; let fewer stages choose a stride: {strides}")
        raise SpaceError(f"downsample: no choice of strides multiplies to {downsample}: {strides}")
    patterns: list[tuple[int, ...]] = [()]
    for stage, left in zip(stages, reversed(ways[:-1]), strict=True):
        patterns = [
            (*pattern, stride)
            for pattern in patterns
            for stride in stage.stride
            if downsample % (prod(pattern) * stride) == 0 and left[downsample // (prod(pattern) * stride)]
        ]
    return tuple(patterns)


def _stage(name: str, entry: Any) -> Stage:
    _check_keys(name, entry, required={"out_channels"}, known=_STAGE_KEYS)
    alternatives = _alternatives(name, entry)
    if not alternatives and not {"op", "kernel"} <= set(entry):
        raise SpaceError(f"{name}: needs op and kernel, or blocks")
    fields: dict[str, tuple[Any, ...]] = {"out_channels": _positive(f"{name}.out_channels", entry["out_channels"])}
    for key in _BLOCK_FIELDS:
        if key in entry:
            fields[key] = _choices(f"{name}.{key}", entry[key], (int, float, str, bool))
    per_block = _choices(f"{name}.per_block", entry.get("per_block", []), (str,), empty=True)
    if wrong := [key for key in per_block if key not in fields or key == "out_channels"]:
        raise SpaceError(f"{name}.per_block: {short(wrong[0])} is no choice of this stage that a block can make")
    scaled = entry.get("scaled", True)
    if not isinstance(scaled, bool):
        raise SpaceError(f"{name}.scaled: must be true or false, got {short(scaled)}")
    stride = _positive(f"{name}.stride", entry.get("stride", 1))
    depth = _positive(f"{name}.depth", entry.get("depth", 1), least=0)
    if max(depth) == 0 or (min(depth) == 0 and stride != (1,)):
        raise SpaceError(
            f"{name}.depth: must be above 0, or 0 beside other choices in a stage of stride 1, got {short(list(depth))}"
        )
    stage = Stage(name, fields, depth, stride, per_block, alternatives, scaled)
    _check_blocks(stage)
    return stage


def _alternatives(name: str, entry: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    listed = entry.get("blocks", [])
    if not isinstance(listed, list):
        raise SpaceError(f"{name}.blocks: must be a list, got {short(listed)}")
    if len(listed) > _MOST_CHOICES:
        raise SpaceError(f"{name}.blocks: has {len(listed):,} choices; at most {_MOST_CHOICES} are read")
    for number, alternative in enumerate(listed):
        if alternative in listed[:number]:
            raise SpaceError(f"{name}.blocks[{number}]: {short(alternative)} is listed twice")
        if alternative != "identity":
            _check_keys(f"{name}.blocks[{number}]", alternative, required={"op", "kernel"}, known=set(_BLOCK_FIELDS))
    return tuple({} if alternative == "identity" else alternative for alternative in listed)


def _check_blocks(stage: Stage) -> None:
    """Build every kind of block once, so that a wrong value is found here and its key named."""
    ops = stage.fields.get("op", ()) or tuple(a["op"] for a in stage.blocks if a)
    if unknown := [op for op in stage.fields.get("op", ()) if op not in OPS]:
        raise SpaceError(f"{stage.name}.op: unknown op {short(unknown[0])}; known: {names(OPS)}")
    for key, values in stage.fields.items():
        users = [op for op in ops if applies(key, str(op))]
        if ops and not users:
            raise SpaceError(f"{stage.name}.{key}: {', '.join(map(str, ops))} blocks have no {key}")
        for op, value in product(users, values):
            sample: dict[str, Any] = {"op": op, "kernel": 3, "stride": 1, "out_channels": 8, key: value}
            try:
                Block(**sample)
            except ArchitectureError as error:
                raise SpaceError(f"{stage.name}.{key}: {error}") from None
    for number, alternative in enumerate(stage.blocks):
        if alternative and alternative["op"] not in OPS:
            raise SpaceError(
                f"{stage.name}.blocks[{number}]: unknown op {short(alternative['op'])}; known: {names(OPS)}"
            )
        sample = {"op": "conv", "kernel": 1, "stride": 1, "out_channels": 8, **alternative}
        try:
            Block(**sample)
        except ArchitectureError as error:
            raise SpaceError(f"{stage.name}.blocks[{number}]: {error}") from None


def _check_keys(where: str, data: Any, *, required: set[str], known: set[str]) -> None:
    prefix = f"{where}: " if where else ""
    if not isinstance(data, Mapping):
        raise SpaceError(f"{prefix}must be a mapping of keys to values, got {short(data)}")
    if unknown := [key for key in data if key not in known]:
        raise SpaceError(f"{prefix}unknown key {short(unknown[0])}; known: {names(known)}")
    if missing := required - set(data):
        raise SpaceError(f"{prefix}lacks the key {names(missing)}")


_KINDS: Final[Mapping[tuple[type, ...], str]] = {
    (int,): "it takes whole numbers",
    (int, float): "it takes numbers",
    (str,): "it takes words",
    (int, float, str, bool): "it takes numbers, words, true or false",
}


def _choices(where: str, value: Any, kinds: tuple[type, ...], *, empty: bool = False) -> tuple[Any, ...]:
    values = tuple(value) if isinstance(value, list) else (value,)
    if not values and not empty:
        raise SpaceError(f"{where}: needs at least one choice")
    if wrong := [v for v in values if not isinstance(v, kinds) or (isinstance(v, bool) and bool not in kinds)]:
        raise SpaceError(f"{where}: cannot be {short(wrong[0])}; {_KINDS[kinds]}")
    if len(values) > _MOST_CHOICES:
        raise SpaceError(f"{where}: has {len(values):,} choices; at most {_MOST_CHOICES} are read")
    if len(set(values)) < len(values):
        raise SpaceError(f"{where}: a choice is listed twice in {short(list(values))}")
    return values


def _positive(where: str, value: Any, least: int = 1) -> tuple[int, ...]:
    values = _choices(where, value, (int,))
    if min(values) < least:
        raise SpaceError(
            f"{where}: must be a whole number {'above 0' if least else 'from 0 on'}, got {short(min(values))}"
        )
    if max(values) > LARGEST:
        raise SpaceError(f"{where}: must be at most {LARGEST:,}, got {short(max(values))}")
    return values


def _one(where: str, value: Any) -> int:
    values = _positive(where, value)
    if len(values) > 1:
        raise SpaceError(f"{where}: must be one value, got {short(list(values))}")
    return values[0]
