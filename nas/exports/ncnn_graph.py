"""The two texts of ncnn from a graph: layers in order (`.param`), and their weights in fp32 (`.bin`).

Its format is https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure. A tensor that several layers read is
split for each of them.
"""

from collections import Counter

from nas.errors import NasError
from nas.exports.graph import IMAGES, Graph, Node
from nas.exports.int8.quantised import before

_MAGIC = 7767517
_FLOAT32 = bytes(4)
"""What says that weights in fp32 follow."""
_ALONE = {
    "relu": ("ReLU", ""),
    "relu6": ("Clip", "0=0.0 1=6.0"),
    "hswish": ("HardSwish", f"0={1 / 6:.8f} 1=0.5"),
    "hsigmoid": ("HardSigmoid", f"0={1 / 6:.8f} 1=0.5"),
    "elu": ("ELU", "0=1.0"),
}


def ncnn_model(graph: Graph) -> tuple[str, bytes]:
    """The contents of `.param` and `.bin`.

    Raises:
        NasError: the network has a layer or an activation that is not written.
    """
    lines, blobs = [f"Input {IMAGES} 0 1 {IMAGES} 0={graph.resolution} 1={graph.resolution} 2={graph.channels}"], 1
    weights = b""
    reads = _Readers(graph)
    lines_split, more = reads.split(IMAGES)
    lines, blobs = lines + lines_split, blobs + more
    for node in graph.nodes:
        inputs = [reads.take(name) for name in node.inputs]
        if node.layer.op == "concat" and (
            surplus := sum(map(graph.channels_of, node.inputs)) - node.layer.out_channels
        ):
            first, inputs[0] = inputs[0], f"{node.name}.first"
            end = graph.channels_of(node.inputs[0]) - surplus
            lines.append(f"Crop {inputs[0]} 1 1 {first} {inputs[0]} {_channels(0, end)}")
            blobs += 1
        activation = node.layer.activation
        out = node.name if activation == "none" else before(node.name)
        kind = "InnerProduct" if _reads_a_row(node) else _KINDS[node.layer.op]
        lines.append(f"{kind} {out} {len(inputs)} 1 {' '.join(inputs)} {out} {_options(node)}")
        blobs += 1
        if activation != "none":
            if activation not in _ALONE:
                raise NasError(f"{node.name}: ncnn files have no activation {activation}")
            kind, options = _ALONE[activation]
            lines.append(f"{kind} {node.name} 1 1 {out} {node.name} {options}".rstrip())
            blobs += 1
        if node.weight is not None:
            weight, bias = node.weights
            weights += _FLOAT32 + weight.astype("<f4").tobytes() + bias.astype("<f4").tobytes()
        lines_split, more = reads.split(node.name)
        lines, blobs = lines + lines_split, blobs + more
    return "\n".join([str(_MAGIC), f"{len(lines)} {blobs}", *lines]) + "\n", weights


_KINDS = {
    "conv": "Convolution",
    "depthwise": "ConvolutionDepthWise",
    "grouped": "ConvolutionDepthWise",
    "maxpool": "Pooling",
    "avgpool": "Pooling",
    "concat": "Concat",
    "split": "Crop",
    "shuffle": "ShuffleChannel",
    "add": "BinaryOp",
    "scale": "BinaryOp",
    "pool": "Pooling",
}


def _reads_a_row(node: Node) -> bool:
    """Whether it is a convolution of what global pooling left, which ncnn holds as a row of numbers."""
    return node.layer.op == "linear" or (node.layer.op == "conv" and ".se." in node.name)


def _channels(start: int, end: int) -> str:
    return f"-23309=1,{start} -23310=1,{end} -23311=1,0"


class _Readers:
    """Gives each reader of a tensor its own name for it."""

    def __init__(self, graph: Graph) -> None:
        self._counts = Counter(name for node in graph.nodes for name in node.inputs)
        self._taken = Counter[str]()

    def split(self, name: str) -> tuple[list[str], int]:
        """The layer that splits a tensor, where it has several readers, and how many blobs that adds."""
        count = self._counts[name]
        if count < 2:
            return [], 0
        parts = [f"{name}.{number}" for number in range(count)]
        return [f"Split {name}.split 1 {count} {name} {' '.join(parts)}"], count

    def take(self, name: str) -> str:
        """What the next reader reads."""
        self._taken[name] += 1
        return name if self._counts[name] < 2 else f"{name}.{self._taken[name] - 1}"


def _options(node: Node) -> str:
    layer = node.layer
    if layer.op in ("add", "scale"):
        return "0=0" if layer.op == "add" else "0=2"
    if layer.op == "pool" and (node.name == "pool" or node.name.endswith(".se.pool")):
        return "0=1 4=1"
    if layer.op == "pool":  # as any other, which leaves a map, and not a row of numbers
        return f"0=1 1={layer.in_size} 2=1 3=0 5=1"
    if layer.op in ("maxpool", "avgpool"):
        return f"0={int(layer.op == 'avgpool')} 1={layer.kernel} 2={layer.stride} 3={node.pads[0]} 5=1 6=1"
    if layer.op == "concat":
        return "0=0"
    if layer.op == "split":
        return _channels(layer.in_channels - layer.out_channels, layer.in_channels)
    if layer.op == "shuffle":
        return f"0={layer.groups}"
    if node.weight is None:
        raise NasError(f"{node.name} has no weights")
    if _reads_a_row(node):
        return f"0={layer.out_channels} 1=1 2={node.weight.size}"
    first, last = node.pads
    found = f"0={layer.out_channels} 1={layer.kernel} 3={layer.stride} 4={first} 14={first} 15={last} 16={last} 5=1"
    return f"{found} 6={node.weight.size}" + (f" 7={layer.groups}" if layer.groups > 1 else "")
