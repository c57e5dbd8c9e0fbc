"""ONNX graphs to measure, written in milliseconds: no training, no data, a few kilobytes per file.

They hold what a trained network holds after its exporter and ONNX Runtime's own folding: convolutions
with the batch norm folded into a bias, the activation after it. A network follows `nas.exports.onnx_fp32`, so
that ONNX Runtime runs the same kernels (tests/recording/test_graph.py compares them).

- Weights are random and bounded: the absolute weights of one output sum to about a half and biases lie in
  [0.1, 1], so activations neither grow nor fade, and no denormal slows a run. A weight is stored as a small
  piece and a `Tile`, which ONNX Runtime folds into a constant when it loads the file.
- int8 is static quantisation as ONNX Runtime's quantiser writes it (QuantizeLinear and DequantizeLinear
  around every operation): activations uint8, weights int8 symmetric with a scale per output channel, biases
  int32. Scales are constants: what they are does not change the time.
- Every name of layer i's nodes and tensors begins with `i` in three digits and a dot, so the rows of a
  profile can be given back to `nas.spaces.layers`.
"""

from math import gcd
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nas.errors import ConfigError
from nas.reading.words import short
from nas.resources import names
from nas.spaces.activations import ACTIVATIONS, is_clamp
from nas.spaces.architecture import Architecture
from nas.spaces.layers import Layer, layers

PRECISIONS = ("fp32", "int8")
OPSET, IR_VERSION = 20, 10  # those of nas.exports.onnx_fp32; ONNX Runtime 1.17 and later read them
_RANGE = 4.0  # activations of an int8 graph cover [0, 4], or [-2, 2] where they can be negative
_BINARY = {"add": "Add", "scale": "Mul"}
_PIECE = (8, 16)  # the stored piece has this many output and input channels at most


def network_graph(arch: Architecture, precision: str = "fp32", seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    """`arch` for `batch` images: `images` (batch, in_channels, resolution, resolution) to logits (batch, classes)."""
    writer = _Writer(precision, seed)
    tensor = writer.input("images", (batch, arch.in_channels, arch.resolution, arch.resolution))
    channels, size, index = arch.in_channels, arch.resolution, 0
    for block in arch.blocks:
        part = list(layers(Architecture(size, channels, 1, (block,))))[:-2]  # without its pool and classifier
        source = gated = tensor
        for layer in part:
            if layer.op == "pool":
                gated = tensor
            others = {"add": (source,), "scale": (gated,)}.get(layer.op, ())
            tensor = writer.layer(index, layer, tensor, *others)
            index += 1
        channels, size = part[-1].out_channels, part[-1].out_size
    *_, pool, linear = layers(arch)
    tensor = writer.layer(index, pool, tensor)
    tensor = writer.flat(index, tensor, batch, channels)
    writer.layer(index + 1, linear, tensor)
    return writer.model((batch, arch.classes))


def layer_graph(layer: Layer, precision: str = "fp32", seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    """One fused layer by itself, with its own shape of input; `add` and `scale` have two inputs."""
    writer = _Writer(precision, seed)
    map_in = (batch, layer.in_channels, layer.in_size, layer.in_size)
    tensor = writer.input("images", (batch, layer.in_channels) if layer.op == "linear" else map_in)
    others: tuple[str, ...] = ()
    if layer.op == "add":
        others = (writer.input("source", map_in),)
    if layer.op == "scale":
        others, tensor = (tensor,), writer.input("gate", (batch, layer.in_channels, 1, 1))
    writer.layer(0, layer, tensor, *others)
    size = () if layer.op == "linear" else (layer.out_size, layer.out_size)
    return writer.model((batch, layer.out_channels, *size))


class _Writer:
    """Nodes and constants of one graph. Its methods take and return names of tensors."""

    def __init__(self, precision: str, seed: int) -> None:
        if precision not in PRECISIONS:
            raise ConfigError(f"a graph's precision must be one of {names(PRECISIONS)}, got {short(precision)}")
        self._int8 = precision == "int8"
        self._rng = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def input(self, name: str, shape: tuple[int, ...]) -> str:
        """A graph input of float32."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return self._between(name, positive=False)

    def layer(self, index: int, layer: Layer, tensor: str, *others: str) -> str:
        """One fused layer after `tensor`; `others` is the shortcut's source, or what a gate scales."""
        name = f"{index:03d}.{layer.op}"
        if layer.op in ("add", "scale"):
            return self._between(self._node(_BINARY[layer.op], name, *others, tensor), positive=layer.op == "scale")
        if layer.op == "pool":
            axes = self._constant("axes", np.array([2, 3]))
            return self._between(self._node("ReduceMean", name, tensor, axes, keepdims=1))
        if layer.op == "linear":
            weights = self._weights(name, (layer.out_channels, layer.in_channels), layer.bias)
            return self._between(self._node("Gemm", name, tensor, *weights, transB=1), positive=False)
        shape = (layer.out_channels, layer.in_channels // layer.groups, layer.kernel, layer.kernel)
        weights = self._weights(name, shape, layer.norm or layer.bias)
        window = {"kernel_shape": shape[2:], "pads": [layer.kernel // 2] * 4, "strides": [layer.stride] * 2}
        out = self._node("Conv", name, tensor, *weights, group=layer.groups, **window)
        return self._activated(f"{index:03d}.{layer.activation}", layer.activation, out)

    def flat(self, index: int, tensor: str, batch: int, channels: int) -> str:
        """(batch, channels, 1, 1) to (batch, channels)."""
        shape = self._constant("flat", np.array([batch, channels]))
        return self._between(self._node("Reshape", f"{index:03d}.reshape", tensor, shape))

    def model(self, shape: tuple[int, ...]) -> onnx.ModelProto:
        """The finished model; the last tensor written is its output."""
        last = self._nodes[-1]
        if self._int8:  # what turns the output to floats belongs to no layer
            last.name = "output"
        outputs = [helper.make_tensor_value_info(last.output[0], TensorProto.FLOAT, shape)]
        graph = helper.make_graph(self._nodes, "measured", self._inputs, outputs, list(self._constants.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    def _activated(self, name: str, activation: str, tensor: str) -> str:
        """`tensor` after the activation. An int8 clamp is the range of the quantised tensor and no node."""
        if activation == "none" or (self._int8 and is_clamp(activation)):
            return self._between(tensor, positive=activation != "none")
        if self._int8:
            tensor = self._between(tensor, positive=False)
        if activation == "relu6":
            limits = self._constant("zero", np.float32(0)), self._constant("six", np.float32(6))
            return self._node("Clip", name, tensor, *limits)
        if activation == "hsigmoid" or (self._int8 and activation == "hswish"):  # the quantiser splits HardSwish
            gate = self._between(self._node("HardSigmoid", name, tensor, alpha=1 / 6, beta=0.5))
            return gate if activation == "hsigmoid" else self._between(self._node("Mul", f"{name}.mul", tensor, gate))
        return self._between(self._node(str(ACTIVATIONS[activation].onnx), name, tensor))

    def _weights(self, name: str, shape: tuple[int, ...], bias: bool) -> list[str]:
        """Weights of `shape` (out, in, …) and, where there is one, the bias."""
        outputs, per_output = shape[0], int(np.prod(shape[1:]))
        part = (gcd(outputs, _PIECE[0]), gcd(shape[1], _PIECE[1]), *shape[2:])
        weights = self._rng.uniform(-1, 1, part)
        biases = self._rng.uniform(0.1, 1, part[:1])
        if not self._int8:
            found = [self._tiled(f"{name}.weights", (weights / per_output).astype(np.float32), shape)]
            return found + ([self._tiled(f"{name}.bias", biases.astype(np.float32), shape[:1])] if bias else [])
        scale = np.float32(1 / (127 * per_output))
        found = [self._dequantised(f"{name}.weights", np.round(127 * weights).astype(np.int8), scale, shape)]
        if bias:
            scale *= np.float32(_RANGE / 255)
            found.append(self._dequantised(f"{name}.bias", np.round(biases / scale).astype(np.int32), scale, shape[:1]))
        return found

    def _dequantised(self, name: str, piece: NDArray[Any], scale: np.float32, shape: tuple[int, ...]) -> str:
        """A constant of integers as floats, with one scale per output channel."""
        stored = self._tiled(name, piece, shape)
        scales = self._tiled(f"{name}.scale", np.array([scale]), shape[:1])
        zeros = self._tiled(f"{name}.zero", np.zeros(1, piece.dtype), shape[:1])
        return self._node("DequantizeLinear", f"{name}.float", stored, scales, zeros, axis=0)

    def _tiled(self, name: str, piece: NDArray[Any], shape: tuple[int, ...]) -> str:
        """A constant of `shape`: `piece`, repeated."""
        repeats = [whole // part for whole, part in zip(shape, piece.shape, strict=True)]
        times = self._constant(f"times.{'x'.join(map(str, repeats))}", np.array(repeats))
        return self._node("Tile", name, self._constant(f"{name}.piece", piece), times)

    def _between(self, tensor: str, *, positive: bool = True) -> str:
        """`tensor` as the next operation reads it: through uint8 and back in an int8 graph."""
        if not self._int8:
            return tensor
        scale = self._constant("scale", np.float32(_RANGE / 255))
        zero = self._constant("zero_point.0", np.uint8(0)) if positive else self._constant("zero_point", np.uint8(128))
        stored = self._node("QuantizeLinear", f"{tensor}.uint8", tensor, scale, zero)
        return self._node("DequantizeLinear", f"{tensor}.float", stored, scale, zero)

    def _node(self, op: str, name: str, *inputs: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def _constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name
