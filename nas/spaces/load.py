"""Search-space files: YAML to `SearchSpace`, every mistake named as `file: key: what is wrong`.

    resolution: [160, 192, 224]     # pixels; any value may be one value or a list of choices
    width: [0.5, 0.75, 1.0]         # multiplier over all stages, optional
    downsample: 32                  # the total stride, exactly
    stem: {op: conv, kernel: 3, stride: 2, out_channels: [16, 32]}
    stages:
      - {op: [sep, mbconv], kernel: [3, 5], expansion: [3, 6], out_channels: 24, depth: [1, 2], stride: [1, 2]}
    head: {op: conv, kernel: 1, out_channels: 1280, scaled: false}

Stem and head are stages of one block and may be left out. `per_block: [kernel]` chooses those fields
anew for each block; `blocks: [identity, {op: mbconv, kernel: 3, expansion: 3}]` gives whole alternatives.
"""

from collections.abc import Mapping
from itertools import product
from math import isfinite, prod
from pathlib import Path
from typing import Any

import yaml

from nas.errors import ArchitectureError, SpaceError
from nas.resources import data_dir, find, names
from nas.spaces.block import OPS, RULES, Block, applies
from nas.spaces.choices import Choices
from nas.spaces.space import SearchSpace
from nas.spaces.stage import Stage

_BLOCK_FIELDS = tuple(name for name in RULES if name not in ("stride", "out_channels"))
_STAGE_KEYS = {*_BLOCK_FIELDS, "out_channels", "depth", "stride", "per_block", "blocks", "scaled"}
_SPACE_KEYS = {"resolution", "width", "downsample", "stem", "stages", "head", "in_channels", "classes"}


def known_spaces() -> dict[str, Path]:
    """The shipped search spaces, by name."""
    return {path.stem: path for path in data_dir("search_spaces").glob("*.yaml")}


def load_space(name_or_path: str | Path) -> SearchSpace:
    """A search space by the name of a shipped one, or from a YAML file.

    Raises:
        SpaceError: unknown name, unreadable file, or a mistake in it: `file: key: what is wrong`.
    """
    path = find("search space", str(name_or_path), known_spaces(), SpaceError)
    try:
        data = yaml.load(path.read_text(), _UniqueKeySafeLoader)
    except OSError as error:
        raise SpaceError(f"cannot read the search space {path}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date that cannot be
        raise SpaceError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    try:
        return _space(path.stem, data)
    except (SpaceError, ArchitectureError) as error:
        raise SpaceError(f"{path}: {error}") from None


def _space(name: str, data: Any) -> SearchSpace:
    _check_keys("", data, required={"resolution", "downsample", "stages"}, known=_SPACE_KEYS)
    if not isinstance(data["stages"], list) or not data["stages"]:
        raise SpaceError(f"stages: must be a list of at least one stage, got {data['stages']!r}")
    entries = {f"stage{n}": entry for n, entry in enumerate(data["stages"], start=1)}
    if data.get("stem") is not None:
        entries = {"stem": data["stem"], **entries}
    if data.get("head") is not None:
        entries = {**entries, "head": data["head"]}
    stages = tuple(_stage(name, entry) for name, entry in entries.items())
    width = tuple(float(w) for w in _choices("width", data.get("width", 1.0), (int, float)))
    if wrong := [w for w in width if not (isfinite(w) and w > 0)]:
        raise SpaceError(f"width: must be above 0, got {wrong[0]}")
    return SearchSpace(
        Choices(
            name,
            _positive("resolution", data["resolution"]),
            width,
            _stride_patterns(stages, _one("downsample", data["downsample"])),
            stages,
            _one("in_channels", data.get("in_channels", 3)),
            _one("classes", data.get("classes", 1000)),
        )
    )


def _stride_patterns(stages: tuple[Stage, ...], downsample: int) -> tuple[tuple[int, ...], ...]:
    patterns = [p for p in product(*(stage.stride for stage in stages)) if prod(p) == downsample]
    if not patterns:
        strides = ", ".join(f"{stage.name} {list(stage.stride)}" for stage in stages)
        raise SpaceError(f"downsample: no choice of strides multiplies to {downsample}: {strides}")
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
        raise SpaceError(f"{name}.per_block: {wrong[0]!r} is no choice of this stage that a block can make")
    scaled = entry.get("scaled", True)
    if not isinstance(scaled, bool):
        raise SpaceError(f"{name}.scaled: must be true or false, got {scaled!r}")
    stride = _positive(f"{name}.stride", entry.get("stride", 1))
    depth = _positive(f"{name}.depth", entry.get("depth", 1), least=0)
    if max(depth) == 0 or (min(depth) == 0 and stride != (1,)):
        raise SpaceError(
            f"{name}.depth: must be above 0, or 0 beside other choices in a stage of stride 1, got {list(depth)}"
        )
    stage = Stage(name, fields, depth, stride, per_block, alternatives, scaled)
    _check_blocks(stage)
    return stage


def _alternatives(name: str, entry: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    listed = entry.get("blocks", [])
    if not isinstance(listed, list):
        raise SpaceError(f"{name}.blocks: must be a list, got {listed!r}")
    for number, alternative in enumerate(listed):
        if alternative in listed[:number]:
            raise SpaceError(f"{name}.blocks[{number}]: {alternative!r} is listed twice")
        if alternative != "identity":
            _check_keys(f"{name}.blocks[{number}]", alternative, required={"op", "kernel"}, known=set(_BLOCK_FIELDS))
    return tuple({} if alternative == "identity" else alternative for alternative in listed)


def _check_blocks(stage: Stage) -> None:
    """Build every kind of block once, so that a wrong value is found here and its key named."""
    ops = stage.fields.get("op", ()) or tuple(a["op"] for a in stage.blocks if a)
    if unknown := [op for op in stage.fields.get("op", ()) if op not in OPS]:
        raise SpaceError(f"{stage.name}.op: unknown op {unknown[0]!r}; known: {names(OPS)}")
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
        sample = {"op": "conv", "kernel": 1, "stride": 1, "out_channels": 8, **alternative}
        try:
            Block(**sample)
        except ArchitectureError as error:
            raise SpaceError(f"{stage.name}.blocks[{number}]: {error}") from None


def _check_keys(where: str, data: Any, *, required: set[str], known: set[str]) -> None:
    prefix = f"{where}: " if where else ""
    if not isinstance(data, Mapping):
        raise SpaceError(f"{prefix}must be a mapping of keys to values, got {data!r}")
    if unknown := [key for key in data if key not in known]:
        raise SpaceError(f"{prefix}unknown key {unknown[0]!r}; known: {names(known)}")
    if missing := required - set(data):
        raise SpaceError(f"{prefix}lacks the key {names(missing)}")


def _choices(where: str, value: Any, kinds: tuple[type, ...], *, empty: bool = False) -> tuple[Any, ...]:
    values = tuple(value) if isinstance(value, list) else (value,)
    if not values and not empty:
        raise SpaceError(f"{where}: needs at least one choice")
    if wrong := [v for v in values if not isinstance(v, kinds) or (isinstance(v, bool) and bool not in kinds)]:
        raise SpaceError(f"{where}: cannot be {wrong[0]!r}")
    if len(set(values)) < len(values):
        raise SpaceError(f"{where}: a choice is listed twice in {list(values)}")
    return values


def _positive(where: str, value: Any, least: int = 1) -> tuple[int, ...]:
    values = _choices(where, value, (int,))
    if min(values) < least:
        raise SpaceError(f"{where}: must be a whole number {'above 0' if least else 'from 0 on'}, got {min(values)}")
    return values


def _one(where: str, value: Any) -> int:
    values = _positive(where, value)
    if len(values) > 1:
        raise SpaceError(f"{where}: must be one value, got {list(values)}")
    return values[0]


class _UniqueKeySafeLoader(yaml.SafeLoader):
    """YAML whose mappings may not give a key twice; the plain loader keeps the last one silently."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := [key for number, key in enumerate(keys) if key in keys[:number]]:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: the key {twice[0]!r} is given twice")
        return node
