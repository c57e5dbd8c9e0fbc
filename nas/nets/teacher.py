"""An ONNX file as a teacher: images in, logits out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.errors import ConfigError
from nas.reading.words import cut, short
from nas.recording.runner.timing import session_options


class OnnxTeacher:
    """Logits of an ONNX image classifier, for images as the network that learns from it sees them.

    It runs on the CPU with torch's number of threads. Where the file fixes height and width, images of another size
    are resized (bilinear, antialiased). `classes` is None where the file leaves them open.

    Raises:
        ConfigError: no such file, not an ONNX file, or one that is no image classifier of any number of images.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ConfigError(f"there is no teacher {short(str(path), 99)}; give an ONNX file")
        options = session_options(torch.get_num_threads())
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # whatever ONNX Runtime raises
            raise ConfigError(f"cannot open the teacher {short(str(path), 99)}: {str(error).splitlines()[0]}") from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        fits = len(inputs) == len(outputs) == 1 and len(inputs[0].shape) == 4 and len(outputs[0].shape) == 2
        if not fits or inputs[0].type != "tensor(float)":
            raise ConfigError(
                f"the teacher {short(str(path), 99)} must have one input, float N x C x H x W, and one output, "
                f"N x classes, got {[i.shape for i in inputs]} and {[o.shape for o in outputs]}"
            )
        count, self.channels, *size = (n if isinstance(n, int) else None for n in inputs[0].shape)
        if count is not None:
            raise ConfigError(
                f"the teacher {short(str(path), 99)} takes {count} images at a time; export it with a free batch"
            )
        self.path = path
        self.classes: int | None = outputs[0].shape[1] if isinstance(outputs[0].shape[1], int) else None
        self._size: list[int] | None = None if None in size else [n for n in size if n]
        self._input = inputs[0].name

    def require(self, channels: int, classes: int) -> None:
        """Refuse to teach networks of other images or classes.

        Raises:
            ConfigError: the file's number of channels or classes is another.
        """
        for what, mine, theirs in (("channels", self.channels, channels), ("classes", self.classes, classes)):
            if mine not in (None, theirs):
                raise ConfigError(
                    f"the teacher {short(str(self.path), 99)} has {mine} {what}, the data {theirs}; use another one"
                )

    def __call__(self, images: Tensor) -> Tensor:
        """Float N x C x R x R on any device to float N x classes on the CPU."""
        images = images.detach().cpu().float()
        if self._size is not None and list(images.shape[2:]) != self._size:
            images = F.interpolate(images, self._size, mode="bilinear", align_corners=False, antialias=True)
        (logits,) = self._session.run(None, {self._input: images.contiguous().numpy()})
        return torch.from_numpy(logits)


@dataclass(frozen=True, slots=True)
class FileTeacher:
    """The teacher in an ONNX file, which pickles, and is the same wherever the file lies."""

    path: Path

    @property
    def identity(self) -> tuple[str, str]:
        """By its contents."""
        return "teacher", teacher_digest(self.path)

    def __call__(self, images: Tensor) -> Tensor:
        """Float N x C x R x R on any device to float N x classes on the CPU."""
        return open_teacher(self.path)(images)


def teacher_digest(path: Path) -> str:
    """12 hexadecimal digits of what a teacher is: its file, and every file of weights beside it that it names.

    Raises:
        ConfigError: a file cannot be read, or one of weights does not lie in the teacher's folder.
    """
    found = hashlib.blake2b(digest_size=6)
    try:
        content = path.read_bytes()
        found.update(content)
        for location in sorted(_external_files(onnx.load_from_string(content))):
            file = (path.parent / location).resolve()
            if not file.is_relative_to(path.parent.resolve()) or not file.is_file():
                which = f"{short(location)}, which is no file in its folder"
                raise ConfigError(f"the teacher {cut(str(path), 200)!r} has weights in {which}")
            found.update(f"\0{location}\0{file.stat().st_size}\0".encode(errors="surrogateescape"))
            with file.open("rb") as weights:
                while part := weights.read(1 << 20):
                    found.update(part)
    except ConfigError:
        raise
    except Exception as error:  # the file system's, and whatever protobuf raises
        raise ConfigError(f"cannot open the teacher {cut(str(path), 200)!r}: {cut(str(error), 200)}") from None
    return found.hexdigest()


def _external_files(message: Any) -> set[str]:
    """The files in which tensors anywhere in `message` keep their values."""
    if isinstance(message, onnx.TensorProto):
        return {entry.value for entry in message.external_data if entry.key == "location"}
    if hasattr(message, "ListFields"):
        return {name for _, value in message.ListFields() for name in _external_files(value)}
    inner = message if isinstance(message, Sequence) and not isinstance(message, str | bytes) else ()
    return {name for each in inner for name in _external_files(each)}


@lru_cache(maxsize=2)
def open_teacher(path: Path) -> OnnxTeacher:
    """The teacher in `path`, opened once in each process.

    Raises:
        ConfigError: see `OnnxTeacher`.
    """
    return OnnxTeacher(path)
