"""Files of tensors, `.pth`, `.pt` and `.safetensors`: bounded, and read as data alone; no pickle is executed."""

import stat
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.errors import ConfigError
from nas.nets.pretrained.mapping import in_order
from nas.reading.words import cut, short

MOST_BYTES = 400_000_000
"""Of a file: some twenty times a network that is meant here."""
_MOST_TENSORS = 10_000
SUFFIXES = (".pth", ".pt", ".safetensors")


@dataclass(frozen=True, slots=True)
class Read:
    """The tensors of a file in the order of the network, and the texts and numbers that stand beside them."""

    tensors: Mapping[str, Tensor]
    beside: Mapping[str, Any]


def read_tensors(path: Path) -> Read:
    """The state dict in `path`, or under its key `state_dict`.

    Raises:
        ConfigError: there is none, it is too large, damaged, or holds something else than named tensors.
    """
    where = f"init={cut(str(path), 200)}"
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(found.st_mode) or path.suffix not in SUFFIXES:
        raise ConfigError(f"{where}: give a file {', '.join(SUFFIXES)}")
    if found.st_size > MOST_BYTES:
        raise ConfigError(f"{where}: is larger than {MOST_BYTES:,} bytes, the most that is read of weights")
    content, beside = _safetensors(path, where) if path.suffix == ".safetensors" else _torch(path, where)
    if not content or len(content) > _MOST_TENSORS:
        raise ConfigError(f"{where}: holds {len(content):,} entries, which is no state dict of a network")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            what = f"{short(name)} is of type {type(value).__name__}"
            raise ConfigError(f"{where}: a state dict holds named tensors alone, but {what}; save net.state_dict()")
    return Read(content, beside)


def _torch(path: Path, where: str) -> tuple[dict[Any, Any], Mapping[str, Any]]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                    raise ValueError(f"unpacks to more than {MOST_BYTES:,} bytes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises what its parsers meet: RuntimeError, UnpicklingError, EOFError, ...
        raise ConfigError(f"{where}: is no file of tensors ({cut(str(error), 120)}); save net.state_dict()") from None
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        beside = {str(key): value for key, value in content.items() if isinstance(value, str | int | float)}
        return dict(content["state_dict"]), beside
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where}: holds a {type(content).__name__}, no state dict; save net.state_dict()")
    return dict(content), {}


def _safetensors(path: Path, where: str) -> tuple[dict[Any, Any], Mapping[str, Any]]:
    try:
        from safetensors import safe_open
    except ImportError:
        raise ConfigError(f"{where}: needs the library safetensors: pip install 'sepconv-nas[pretrained]'") from None
    try:
        with safe_open(path, framework="pt") as file:
            names = in_order(file.keys()) if len(file.keys()) <= _MOST_TENSORS else []
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except Exception as error:  # SafetensorError, and what reading a file raises
        raise ConfigError(f"{where}: is no file of tensors ({cut(str(error), 120)})") from None
