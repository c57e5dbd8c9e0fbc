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

from collections.abc import Sequence
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
from nas.spaces.block import BRANCHED_OPS
from nas.spaces.layers import Layer, Wired, block_layers, block_size, branches, layers

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
        part = list(block_layers(block, channels, size))
        if block.op in BRANCHED_OPS:
            tensor = _branched(writer, index, branches(block, channels, size), tensor, channels)
            index, channels, size = index + len(part), block.out_channels, block_size(block, size)
            continue
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
    tensor = writer.flat(index, tensor, channels, batch)
    writer.layer(index + 1, linear, tensor)
    return writer.model((batch, arch.classes))


def _branched(writer: "_Writer", index: int, wired: Sequence[Wired], tensor: str, channels: int) -> str:
    """The layers of a branched block, from number `index` on, after `tensor` of so many channels; its output."""
    made = [(tensor, channels)]
    for number, (layer, inputs) in enumerate(wired, start=index):
        sources = [made[source + 1] for source in inputs]
        tensors = [name for name, _ in sources]
        if layer.op == "concat":
            tensors[0] = writer.channels(number, sources[0], 0, layer.out_channels - sources[1][1])
        elif layer.op == "split":
            tensors[0] = writer.channels(number, sources[0], layer.in_channels - layer.out_channels, layer.in_channels)
        made.append((writer.layer(number, layer, *tensors), layer.out_channels))
    return made[-1][0]


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


def file_at(content: bytes, batch: int, pixels: int) -> bytes:
    """The ONNX file `content` with its free dimensions fixed: the first is `batch`, others are `pixels`.

    Raises:
        ConfigError: it is no ONNX file, or its batch is fixed at another size.
    """
    try:
        model = onnx.load_from_string(content)
    except Exception as error:  # whatever protobuf raises
        raise ConfigError(f"it is no ONNX file: {short(str(error))}") from None
    for entry in model.graph.input:
        for axis, dimension in enumerate(entry.type.tensor_type.shape.dim):
            if not dimension.HasField("dim_value"):
                dimension.dim_value = pixels if axis else batch
            elif not axis and dimension.dim_value != batch:
                raise ConfigError(f"it takes {dimension.dim_value} images at a time; give batch={dimension.dim_value}")
    for entry in (*model.graph.output, *model.graph.value_info):
        entry.type.tensor_type.ClearField("shape")
    return bytes(model.SerializeToString())


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
        if layer.op == "split":  # already taken
            return tensor
        activated_sum = layer.op == "add" and layer.activation != "none"
        if activated_sum or layer.op in ("maxpool", "avgpool", "concat", "shuffle"):
            moved = self._moved(name, layer, tensor, *others)
            return self._activated(f"{index:03d}.{layer.activation}", layer.activation, moved)
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

    def channels(self, index: int, source: tuple[str, int], start: int, end: int) -> str:
        """Channels `start` to `end` of a tensor and its number of channels; itself, where they are all."""
        tensor, count = source
        if (start, end) == (0, count):
            return tensor
        bounds = [self._constant(f"at.{value}", np.array([value])) for value in (start, end, 1)]
        return self._between(self._node("Slice", f"{index:03d}.slice", tensor, *bounds), positive=False)

    def _moved(self, name: str, layer: Layer, *tensors: str) -> str:
        """A layer of a branched block that has no weights, before its activation."""
        window = {"kernel_shape": [layer.kernel] * 2, "pads": [layer.kernel // 2] * 4, "strides": [layer.stride] * 2}
        if layer.op == "maxpool":
            return self._node("MaxPool", name, *tensors, **window)
        if layer.op == "avgpool":
            return self._node("AveragePool", name, *tensors, count_include_pad=1, **window)
        if layer.op == "concat":
            return self._node("Concat", name, *tensors, axis=1)
        if layer.op == "add":
            return self._node("Add", name, *tensors)
        each, size = layer.in_channels // layer.groups, layer.in_size
        split, whole = (0, layer.groups, each, size, size), (0, layer.in_channels, size, size)  # 0: as many images
        wanted = [self._constant(f"shape.{'x'.join(map(str, shape))}", np.array(shape)) for shape in (split, whole)]
        groups = self._node("Reshape", f"{name}.groups", *tensors, wanted[0])
        turned = self._node("Transpose", f"{name}.turned", groups, perm=[0, 2, 1, 3, 4])
        return self._node("Reshape", name, turned, wanted[1])

    def flat(self, index: int, tensor: str, channels: int, batch: int) -> str:
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
