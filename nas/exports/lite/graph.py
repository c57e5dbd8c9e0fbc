"""TensorFlow Lite from a graph, in fp32 or int8, by the schema's own classes; images and maps are N x H x W x C.

Images go in and logits come out as floats, in int8 too. A tensor that layers in int8 and in fp32 read is there in both
forms. TensorFlow Lite pads as `SAME` does; where a layer pads otherwise, a PAD stands before it. What it joins in int8
must have one scale, so that of the result is given to each input first.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from nas.errors import NasError
from nas.exports.graph import IMAGES, Graph, Node
from nas.exports.int8.quantised import Quantised, Scale, before
from nas.nets.conventions import same_padding
from nas.spaces.activations import is_clamp
from nas.spaces.layers import CONVOLUTIONS

LOGITS = "logits"
VERSION = 3
"""Of the schema: the only one in use."""

_Op = schema.BuiltinOperator
_FUSED = {"none": 0, "relu": 1, "relu6": 3}
_ALONE = {"hswish": _Op.HARD_SWISH, "elu": _Op.ELU, "relu": _Op.RELU, "relu6": _Op.RELU6}
_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
}
_VERSIONS = {  # of the operators: the first that have int8 with a scale for each channel
    _Op.CONV_2D: 3,
    _Op.DEPTHWISE_CONV_2D: 3,
    _Op.FULLY_CONNECTED: 4,
    _Op.ADD: 2,
    _Op.MUL: 2,
    _Op.MEAN: 2,
    _Op.PAD: 2,
    _Op.DEQUANTIZE: 2,
    _Op.MAX_POOL_2D: 2,
    _Op.AVERAGE_POOL_2D: 2,
    _Op.CONCATENATION: 2,
    _Op.PADV2: 2,
    _Op.SLICE: 2,
    _Op.TRANSPOSE: 2,
}
_SIXTH = 1 / 6


def tflite_model(graph: Graph, quantised: Quantised | None = None, batch: int | None = None) -> Any:
    """The model as `ModelT`; a `batch` of None is one that may be resized.

    Raises:
        NasError: the network has an activation that TensorFlow Lite lacks.
    """
    writer = _Writer(graph, quantised, batch)
    size = graph.resolution
    images = writer.tensor(IMAGES, (size, size, graph.channels))
    for node in graph.nodes:
        writer.node(node)
    logits = writer.logits(graph.nodes[-1].name)
    return writer.model(images, logits)


def packed(model: Any) -> bytes:
    """The contents of a file."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _Writer:
    """Tensors, operators and buffers; indices of tensors are by name, of those in int8 with `.int8` behind it."""

    def __init__(self, graph: Graph, quantised: Quantised | None, batch: int | None) -> None:
        self._graph, self._quantised, self._batch = graph, quantised, batch
        self._buffers = [schema.BufferT()]  # by rule the first is empty
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[Any] = []
        self._places: dict[str, int] = {}

    def node(self, node: Node) -> None:
        """All operators of a node."""
        integers = self._quantised is not None and node.name not in self._quantised.floats
        inputs = [self._read(name, integers) for name in node.inputs]
        layer, activation = node.layer, node.layer.activation
        fused = _FUSED.get(activation)
        if layer.op == "concat" and activation != "none" and not integers:  # in int8 a clamp is the scale's
            fused = None
        name = node.name if fused is not None else before(node.name)
        shape = (layer.out_channels,) if node.name == "pool" or layer.op == "linear" else _map(layer)
        out = self.tensor(name, shape, integers)
        if layer.op in CONVOLUTIONS:
            self._convolution(node, inputs[0], out, fused or 0, integers)
        elif layer.op == "linear":
            options = schema.FullyConnectedOptionsT()
            self._add(_Op.FULLY_CONNECTED, [inputs[0], *self._weights(node, integers)], out, options)
        elif layer.op == "pool":
            options = schema.ReducerOptionsT()
            options.keepDims = len(shape) == 3
            self._add(_Op.MEAN, [inputs[0], self._constant("axes", np.array([1, 2], np.int32))], out, options)
        elif layer.op in ("add", "scale"):
            code, options = {"add": (_Op.ADD, schema.AddOptionsT()), "scale": (_Op.MUL, schema.MulOptionsT())}[layer.op]
            options.fusedActivationFunction = fused or 0
            self._add(code, inputs, out, options)
        elif layer.op in ("maxpool", "avgpool"):
            self._window(node, inputs[0], out, integers)
        elif layer.op == "concat":
            self._concat(node, inputs, out, integers)
        elif layer.op == "split":
            self._channels(node.name, inputs[0], layer.in_channels - layer.out_channels, out)
        else:
            self._shuffle(node, inputs[0], out, integers)
        if fused is None:
            self._activation(node, out, shape, integers)

    def _activation(self, node: Node, tensor: int, shape: tuple[int, ...], integers: bool) -> None:
        activation = node.layer.activation
        if activation == "hsigmoid":  # there is none: relu6(x + 3) / 6
            six = self.tensor(f"{node.name}.six", shape, integers, Scale(6 / 255, 0))
            plus, times = schema.AddOptionsT(), schema.MulOptionsT()
            plus.fusedActivationFunction = _FUSED["relu6"]
            self._add(_Op.ADD, [tensor, self._number("three", 3.0, integers)], six, plus)
            out = self.tensor(node.name, shape, integers)
            self._add(_Op.MUL, [six, self._number("sixth", _SIXTH, integers)], out, times)
        elif activation in _ALONE:
            options = schema.HardSwishOptionsT() if activation == "hswish" else None
            self._add(_ALONE[activation], [tensor], self.tensor(node.name, shape, integers), options)
        else:
            raise NasError(f"{node.name}: TensorFlow Lite has no activation {activation}")

    def _convolution(self, node: Node, tensor: int, out: int, fused: int, integers: bool) -> None:
        layer = node.layer
        tensor, padding = self._padded(node, tensor, integers)
        depthwise = layer.op == "depthwise"
        options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        options.padding = padding
        options.strideW = options.strideH = layer.stride
        options.fusedActivationFunction = fused
        if depthwise:
            options.depthMultiplier = 1
        code = _Op.DEPTHWISE_CONV_2D if depthwise else _Op.CONV_2D
        self._add(code, [tensor, *self._weights(node, integers)], out, options)

    def _padded(self, node: Node, tensor: int, integers: bool) -> tuple[int, int]:
        """`tensor` with the pixels around it that TensorFlow Lite would not add, and how it is to pad what it gets.

        A maximum has the lowest value there; means count the pixels that are added, which those of `SAME` are not.
        """
        layer = node.layer
        free = (0, 0) if layer.op == "avgpool" else same_padding(layer.in_size, layer.kernel, layer.stride)
        if node.pads == free:
            return tensor, int(schema.Padding.SAME)
        size, scale = layer.in_size + sum(node.pads), self._scale(node.inputs[0]) if integers else None
        padded = self.tensor(f"{node.name}.padded", (size, size, layer.in_channels), integers, scale)
        pads = self._constant(f"{node.name}.pads", np.array([(0, 0), node.pads, node.pads, (0, 0)], np.int32))
        if layer.op == "maxpool":
            self._add(_Op.PADV2, [tensor, pads, self._lowest(node, scale)], padded, schema.PadV2OptionsT())
        else:
            self._add(_Op.PAD, [tensor, pads], padded, schema.PadOptionsT())
        return padded, int(schema.Padding.VALID)

    def _lowest(self, node: Node, scale: Scale | None) -> int:
        name = f"{node.name}.lowest"
        if scale is None:
            return self._constant(name, np.array([np.finfo(np.float32).min], np.float32))
        index = self._constant(name, np.array([-128], np.int8))
        self._tensors[index].quantization = _quantization([scale.step], [scale.zero - 128])
        return index

    def _window(self, node: Node, tensor: int, out: int, integers: bool) -> None:
        layer, options = node.layer, schema.Pool2DOptionsT()
        tensor, options.padding = self._padded(node, tensor, integers)
        options.strideW = options.strideH = layer.stride
        options.filterWidth = options.filterHeight = layer.kernel
        self._add(_Op.MAX_POOL_2D if layer.op == "maxpool" else _Op.AVERAGE_POOL_2D, [tensor], out, options)

    def _concat(self, node: Node, inputs: Sequence[int], out: int, integers: bool) -> None:
        layer, joined = node.layer, list(inputs)
        there, beside = (self._graph.channels_of(read) for read in node.inputs)
        widths = layer.out_channels - beside, beside
        if widths[0] < there:
            size, scale = layer.out_size, self._scale(node.inputs[0])
            first = self.tensor(f"{node.name}.first", (size, size, widths[0]), integers, scale)
            joined[0] = self._channels(f"{node.name}.first", inputs[0], 0, first)
        if integers:
            size, name = layer.out_size, node.name if is_clamp(layer.activation) else before(node.name)
            for number, width in enumerate(widths):
                target = self.tensor(f"{node.name}.{number}", (size, size, width), integers, self._scale(name))
                self._add(_Op.QUANTIZE, [joined[number]], target, schema.QuantizeOptionsT())
                joined[number] = target
        options = schema.ConcatenationOptionsT()
        options.axis = 3
        self._add(_Op.CONCATENATION, joined, out, options)

    def _channels(self, name: str, tensor: int, start: int, out: int) -> int:
        """Of `tensor` as many channels from `start` on as `out` has."""
        _, *shape = self._tensors[out].shape
        begin = self._constant(f"{name}.begin", np.array([0, 0, 0, start], np.int32))
        self._add(_Op.SLICE, [tensor, begin, self._constant(f"{name}.size", np.array([-1, *shape], np.int32))], out)
        return out

    def _shuffle(self, node: Node, tensor: int, out: int, integers: bool) -> None:
        layer, scale = node.layer, self._scale(node.inputs[0]) if integers else None
        size, each = (layer.out_size, layer.out_size), layer.out_channels // layer.groups
        groups = self.tensor(f"{node.name}.groups", (*size, layer.groups, each), integers, scale)
        turned = self.tensor(f"{node.name}.turned", (*size, each, layer.groups), integers, scale)
        self._reshape(tensor, groups)
        order = self._constant("turn", np.array([0, 1, 2, 4, 3], np.int32))
        self._add(_Op.TRANSPOSE, [groups, order], turned, schema.TransposeOptionsT())
        self._reshape(turned, out)

    def _reshape(self, tensor: int, out: int) -> None:
        shape = [-1, *self._tensors[out].shape[1:]]
        name = f"shape.{'x'.join(map(str, shape[1:]))}"
        options = schema.ReshapeOptionsT()
        options.newShape = shape
        self._add(_Op.RESHAPE, [tensor, self._constant(name, np.array(shape, np.int32))], out, options)

    def _weights(self, node: Node, integers: bool) -> list[int]:
        """The tensors of weight and bias; kernels are outputs x H x W x inputs, of a depthwise one 1 x H x W x C."""
        convolution: tuple[tuple[int, ...], int] = (0, 2, 3, 1), 0
        axes, axis = {"linear": ((0, 1), 0), "depthwise": ((1, 2, 3, 0), 3)}.get(node.layer.op, convolution)
        weight, bias = node.weights
        names = f"{node.name}.weight", f"{node.name}.bias"
        if not integers or self._quantised is None:
            return [self._constant(names[0], weight.transpose(axes)), self._constant(names[1], bias)]
        steps = self._quantised.steps(node)
        stored, offsets = self._quantised.integers[node.name].transpose(axes), self._quantised.bias(node)
        scales = steps[:1] if node.layer.op == "linear" else steps
        step = self._quantised.scale(node.inputs[-1]).step
        return [
            self._constant(names[0], stored, scales, axis),
            self._constant(names[1], offsets, scales * np.float32(step), 0),
        ]

    def tensor(self, name: str, shape: tuple[int, ...], integers: bool = False, scale: Scale | None = None) -> int:
        """A tensor of N x `shape`; in int8 with its own scale, or with that of the tensor of its name."""
        found = schema.TensorT()
        found.name = name
        found.shape, found.type = [self._batch or 1, *shape], schema.TensorType.FLOAT32
        if self._batch is None:
            found.shapeSignature = [-1, *shape]
        if integers and self._quantised is not None:
            scale = scale or self._quantised.scale(name)
            found.name, found.type = f"{name}.int8", schema.TensorType.INT8
            found.quantization = _quantization([scale.step], [scale.zero - 128])
        return self._placed(found)

    def logits(self, name: str) -> int:
        """The output: what the last node gives, as floats."""
        index = self._read(name, integers=False)
        self._tensors[index].name = LOGITS
        return index

    def model(self, images: int, logits: int) -> Any:
        """The finished model of these tensors in and out."""
        graph, model, signature = schema.SubGraphT(), schema.ModelT(), schema.SignatureDefT()
        graph.tensors, graph.operators, graph.name = self._tensors, self._operators, "network"
        graph.inputs, graph.outputs = [images], [logits]
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = [_named(IMAGES, images)], [_named(LOGITS, logits)]
        model.version, model.description = VERSION, "sepconv-nas"
        model.operatorCodes, model.subgraphs, model.buffers = self._codes, [graph], self._buffers
        model.signatureDefs = [signature]
        return model

    def _scale(self, name: str) -> Scale | None:
        return self._quantised.scale(name) if self._quantised else None

    def _read(self, name: str, integers: bool) -> int:
        """The tensor of that name in the form that is wanted."""
        wanted, other = (f"{name}.int8", name) if integers else (name, f"{name}.int8")
        if wanted not in self._places:
            source = self._places[other]
            target = self.tensor(name, tuple(self._tensors[source].shape[1:]), integers)
            code = _Op.QUANTIZE if integers else _Op.DEQUANTIZE
            self._add(code, [source], target, schema.QuantizeOptionsT() if integers else schema.DequantizeOptionsT())
        return self._places[wanted]

    def _number(self, name: str, value: float, integers: bool) -> int:
        if not integers:
            return self._constant(name, np.array([value], np.float32))
        return self._constant(name, np.array([127], np.int8), np.array([value / 127], np.float32), 0)

    def _constant(
        self, name: str, value: NDArray[Any], scales: NDArray[np.float32] | None = None, axis: int = 0
    ) -> int:
        if name in self._places:
            return self._places[name]
        found, buffer = schema.TensorT(), schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
        self._buffers.append(buffer)
        found.name, found.shape, found.type = name, list(value.shape), _TYPES[value.dtype]
        found.buffer = len(self._buffers) - 1
        if scales is not None:
            found.quantization = _quantization(scales.tolist(), [0] * len(scales), axis)
        return self._placed(found)

    def _placed(self, tensor: Any) -> int:
        self._tensors.append(tensor)
        self._places[tensor.name] = len(self._tensors) - 1
        return self._places[tensor.name]

    def _add(self, code: int, inputs: Sequence[int], output: int, options: Any = None) -> None:
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(code)
        operator.inputs, operator.outputs = list(inputs), [output]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self._operators.append(operator)

    def _code(self, code: int) -> int:
        for index, known in enumerate(self._codes):
            if known.builtinCode == code:
                return index
        found = schema.OperatorCodeT()
        found.builtinCode, found.deprecatedBuiltinCode = code, min(code, 127)
        found.version = _VERSIONS.get(code, 1) if self._quantised else 1
        self._codes.append(found)
        return len(self._codes) - 1


def _map(layer: Any) -> tuple[int, ...]:
    return layer.out_size, layer.out_size, layer.out_channels


def _named(name: str, index: int) -> Any:
    found = schema.TensorMapT()
    found.name, found.tensorIndex = name, index
    return found


def _quantization(scales: list[float], zeros: list[int], axis: int = 0) -> Any:
    found = schema.QuantizationParametersT()
    found.scale, found.zeroPoint, found.quantizedDimension = scales, zeros, axis
    return found
