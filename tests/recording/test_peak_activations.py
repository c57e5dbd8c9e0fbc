"""Peak activation bytes are what a runtime needs that runs one operation after another and rewrites no graph."""

import math
import re
import subprocess
import sys

import onnx
import pytest

from nas.recording.graph import network_graph
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from nas.spaces.cost import cost
from tests.helpers.paths import ROOT
from tests.helpers.recordings import EVERY_OP

NETWORKS = ("mobilenet_v1_w0.25_r128", "mobilenet_v2_w0.5_r96", "mobilenet_v2_w0.35_r160")
"""From small to large activations."""
IN_PLACE = ("Clip", "Relu", "HardSwish", "HardSigmoid", "Elu", "Flatten", "Reshape", "Squeeze")
"""What a kernel does to its own output, or changes no value: no tensor of its own."""


def liveness(arch: Architecture) -> int:
    """Bytes of the tensors that are alive while a node runs, at their most: produced, and used there or later."""
    graph = onnx.shape_inference.infer_shapes(network_graph(arch)).graph
    shapes = {
        each.name: [dim.dim_value for dim in each.type.tensor_type.shape.dim]
        for each in (*graph.input, *graph.value_info, *graph.output)
    }
    owner = {graph.input[0].name: graph.input[0].name}  # of a tensor, the one whose memory it is in
    for node in graph.node:
        if any(name in owner for name in node.input):
            name = node.output[0]
            owner[name] = owner[node.input[0]] if node.op_type in IN_PLACE else name
    last = {owner[name]: at for at, node in enumerate(graph.node) for name in node.input if name in owner}
    size = {name: 4 * math.prod(shapes[name]) for name in set(owner.values())}
    alive, peak = {graph.input[0].name}, 0
    for at, node in enumerate(graph.node):
        if node.output[0] in owner:
            alive.add(owner[node.output[0]])
            peak = max(peak, sum(size[name] for name in alive))
        alive = {name for name in alive if last.get(name, at) > at}
    return peak


@pytest.mark.parametrize(
    "arch",
    [*map(load_architecture, (*NETWORKS, "mobilenet_v1", "mobilenet_v2")), EVERY_OP],
    ids=[*NETWORKS, "mobilenet_v1", "mobilenet_v2", "every op"],
)
def test_the_peak_is_that_of_the_tensors_alive_in_the_graph(arch: Architecture) -> None:
    assert cost(arch).peak_activation_bytes == liveness(arch)


def test_onnx_runtime_sets_aside_as_much_and_what_its_blocks_waste() -> None:
    archs = [load_architecture(name) for name in NETWORKS]
    command = [sys.executable, "-m", "tests.helpers.arena", *(arch.notation for arch in archs)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    runs = re.findall(r"SECOND RUN\n(.*?)END", ran.stderr, re.DOTALL)
    grown = [sum(map(int, re.findall(r"rounded_bytes: ?(\d+)", run))) for run in runs]
    assert len(grown) == len(archs)
    for arch, found in zip(archs, grown, strict=True):
        assert 1 <= found / cost(arch).peak_activation_bytes <= 1.35, (arch.notation, found)
