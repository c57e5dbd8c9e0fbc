"""A network of a run: what is known of it, its files, and the trained network itself."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.data.photograph import Photograph, photograph
from nas.errors import ProfileError, RunError
from nas.latency.anatomy import Anatomy, anatomy
from nas.latency.profile import load_profile
from nas.nets.safetensors_file import open_trained
from nas.reading.safetensors_header import read_header
from nas.reading.words import cut
from nas.report.anatomy.svg import anatomy_svg
from nas.report.anatomy.table import anatomy_text
from nas.report.devices import views
from nas.report.notebook.html import member_html
from nas.results import front as results
from nas.results import member as found_networks
from nas.results.costs import DeviceFigure
from nas.results.member import Accuracy
from nas.results.naming import member_names
from nas.spaces.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network makes of an image: the class, and the probability of each."""

    label: str
    probability: float
    probabilities: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class Description:
    """A network layer by layer; `anatomy.parts` are the layers. Printed it is a table, in a notebook a picture."""

    name: str
    anatomy: Anatomy

    def __repr__(self) -> str:
        return anatomy_text(self.anatomy, self.name, "blocks")

    def _repr_html_(self) -> str:
        return anatomy_svg(self.anatomy, self.name)


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """A confirmed network of the run in `folder`; `result` is what front.json says of it.

    Where `nas.train` gave it a full training, files and accuracy are of that.
    """

    folder: Path
    key: str
    """the same for equal networks, everywhere"""
    result: found_networks.Member = field(compare=False)
    run_result: results.Front = field(compare=False)
    """all that front.json says"""

    @property
    def name(self) -> str:
        """What people call it: `m3 · 97.1 % · 2.2 ms`, the third of the front; `member=3` in commands."""
        return member_names(self.run_result)[self.key]

    @property
    def notation(self) -> str:
        """The network in one line."""
        return self.result.notation

    @property
    def architecture(self) -> Architecture:
        """The network as data."""
        return self.result.architecture

    @property
    def accuracy(self) -> Accuracy:
        """On the test images: `.value` from 0 to 1, with its interval `.low` and `.high`."""
        return self._shipped.accuracy

    @property
    def latency_ms(self) -> DeviceFigure:
        """Milliseconds on the device, of several the first: `.value`, with its interval `.low` and `.high`."""
        return self.result.latency_ms

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return self.result.macs

    @property
    def params(self) -> int:
        """Trainable weights."""
        return self.result.params

    @property
    def files(self) -> Mapping[str, Path]:
        """Its files by kind: `fp32` and `int8` of ONNX, others such as `tflite int8`."""
        return {file.kind: self.folder / file.path for file in self._shipped.files if file.path}

    @property
    def onnx(self) -> Path:
        """The ONNX file in fp32.

        Raises:
            RunError: the run has none.
        """
        try:
            return self.files["fp32"]
        except KeyError:
            raise RunError(f"{self.name} of {cut(str(self.folder), 200)} has no ONNX file; run nas.export") from None

    @property
    def onnx_int8(self) -> Path | None:
        """The ONNX file in int8; None where it could not be made."""
        return self.files.get("int8")

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """What is done to an image before the network sees it, and its `classes`, as the files say it.

        Raises:
            RunError: the weights are gone, or say nothing of it.
        """
        try:
            found: Mapping[str, Any] = json.loads(read_header(self._weights).beside["preprocessing"])
            return found
        except (KeyError, ValueError):
            raise RunError(f"{cut(str(self._weights), 200)} does not say how images are prepared; restore it") from None

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the network's outputs."""
        return tuple(self.preprocessing["classes"])

    def load(self, device: torch.device | str = "cpu") -> nn.Module:
        """The trained network in eval mode: N x C x R x R, as `preprocess` makes them, to logits, N x classes.

        Raises:
            RunError: the weights are gone, or are those of another network.
        """
        return open_trained(self.folder, self._shipped).net.to(device)

    def preprocess(self, image: Photograph) -> Tensor:
        """A photograph as the network takes it, float32 1 x C x R x R, by the rules of its training.

        Raises:
            DataError: it is no image, or cannot be read.
        """
        return photograph(image, self.preprocessing)

    def predict(self, image: Photograph) -> Prediction:
        """The class of a photograph, in one forward pass on the CPU.

        Raises:
            DataError: it is no image, or cannot be read.
        """
        batch = self.preprocess(image)
        net = _loaded(self, self._weights.stat().st_mtime_ns)
        with torch.inference_mode():
            shares = net(batch).softmax(1)[0].tolist()
        by_class = dict(zip(self.classes, shares, strict=True))
        best = max(by_class, key=lambda name: by_class[name])
        return Prediction(best, by_class[best], by_class)

    def describe(self, hardware: str | Path | None = None) -> Description:
        """Its layers, with their costs and predicted milliseconds on `hardware`, or the run's device if it is known.

        Raises:
            ProfileError: there is no such profile, or it holds no measurement of an op of this network.
        """
        profiles = [load_profile(str(hardware))] if hardware is not None else []
        with suppress(ProfileError):  # that of the run was given by a path
            profiles = profiles or [load_profile(view.hardware.label) for view in views(self.run_result)]
        return Description(self.name, anatomy(self.architecture, profiles, self.run_result.hardware.precision))

    def __repr__(self) -> str:
        return f"<{self.name} · {self.key}: {self.notation}>"

    def _repr_html_(self) -> str:
        return member_html(self.run_result, self.result)

    @property
    def _shipped(self) -> found_networks.Member:
        return self.result.shipped()

    @property
    def _weights(self) -> Path:
        if self._shipped.weights is None:
            raise RunError(f"{cut(str(self.folder), 200)} has no weights of {self.key}; train it again")
        return self.folder / self._shipped.weights


@lru_cache(maxsize=4)
def _loaded(member: Member, changed: int) -> nn.Module:
    """The network of weights that were `changed` then."""
    return member.load()
