"""The header of a `.safetensors` file: 8 bytes of its length, then JSON that names each tensor and holds texts beside.

The form is https://github.com/huggingface/safetensors#format, which the libraries of other languages read too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.errors import RunError
from nas.reading.words import cut, short

MOST_BYTES = 10_000_000
"""Of a header: some hundred times that of a network that is meant here."""
BESIDE = "__metadata__"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of each tensor by name, the texts `beside` them, and where their bytes `start`."""

    tensors: Mapping[str, Any]
    beside: Mapping[str, str]
    start: int


def read_header(path: Path) -> Header:
    """The header of the file at `path`.

    Raises:
        RunError: there is no such file, or it holds something else.
    """
    where = cut(str(path), 200)
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MOST_BYTES:
                raise ValueError(f"a header of {length:,} bytes")
            header = json.loads(file.read(length))
        beside = header.pop(BESIDE, {})
        if not all(isinstance(text, str) for text in beside.values()):
            raise ValueError("metadata that are no texts")
    except OSError as error:
        raise RunError(f"{where} cannot be read: {error.strerror}; search again, or restore the run folder") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{where} is no file of weights ({short(str(error), 100)}); restore it") from None
    return Header(header, beside, 8 + length)
