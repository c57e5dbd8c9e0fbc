"""Weights of ours as a `.safetensors` file: a header that names each tensor, then their bytes; no code in it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nas.errors import RunError
from nas.nets.build import build
from nas.nets.conventions import Conventions
from nas.reading.safetensors_header import BESIDE, read_header
from nas.reading.words import cut, short
from nas.resources import replace_file
from nas.results.member import Member

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


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A confirmed network with its weights, on the CPU in eval mode, and what its file says of it.

    An index gives what was written as JSON, such as `preprocessing`.
    """

    net: nn.Module
    said: Mapping[str, str]

    def __getitem__(self, key: str) -> Any:
        return json.loads(self.said[key])


def open_trained(folder: Path, member: Member) -> Trained:
    """The network of a run's member, as it was trained.

    Raises:
        RunError: its weights are gone, or are those of another network.
    """
    if member.weights is None:
        raise RunError(f"{cut(str(folder), 200)} has no weights of {member.key}; train it again")
    path = folder / member.weights
    state, said = read_safetensors(path)
    try:
        conventions = Conventions(float(said["eps"]), "same" if said["padding"] == "same" else "symmetric")
        net = build(member.architecture, conventions)
        net.load_state_dict(state)
    except (KeyError, ValueError, RuntimeError):
        raise RunError(f"{cut(str(path), 200)} holds other weights than those of {member.key}; restore it") from None
    return Trained(net.eval(), said)
