"""Torch modules of architectures, and their ONNX files. Torch starts here."""

from nas.nets.build import build

__all__ = ["build"]
