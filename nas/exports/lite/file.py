"""What the formats of TensorFlow Lite share: metadata in the file, LiteRT on this machine.

Metadata are one JSON object of texts in the entry `sepconv-nas` of the file's own metadata.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nas.exports.graph import IMAGES, Floats, Run, in_batches
from nas.exports.onnx_file import as_texts
from nas.recording.host_timing import time_session
from nas.resources import replace_file
from nas.results.member import HostTiming

ENTRY = "sepconv-nas"


def open_tflite(model: bytes | Path) -> Run:
    """The model in LiteRT, on one thread."""
    return _Running(model if isinstance(model, bytes) else model.read_bytes())


def time_tflite(path: Path, resolution: int) -> HostTiming:
    """Milliseconds of the file, one image, one thread."""
    running = _Running(path.read_bytes())
    _, height, width, channels = running.shape
    images = np.random.default_rng(0).standard_normal((1, channels, height, width), dtype=np.float32)
    running(images)
    timing = time_session(running, {IMAGES: images}, 1, f"LiteRT {version('ai-edge-litert')}")
    return HostTiming(**asdict(timing))


def write_tflite(path: Path, model: Any, metadata: Mapping[str, Any]) -> None:
    """Write the model, a `ModelT`, with its metadata."""
    from nas.exports.lite.graph import packed

    replace_file(path, packed(_described(model, metadata)))


def describe_tflite(path: Path, metadata: Mapping[str, Any]) -> None:
    """Add `metadata` to the file at `path`, in place of values of the same name."""
    write_tflite(path, _read(path), metadata)


def tflite_metadata(path: Path) -> dict[str, str]:
    """What the file at `path` says of itself."""
    model = _read(path)
    found = next((each for each in model.metadata or () if _text(each.name) == ENTRY), None)
    return {} if found is None else json.loads(bytes(model.buffers[found.buffer].data))


class _Running:
    """LiteRT with a model in it, at the batch that it was last asked for."""

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with _quietly():
            self._interpreter = Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        self._images, self._logits = (
            getattr(self._interpreter, f"get_{side}_details")()[0]["index"] for side in ("input", "output")
        )
        details = self._interpreter.get_input_details()[0]
        self.shape = tuple(int(size) for size in details["shape"])
        self._free = details["shape_signature"][0] == -1

    def __call__(self, images: Floats) -> Floats:
        """N x C x R x R to N x classes."""
        return in_batches(self._at_once, None if self._free else self.shape[0])(images)

    def run(self, _: None, feed: Mapping[str, Floats]) -> list[Floats]:
        """As ONNX Runtime's sessions have it."""
        return [self(feed[IMAGES])]

    def _at_once(self, images: Floats) -> Floats:
        if len(images) != self.shape[0]:
            self.shape = (len(images), *self.shape[1:])
            self._interpreter.resize_tensor_input(self._images, self.shape)
            self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._images, np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._logits))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the line that LiteRT writes to the standard error when it begins, past Python's."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _read(path: Path) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def _described(model: Any, metadata: Mapping[str, Any]) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    model.metadata = model.metadata or []
    entry = next((each for each in model.metadata if _text(each.name) == ENTRY), None)
    if entry is None:
        entry, buffer = schema.MetadataT(), schema.BufferT()
        entry.name, entry.buffer = ENTRY, len(model.buffers)
        model.metadata.append(entry)
        model.buffers.append(buffer)
    data = model.buffers[entry.buffer].data
    known = {} if data is None else json.loads(bytes(data))
    text = json.dumps(known | as_texts(metadata)).encode()
    model.buffers[entry.buffer].data = np.frombuffer(text, np.uint8)
    return model


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
