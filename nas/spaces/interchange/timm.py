"""Networks as timm defines them: block strings such as `ir_r2_k5_s2_e6_c40`, and what a whole model says beside them.

A definition is a mapping of what timm's model functions pass on (https://github.com/huggingface/pytorch-image-models,
timm/models/efficientnet.py and mobilenetv3.py):

- `model`: `EfficientNet`, whose head is a 1x1 convolution before the pool, or `MobileNetV3`, whose head follows it
- `arch_def`: stages, each a list of block strings: `cn`, `ds`, `dsa`, `ir`, `er`, `uir`
- `stem_size`, `num_features` (of the head; 0 for none), `act_layer`, `head_norm` (MobileNetV3: batch norm, not a bias)
- `channel_multiplier`, `depth_multiplier`, `fix_stem` (the stem keeps its channels), `fix_first_last` (its depth)
- `input_size`, `in_chans`, `num_classes`

Channels, the hidden ones too, are rounded to multiples of 8 as timm does. Squeeze and excitation is that of
MobileNetV3, relative to the hidden channels: EfficientNet's has other activations than any block here.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil, isfinite
from typing import Any

from nas.errors import ArchitectureError
from nas.reading.words import short
from nas.resources import names
from nas.spaces.block import MOST_BLOCKS, Block, positive_int
from nas.spaces.chain import divisible, expands, hidden_channels

Network = tuple[int, int, int, tuple[Block, ...]]
"""Resolution, channels of the images, classes, blocks."""

DEFAULTS: Mapping[str, Any] = {
    "model": "EfficientNet",
    "stem_size": 32,
    "num_features": 1280,
    "act_layer": "relu",
    "head_norm": False,
    "channel_multiplier": 1.0,
    "depth_multiplier": 1.0,
    "fix_stem": False,
    "fix_first_last": False,
    "input_size": 224,
    "in_chans": 3,
    "num_classes": 1000,
}
MODELS = ("EfficientNet", "MobileNetV3")
_ACTIVATIONS = {"relu": "relu", "relu6": "relu6", "hard_swish": "hswish"}
_OF_BLOCK = {"re": "relu", "r6": "relu6", "hs": "hswish"}
_OPTION = re.compile(r"(fc|se|[rkseacn])([0-9]+(?:\.[0-9]+)?|re|r6|hs)|noskip")


def read_timm(definition: Any) -> Network:
    """The network that a definition means; see above.

    Raises:
        ArchitectureError: a key or a block string is none of timm's, or says what no block here is.
    """
    if not isinstance(definition, Mapping) or not isinstance(definition.get("arch_def"), Sequence):
        raise ArchitectureError(f"a timm definition is a mapping with an arch_def, got {short(definition)}")
    if unknown := set(definition) - {*DEFAULTS, "arch_def"}:
        raise ArchitectureError(
            f"unknown {short(', '.join(sorted(map(str, unknown))))}; known: {names({*DEFAULTS, 'arch_def'})}"
        )
    given = {**DEFAULTS, **definition}
    _check(given)
    activation = _ACTIVATIONS[given["act_layer"]]
    multiplier = float(given["channel_multiplier"])
    stem = given["stem_size"] if given["fix_stem"] else divisible(given["stem_size"] * multiplier)
    blocks = [Block("conv", 3, 2, stem, activation=activation)]
    for number, strings in enumerate(given["arch_def"]):
        if isinstance(strings, str) or not isinstance(strings, Sequence) or not strings:
            raise ArchitectureError(f"arch_def[{number}] must be a list of block strings, got {short(strings)}")
        ends = number in (0, len(given["arch_def"]) - 1) and given["fix_first_last"]
        depth = 1.0 if ends else float(given["depth_multiplier"])
        if depth != 1 and len(strings) > 1:
            raise ArchitectureError(f"arch_def[{number}]: depth_multiplier with several block strings is not read")
        for text in strings:
            blocks += _run(text, blocks[-1].out_channels, multiplier, depth, activation, given["model"])
            if len(blocks) > MOST_BLOCKS:
                raise ArchitectureError(f"arch_def: a network has at most {MOST_BLOCKS:,} blocks")
    blocks += _head(given, blocks[-1].out_channels, activation)
    return given["input_size"], given["in_chans"], given["num_classes"], tuple(blocks)


def _check(given: Mapping[str, Any]) -> None:
    for key in ("stem_size", "input_size", "in_chans", "num_classes"):
        if problem := positive_int(key, given[key]):
            raise ArchitectureError(problem)
    if given["num_features"] != 0 and (problem := positive_int("num_features", given["num_features"])):
        raise ArchitectureError(problem)
    for key in ("channel_multiplier", "depth_multiplier"):
        value = given[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
            raise ArchitectureError(f"{key} must be a number above 0 and at most 100, got {short(value)}")
    for key, known in (("model", MODELS), ("act_layer", tuple(_ACTIVATIONS))):
        if given[key] not in known:
            raise ArchitectureError(f"{key} must be one of {names(known)}, got {short(given[key])}")
    for key in ("head_norm", "fix_stem", "fix_first_last"):
        if not isinstance(given[key], bool):
            raise ArchitectureError(f"{key} must be true or false, got {short(given[key])}")


def _head(given: Mapping[str, Any], channels: int, activation: str) -> Iterator[Block]:
    if given["model"] == "MobileNetV3":
        yield Block("gap", 1, 1, channels)
    if given["num_features"]:
        bias = given["model"] == "MobileNetV3" and not given["head_norm"]
        yield Block("conv", 1, 1, given["num_features"], activation=activation, bias=bias)


def _run(text: Any, channels: int, multiplier: float, depth: float, activation: str, model: str) -> Iterator[Block]:
    """The blocks that one string means, after so many channels."""
    kind, options = _options(text)
    repeats = ceil(int(options.get("r", "1")) * depth)
    stride = int(options.get("s", "1"))
    out = divisible(int(options["c"]) * multiplier)
    if "se" in options and model != "MobileNetV3":
        raise ArchitectureError(f"{short(text)}: the gates of EfficientNet are none of the blocks here")
    for index in range(min(repeats, MOST_BLOCKS + 1)):
        block = _block(kind, options, text, channels if index else _force(options, channels), channels)
        block["activation"] = _OF_BLOCK.get(options.get("n", ""), activation)
        try:
            yield Block(stride=stride if index == 0 else 1, out_channels=out, **block)
        except ArchitectureError as error:
            raise ArchitectureError(f"{short(text)}: {error}") from None
        channels = out


def _force(options: Mapping[str, str], channels: int) -> int:
    return int(options.get("fc", channels))


def _block(kind: str, options: Mapping[str, str], text: str, counted: int, channels: int) -> dict[str, Any]:
    """The fields of a block but stride, channels and activation; `counted` channels are those that are expanded."""
    kernel, expansion = int(options["k"]), float(options.get("e", "1"))
    gate = {"se": float(options["se"])} if "se" in options else {}
    skips = {} if "noskip" not in options else {"shortcut": False}
    if kind == "cn":
        return {"op": "conv", "kernel": kernel}
    if kind == "dsa":
        return {"op": "sep", "kernel": kernel, **gate}
    if kind == "ds":
        return {"op": "mbconv", "kernel": kernel, **gate, **skips}
    hidden = divisible(counted * expansion)
    if kind == "er":
        return {"op": "mbconv", "kernel": kernel, "hidden": hidden, "middle": "conv", **gate, **skips}
    start = int(options.get("a", "0")) if kind == "uir" else 0
    nothing = {"middle": "none"} if kernel == 0 else {}
    return {"op": "mbconv", "kernel": kernel or 1, "hidden": hidden, "start": start, **nothing, **gate, **skips}


def _options(text: Any) -> tuple[str, dict[str, str]]:
    """The kind of a block string, and its options by their letters."""
    words = text.split("_") if isinstance(text, str) and len(text) < 200 else [""]
    kind, options = words[0], dict[str, str]()
    if kind not in ("cn", "ds", "dsa", "ir", "er", "uir"):
        raise ArchitectureError(
            f"cannot read the block string {short(text)}; it is like ir_r2_k5_s2_e6_c40, of cn, ds, dsa, ir, er, uir"
        )
    for word in words[1:]:
        match = _OPTION.fullmatch(word)
        name = (match[1] or "noskip") if match else ""
        if match is None or name in options:
            raise ArchitectureError(f"{short(text)}: cannot read the option {short(word)}")
        options[name] = match[2] or ""
        whole = name in ("r", "k", "s", "a", "c", "fc")
        if (whole and (not options[name].isdigit() or len(options[name]) > 7)) or (
            (name == "n") != options[name].startswith(("re", "r6", "hs")) and name != "noskip"
        ):
            raise ArchitectureError(f"{short(text)}: cannot read the option {short(word)}")
    if missing := {"k", "c"} - set(options):
        raise ArchitectureError(f"{short(text)} lacks {names(missing)}")
    if any(int(options.get(name, "1")) < 1 for name in ("r", "s", "c", "fc")):
        raise ArchitectureError(f"{short(text)}: r, s, c and fc are above 0")
    if not isfinite(float(options.get("e", "1"))) or not 0 < float(options.get("e", "1")) <= 1000:
        raise ArchitectureError(f"{short(text)}: e is above 0 and at most 1000")
    return kind, options


def write_timm(resolution: int, in_channels: int, classes: int, blocks: tuple[Block, ...]) -> dict[str, Any]:
    """The definition of a network; `read_timm` reads it back.

    Raises:
        ArchitectureError: a block, or the stem, is none that timm's strings can say.
    """
    stem, *others = blocks
    if replace(stem, out_channels=8, activation="relu") != Block("conv", 3, 2, 8, activation="relu"):
        raise ArchitectureError("timm's networks begin with a 3x3 convolution of stride 2")
    body, head = _without_head(others)
    common = Counter(block.activation for block in (stem, *head[-1:], *body)).most_common(1)[0][0]
    activation = head[-1].activation if head and head[-1].op == "conv" else stem.activation
    if stem.activation != activation or common not in _ACTIVATIONS.values():
        raise ArchitectureError(f"timm has one of {names(_ACTIVATIONS)} in stem and head, got {stem.activation}")
    strings, channels = [], _rounded(stem.out_channels)
    for block in body:
        strings.append((block.stride, _string(block, channels, activation)))
        channels = _rounded(block.out_channels)
    feature = head[-1] if head and head[-1].op == "conv" else None
    return {
        "model": "MobileNetV3" if head and head[0].op == "gap" else "EfficientNet",
        "arch_def": _stages(strings),
        "stem_size": stem.out_channels,
        "num_features": feature.out_channels if feature else 0,
        "act_layer": next(name for name, ours in _ACTIVATIONS.items() if ours == activation),
        "head_norm": bool(feature and head[0].op == "gap" and not feature.bias),
        "input_size": resolution,
        "in_chans": in_channels,
        "num_classes": classes,
    }


def _without_head(blocks: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """The blocks of stages, and those of the head."""
    body = list(blocks)
    head: list[Block] = []
    after_pool = len(body) > 1 and body[-2].op == "gap"
    if body and (body[-1].op, body[-1].kernel, body[-1].groups) == ("conv", 1, 1) and (after_pool or not body[-1].bias):
        head.insert(0, body.pop())
    if body and body[-1].op == "gap":
        head.insert(0, body.pop())
    return body, head


def _rounded(channels: int) -> int:
    if channels % 8:
        raise ArchitectureError(f"timm rounds channels to multiples of 8, got {channels}")
    return channels


def _string(block: Block, channels: int, activation: str) -> str:
    """The string of one block, with its stride and its number of repeats left open."""
    kind, expansion = _kind(block), ""
    if kind in ("ir", "er", "uir"):
        hidden = _rounded(hidden_channels(block, channels))
        expansion = f"_e{hidden / channels:.12g}"
        if divisible(channels * float(expansion[2:])) != hidden:
            raise ArchitectureError(f"timm cannot say {hidden} hidden channels after {channels}")
    start = f"_a{block.start}" if kind == "uir" else ""
    kernel = 0 if block.middle == "none" else block.kernel
    text = f"{kind}_r{{repeats}}{start}_k{kernel}_s{{stride}}{expansion}_c{_rounded(block.out_channels)}"
    text += f"_se{block.se:g}" if block.se else ""
    text += "" if block.shortcut else "_noskip"
    if block.activation != activation:
        of_block = {ours: name for name, ours in _OF_BLOCK.items()}
        if block.activation not in of_block:
            raise ArchitectureError(f"timm has no {block.activation} in block strings")
        text += f"_n{of_block[block.activation]}"
    return text


def _kind(block: Block) -> str:
    """What timm calls such a block."""
    plain = not (block.nonlinear or block.bias or block.groups > 1) and block.norm_between
    if plain and block.op == "conv":
        return "cn"
    if plain and block.op == "sep":
        return "dsa"
    if plain and block.op == "mbconv" and (block.start or block.middle == "none") and expands(block):
        return "uir"
    if plain and block.op == "mbconv" and not block.start and block.middle != "none":
        return "er" if block.middle == "conv" else "ir" if expands(block) else "ds"
    raise ArchitectureError(f"timm has no such block: {short(block)}")


def _stages(strings: Sequence[tuple[int, str]]) -> list[list[str]]:
    """Strings that are alike but for the first's stride as one with a number of repeats; each stride begins a stage."""
    stages: list[list[tuple[int, str, int]]] = []
    for stride, text in strings:
        if stride > 1 or not stages:
            stages.append([(stride, text, 1)])
        elif stages[-1][-1][1] == text:
            first, _, count = stages[-1][-1]
            stages[-1][-1] = (first, text, count + 1)
        else:
            stages[-1].append((stride, text, 1))
    return [[text.format(repeats=count, stride=stride) for stride, text, count in stage] for stage in stages]
