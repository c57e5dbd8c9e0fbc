"""Weights from a file: a state dict of ours, timm's or torchvision's, with timm's config.json beside it or without.

Ours say which network they are: {"state_dict": …, "notation": "224x3 …"}, with "eps" and "padding" where these are not
those of `build`; safetensors have the same in their metadata.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from nas.errors import ArchitectureError, ConfigError
from nas.nets.conventions import PLAIN, TENSORFLOW, Conventions
from nas.nets.pretrained.base import Channels, Pretrained
from nas.nets.pretrained.efficientnet_lite import MEAN, STD
from nas.nets.pretrained.known import Known
from nas.nets.pretrained.mapping import Tensors, mapped, recognised
from nas.nets.pretrained.reading import Read, read_tensors
from nas.reading.files import read_text
from nas.reading.json_text import parse_json
from nas.reading.words import cut, short
from nas.spaces.architecture import Architecture
from nas.spaces.block import DEFAULTS, OPS, RULES, Block

CONFIG = "config.json"
"""What timm writes beside the weights that it publishes."""

_Facts = tuple[Architecture, Conventions, Channels | None, Channels | None]


def load(name: str) -> Pretrained:
    """The weights in the file `name`.

    Raises:
        ConfigError: it cannot be read, or is not surely one of the networks known.
    """
    path = Path(name).expanduser()
    beside = path.with_name(CONFIG)
    return from_file(path, path.stem, str(path), read_config(beside) if beside.is_file() else {})


def from_file(path: Path, name: str, source: str, config: Mapping[str, Any], licence: str | None = None) -> Pretrained:
    """The weights in `path`, called `name`, of which timm says `config`; raises as `load` does."""
    read = read_tensors(path)
    try:
        arch, conventions, mean, std = _ours(read) or _published(read.tensors, config)
        state, head = mapped(read.tensors, arch)
    except (ConfigError, ArchitectureError) as error:
        raise ConfigError(f"init={cut(source, 200)}: {error}") from None
    return Pretrained(name, arch, state, conventions, mean, std, head, source, licence, len(read.tensors))


def read_config(path: Path) -> Mapping[str, Any]:
    """What timm's config.json says."""
    found = parse_json(read_text(path, ConfigError), cut(str(path), 200), ConfigError)
    return found if isinstance(found, Mapping) else {}


def _ours(read: Read) -> _Facts | None:
    """What stands beside our own weights; None where nothing does."""
    notation = read.beside.get("notation")
    if not isinstance(notation, str):
        return None
    padding: Literal["symmetric", "same"] = "same" if read.beside.get("padding") == "same" else "symmetric"
    try:
        eps = float(read.beside.get("eps", PLAIN.eps))
    except ValueError:
        eps = 0.0
    if not 0 < eps < 1 or read.beside.get("padding", "same") not in ("same", "symmetric"):
        raise ConfigError("eps must be between 0 and 1, padding symmetric or same")
    arch = Architecture.from_notation(notation)
    for number, block in enumerate(arch.blocks):
        if not _can_be_cut(block):
            raise ConfigError(
                f"block {number}, {block.op}, is none that a space chooses, so no network is cut out of it"
            )
    return arch, Conventions(eps, padding), None, None


def _can_be_cut(block: Block) -> bool:
    """Whether it is as a space may choose it, but for expansions to any number of channels."""
    own = (name for name, rules in RULES.items() if not rules.searched and name != "hidden")
    return block.op in OPS and all(getattr(block, name) == DEFAULTS[name] for name in own)


def _published(tensors: Tensors, config: Mapping[str, Any]) -> _Facts:
    found = recognised(tensors)
    conventions, mean, std = _conventions(found, tensors, config), *found.statistics
    if next(iter(tensors)).startswith("_"):  # as in the packages of EfficientNet-Lite
        return found.arch, conventions, MEAN, STD
    stated = config.get("pretrained_cfg", {})
    if isinstance(stated, Mapping) and "mean" in stated and "std" in stated:
        mean, std = _channels(stated["mean"]), _channels(stated["std"])
    return found.arch, conventions, mean, std


def _conventions(found: Known, tensors: Tensors, config: Mapping[str, Any]) -> Conventions:
    """Those of the network, or what tells them where there are two kinds of weights of it."""
    if found.conventions is not None:
        return found.conventions
    if next(iter(tensors)).startswith("_"):
        return TENSORFLOW
    if isinstance(named := config.get("architecture"), str):
        return TENSORFLOW if named.startswith("tf_") else PLAIN
    raise ConfigError(
        f"{found.name} was trained in TensorFlow and in torch, with other paddings and epsilons, and a state dict does "
        f"not say which; put timm's {CONFIG} beside it, or take init={found.name}"
    )


def _channels(values: Any) -> Channels:
    if not isinstance(values, list) or len(values) != 3 or not all(isinstance(v, float | int) for v in values):
        raise ConfigError(f"{CONFIG}: mean and std are three numbers each, got {short(values)}")
    return tuple(float(value) for value in values)
