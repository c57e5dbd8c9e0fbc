"""A graph in torch: as it is, or with the rounding of int8 in it; shapes are N x C x H x W."""

from collections import Counter
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from nas.exports.graph import IMAGES, Graph, Node, activated, before_activation
from nas.exports.int8.quantised import Quantised, Scale, before
from nas.spaces.activations import is_clamp

Weights = Callable[[Node], tuple[Tensor | None, Tensor | None]]
Visit = Callable[[str, Tensor], Tensor]

BATCH = 32
"""Images that run at once."""


def run(graph: Graph, images: Tensor, weights: Weights, visit: Visit) -> Tensor:
    """The logits; readers of a tensor get what `visit` makes of it, called by its name."""
    left = Counter(name for node in graph.nodes for name in node.inputs)
    values = {IMAGES: visit(IMAGES, images)}
    for node in graph.nodes:
        inputs = [values[name] for name in node.inputs]
        for name in node.inputs:
            left[name] -= 1
            if not left[name]:
                del values[name]
        values[node.name] = node_output(node, inputs, weights(node), visit)
    return values[graph.nodes[-1].name]


def node_output(node: Node, inputs: list[Tensor], weights: tuple[Tensor | None, Tensor | None], visit: Visit) -> Tensor:
    """What readers of a node get."""
    linear = before_activation(node, inputs, *weights)
    if not is_clamp(node.layer.activation):
        linear = visit(before(node.name), linear)
    return visit(node.name, activated(node.layer.activation, linear))


def plain(node: Node) -> tuple[Tensor | None, Tensor | None]:
    """The weights of a node as they are."""
    if node.weight is None or node.bias is None:
        return None, None
    return torch.from_numpy(node.weight), torch.from_numpy(node.bias)


def as_it_is(name: str, tensor: Tensor) -> Tensor:
    """A tensor that nothing is done to."""
    return tensor


def rounding(quantised: Quantised) -> tuple[Weights, Visit]:
    """Weights and tensors as int8 has them."""

    def weights(node: Node) -> tuple[Tensor | None, Tensor | None]:
        if node.weight is None or node.name in quantised.floats:
            return plain(node)
        steps = torch.from_numpy(quantised.steps(node))
        integers = torch.from_numpy(quantised.integers[node.name]).float()
        unit = steps * quantised.scale(node.inputs[-1]).step
        bias = torch.from_numpy(quantised.bias(node)).float() * unit
        return integers * steps.view(-1, *[1] * (integers.dim() - 1)), bias

    def visit(name: str, tensor: Tensor) -> Tensor:
        stored = quantised.is_stored(name.removesuffix(".before"))
        return through_8_bits(tensor, quantised.scale(name)) if stored else tensor

    return weights, visit


def through_8_bits(tensor: Tensor, scale: Scale) -> Tensor:
    """`tensor` rounded to the 256 values of a scale; its gradient is 1 inside them and 0 outside."""
    return torch.fake_quantize_per_tensor_affine(tensor, scale.step, scale.zero, 0, 255)


def batches(images: Tensor) -> Iterator[Tensor]:
    """The images in parts that run at once."""
    return iter(images.split(BATCH))


@torch.no_grad()
def logits(graph: Graph, images: Tensor, weights: Weights = plain, visit: Visit = as_it_is) -> Tensor:
    """The logits of any number of images."""
    return torch.cat([run(graph, batch, weights, visit) for batch in batches(images)])
