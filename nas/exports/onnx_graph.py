"""ONNX from a graph, in fp32 or int8, by onnx.helper: the operations that `nas.recording.graph` measures.

In int8 every tensor that passes through 8 bits does so by QuantizeLinear and DequantizeLinear (QDQ). Activations are
uint8, since ONNX Runtime's kernels for int8 ones are several times slower on x86. Of a node in int8, ReLU and ReLU6 are
the range of what it gives, and no node.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nas.exports.graph import IMAGES, Floats, Graph, Node, Run
from nas.exports.int8.quantised import MOST_BIAS, Quantised, before
from nas.exports.onnx_file import open_onnx
from nas.recording.graph import IR_VERSION, OPSET
from nas.spaces.activations import ACTIVATIONS, is_clamp
from nas.spaces.layers import CONVOLUTIONS

LOGITS = "logits"
_BINARY = {"add": "Add", "scale": "Mul"}


def onnx_model(graph: Graph, quantised: Quantised | None = None, batch: int | None = None) -> onnx.ModelProto:
    """`images`, batch x C x R x R, to `logits`, batch x classes; a `batch` of None is left free."""
    writer, count = _Writer(graph, quantised), "batch" if batch is None else batch
    writer.images()
    for node in graph.nodes:
        writer.node(node)
    size = graph.resolution
    images = helper.make_tensor_value_info(IMAGES, TensorProto.FLOAT, (count, graph.channels, size, size))
    logits = helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, (count, graph.classes))
    nodes, constants = writer.finished(graph.nodes[-1].name)
    made = helper.make_graph(nodes, "network", [images], [logits], constants)
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="sepconv-nas")


def open_graph(network: Graph | Quantised) -> Run:
    """The ONNX model of a network, in fp32 or in int8, in ONNX Runtime."""
    graph, quantised = (network.graph, network) if isinstance(network, Quantised) else (network, None)
    return open_onnx(onnx_model(graph, quantised).SerializeToString())


class _Writer:
    """Nodes and constants; `_read` is what each tensor is called by those that read it."""

    def __init__(self, graph: Graph, quantised: Quantised | None) -> None:
        self._graph, self._quantised = graph, quantised
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._read: dict[str, str] = {}

    def images(self) -> None:
        """The input, as it is read."""
        self._read[IMAGES] = self._stored(IMAGES, IMAGES)

    def node(self, node: Node) -> None:
        """All operations of a node."""
        integers = self._quantised is not None and node.name not in self._quantised.floats
        inputs = [self._read[name] for name in node.inputs]
        activation = node.layer.activation
        if integers and is_clamp(activation):
            activation = "none"
        linear = node.name if activation == "none" else before(node.name)
        if node.layer.op == "linear":
            inputs = [self._flat(node, inputs[0])]
        self._linear(node, linear, inputs, integers)
        if activation != "none":
            if integers:
                linear = self._stored(linear, linear)
            self._activation(node.name, activation, linear, integers)
        self._read[node.name] = self._stored(node.name, node.name)

    def finished(self, last: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """Nodes and constants; what is read of the `last` node are the logits."""
        self._nodes[-1].output[0] = LOGITS
        return self._nodes, list(self._constants.values())

    def _linear(self, node: Node, name: str, inputs: list[str], integers: bool) -> None:
        layer = node.layer
        if layer.op in _BINARY:
            self._add(_BINARY[layer.op], name, *inputs)
        elif layer.op == "pool":
            self._add("ReduceMean", name, inputs[0], self._constant("axes", np.array([2, 3])), keepdims=1)
        elif layer.op == "linear":
            self._add("Gemm", name, inputs[0], *self._weights(node, integers), transB=1)
        elif layer.op in CONVOLUTIONS:
            weights = self._weights(node, integers)
            self._add("Conv", name, inputs[0], *weights, group=layer.groups, **_window(node))
        else:
            self._moved(node, name, inputs)

    def _moved(self, node: Node, name: str, inputs: list[str]) -> None:
        """A layer of a branched block that has no weights."""
        layer = node.layer
        if layer.op == "maxpool":
            self._add("MaxPool", name, *inputs, **_window(node))
        elif layer.op == "avgpool":
            self._add("AveragePool", name, *inputs, count_include_pad=1, **_window(node))
        elif layer.op == "split":
            self._channels(name, inputs[0], layer.in_channels - layer.out_channels, layer.in_channels)
        elif layer.op == "concat":
            there, beside = (self._graph.channels_of(read) for read in node.inputs)
            if (taken := layer.out_channels - beside) < there:
                inputs[0] = self._stored(node.inputs[0], self._channels(f"{name}.first", inputs[0], 0, taken))
            self._add("Concat", name, *inputs, axis=1)
        else:
            each, size = layer.in_channels // layer.groups, layer.in_size
            split, whole = (0, layer.groups, each, size, size), (0, layer.in_channels, size, size)  # 0: as many images
            wanted = [self._constant(f"shape.{'x'.join(map(str, shape))}", np.array(shape)) for shape in (split, whole)]
            groups = self._add("Reshape", f"{name}.groups", inputs[0], wanted[0])
            turned = self._add("Transpose", f"{name}.turned", groups, perm=[0, 2, 1, 3, 4])
            self._add("Reshape", name, turned, wanted[1])

    def _channels(self, name: str, tensor: str, start: int, end: int) -> str:
        bounds = [self._constant(f"at.{value}", np.array([value])) for value in (start, end, 1)]
        return self._add("Slice", name, tensor, *bounds)

    def _activation(self, name: str, activation: str, tensor: str, integers: bool) -> None:
        if activation == "relu6":
            limits = self._constant("zero", np.float32(0)), self._constant("six", np.float32(6))
            self._add("Clip", name, tensor, *limits)
        elif activation == "hsigmoid":
            self._add("HardSigmoid", name, tensor, alpha=1 / 6, beta=0.5)
        elif activation == "hswish" and integers:  # ONNX Runtime has no HardSwish in int8
            gate = self._add("HardSigmoid", f"{name}.gate", tensor, alpha=1 / 6, beta=0.5)
            self._add("Mul", name, tensor, self._between(gate, gate, 1 / 255, 0))
        else:
            self._add(str(ACTIVATIONS[activation].onnx), name, tensor)

    def _flat(self, node: Node, tensor: str) -> str:
        shape = self._constant("flat", np.array([-1, node.layer.in_channels]))
        name = f"{node.inputs[0]}.flat"
        flat = self._add("Reshape", name, tensor, shape)
        return self._stored(node.inputs[0], flat)

    def _weights(self, node: Node, integers: bool) -> list[str]:
        weight, bias = node.weights
        if not integers or self._quantised is None:
            write = self._kept if self._quantised else self._constant
            return [self._constant(f"{node.name}.weight", weight), write(f"{node.name}.bias", bias)]
        steps = self._quantised.steps(node)
        step = np.float32(self._quantised.scale(node.inputs[-1]).step)
        return [
            self._dequantised(f"{node.name}.weight", self._quantised.integers[node.name], steps),
            self._dequantised(f"{node.name}.bias", self._quantised.bias(node), (steps * step).astype(np.float32)),
        ]

    def _kept(self, name: str, bias: Floats) -> str:
        """The bias of a layer in fp32 among int8 ones, as integers of 31 bits and a scale.

        Were it a plain constant like the weights, ONNX Runtime would take the layer to int8, with one scale for all its
        weights (its optimiser WeightBiasQuantization).
        """
        steps = (np.maximum(np.abs(bias), 1e-12) / MOST_BIAS).astype(np.float32)
        return self._dequantised(name, np.rint(bias / steps).astype(np.int32), steps)

    def _dequantised(self, name: str, values: NDArray[Any], steps: NDArray[np.float32]) -> str:
        """A constant of integers as floats, with one scale for each output channel."""
        zeros = self._constant(f"{name}.zero", np.zeros(len(steps), values.dtype))
        stored = self._constant(f"{name}.integers", values)
        return self._add("DequantizeLinear", name, stored, self._constant(f"{name}.scale", steps), zeros, axis=0)

    def _stored(self, name: str, tensor: str) -> str:
        """`tensor` as it is read: through 8 bits and back where the tensor called `name` is stored so."""
        source = name.removesuffix(".before")
        if self._quantised is None or not self._quantised.is_stored(source):
            return tensor
        scale = self._quantised.scale(name)
        return self._between(tensor, name, scale.step, scale.zero)

    def _between(self, tensor: str, name: str, step: float, zero: int) -> str:
        scale = self._constant(f"{name}.scale", np.float32(step)), self._constant(f"{name}.zero", np.uint8(zero))
        stored = self._add("QuantizeLinear", f"{tensor}.uint8", tensor, *scale)
        return self._add("DequantizeLinear", f"{tensor}.float", stored, *scale)

    def _add(self, op: str, name: str, *inputs: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def _constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name


def _window(node: Node) -> dict[str, list[int]]:
    layer, (start, end) = node.layer, node.pads
    return {
        "kernel_shape": [layer.kernel] * 2,
        "strides": [layer.stride] * 2,
        "pads": [start, start, end, end],
    }
