"""Weights of ours as a `.safetensors` file: a header that names each tensor, then their bytes; no code in it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas.errors import RunError
from nas.reading.safetensors_header import BESIDE, read_header
from nas.reading.words import cut, short
from nas.resources import replace_file

MOST_BYTES = 400_000_000
_TYPES: Mapping[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}
_NAMES = {torch.float32: "F32", torch.int64: "I64"}


def write_safetensors(path: Path, state: Mapping[str, Tensor], beside: Mapping[str, str]) -> None:
    """Write the tensors of a `state_dict`, in its order, with texts `beside` them."""
    header: dict[str, Any] = {BESIDE: dict(beside)}
    parts, end = list[bytes](), 0
    for name, tensor in state.items():
        plain = tensor.detach().cpu().contiguous()
        plain = plain if plain.dtype in _NAMES else plain.float()
        kind = _NAMES[plain.dtype]
        parts.append(plain.numpy().astype(_TYPES[kind]).tobytes())
        header[name] = {"dtype": kind, "shape": list(plain.shape), "data_offsets": [end, end + len(parts[-1])]}
        end += len(parts[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    replace_file(path, len(text).to_bytes(8, "little") + text + b"".join(parts))


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    """The tensors of a file that `write_safetensors` wrote, and the texts beside them.

    Raises:
        RunError: there is no such file, or it holds something else.
    """
    header = read_header(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES:,} bytes")
        content = path.read_bytes()[header.start :]
        return {name: _tensor(content, entry) for name, entry in header.tensors.items()}, header.beside
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{cut(str(path), 200)} is no file of weights ({short(str(error), 100)}); restore it") from None


def _tensor(content: bytes, entry: Any) -> Tensor:
    kind, shape, (start, end) = _TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    if not 0 <= start <= end <= len(content) or end - start != kind.itemsize * math.prod(shape):
        raise ValueError("a tensor lies outside the file")
    return torch.from_numpy(np.frombuffer(content[start:end], kind).reshape(shape).astype(kind.newbyteorder("=")))
