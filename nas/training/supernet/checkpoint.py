"""The one file of a space's shared weights: written whole or not at all, opened as a memory map, never mistaken."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from nas.data.settings import AUGMENTATION
from nas.data.views import ImageView, TrainingResolution
from nas.errors import RunError
from nas.identity import digest
from nas.nets.start import FromWeights
from nas.reading.words import short
from nas.resources import replacing
from nas.spaces.space import SearchSpace

_SCHEMA = 2

Facts = dict[str, Any]
"""What shared weights were made from, as plain values."""


def facts(
    space: SearchSpace, pictures: ImageView, scale: TrainingResolution, start: FromWeights | None = None
) -> Facts:
    """What decides whether shared weights, begun from `start`, may judge the networks of `space` on `pictures`."""
    images = pictures.images
    return {
        "space": digest(space, version=1),
        "images": f"{len(images.train)} of {len(images.classes)} classes, mean {images.mean}",
        **{name: getattr(pictures, name) for name in AUGMENTATION},
        "statistics": pictures.statistics,
        "pixels": asdict(scale),
        "start": None if start is None else list(start.identity),
    }


def write(path: Path, made_from: Facts, content: dict[str, Any]) -> None:
    """Write `content` to `path`; a kill leaves the old file or the new one, never half of it."""
    with replacing(path) as file:
        torch.save({"schema": _SCHEMA, "made_from": made_from, **content}, file)


def read(path: Path, wanted: Facts) -> dict[str, Any]:
    """The contents of the file at `path`, its tensors mapped into memory.

    Raises:
        RunError: there is none, it is something else, or made from something else than `wanted`.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        schema, found = content["schema"], content["made_from"]
    except FileNotFoundError:
        raise RunError(f"there are no shared weights in {short(str(path), 200)}; train them first") from None
    except Exception as error:  # torch.load raises what its parsers meet: RuntimeError, UnpicklingError, EOFError, ...
        raise _refused(path, f"no shared weights ({' '.join(str(error).split())[:80]})") from error
    if schema != _SCHEMA:
        raise _refused(path, f"shared weights of schema {schema}, not {_SCHEMA}")
    for key, value in wanted.items():
        if found.get(key) != value:
            what = "another space" if key == "space" else f"{key} {short(found.get(key))}, not {short(value)}"
            raise _refused(path, f"shared weights of {what}")
    return content


def _refused(path: Path, what: str) -> RunError:
    return RunError(f"{short(str(path), 200)} holds {what}; take another path, or delete it")
