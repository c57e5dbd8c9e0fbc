"""Torch modules of architectures, and their ONNX files. Torch starts here."""

from nas.nets.build import build
from nas.nets.slices.reach import covers

__all__ = ["build", "covers"]
