"""Every field of a block and every activation, in every form and room: what is forgotten for a new one fails here.

A new field needs its line in `VALUES`, and nothing else here.
"""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from torch import nn

from nas.errors import SpaceError
from nas.latency.features import layer_counts
from nas.latency.models.roofline import kind, roofline_terms
from nas.nets.blocks import MODULES
from nas.nets.build import build
from nas.nets.supernet import Supernet, recalibrate
from nas.recording.graph import PRECISIONS, layer_graph, network_graph
from nas.spaces.activations import ACTIVATIONS, is_clamp
from nas.spaces.architecture import Architecture
from nas.spaces.block import DEFAULTS, OPS, RULES, Block, applies
from nas.spaces.cost import cost
from nas.spaces.layers import Layer, layers
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from tests.helpers.walks import fused, ran, walked, walked_fused

VALUES: dict[str, tuple[Any, ...]] = {
    "op": OPS,
    "kernel": (3, 5),
    "stride": (1, 2),
    "out_channels": (8, 16),
    "expansion": (3, 4),
    "activation": tuple(ACTIVATIONS),
    "norm_between": (True, False),
    "se": (0.0, 0.5, 1.0),
    "hidden": (0, 24, 40),
    "groups": (1, 2, 8),
    "bias": (False, True),
    "start": (0, 3, 5),
    "middle": ("depthwise", "conv"),
    "shortcut": (True, False),
    "nonlinear": (False, True),
}
"""Values that every block with the field may have."""

CASES = [
    (op, name) for name in VALUES for op in ([o for o in OPS if o in RULES[name].ops] if name != "op" else ("any",))
]
EVERY = pytest.mark.parametrize(("op", "name"), CASES)


def options(op: str, name: str) -> dict[str, Any]:
    """A block of `op` but for its field `name`."""
    base = {"op": op, "kernel": 3, "stride": 1, "out_channels": 8}
    base |= {"expansion": 3} if op == "mbconv" and name != "hidden" else {}
    base |= {"out_channels": 16} if name == "shortcut" else {}  # as many as reach it
    return {key: value for key, value in base.items() if key != name}


def networks(op: str, name: str) -> list[Architecture]:
    """One network for each value of the field, alike in all else."""
    blocks = [Block(**options(op, name), **{name: value}) for value in VALUES[name]]
    return [Architecture(16, 3, 5, (Block("conv", 3, 2, 16), block)) for block in blocks]


def test_every_field_and_activation_is_tried_here() -> None:
    assert set(VALUES) == set(RULES) == {each.name for each in fields(Block)}
    for name, default in DEFAULTS.items():
        assert any(value != default for value in VALUES[name]), name
    assert set(VALUES["activation"]) == set(ACTIVATIONS) == set(MODULES)


@EVERY
def test_forms_tell_values_apart_and_give_them_back(op: str, name: str) -> None:
    archs = networks(op, name)
    for arch in archs:
        assert Architecture.from_json(arch.to_json()) == arch
        assert Architecture.from_notation(arch.notation) == arch
    assert len({arch.key for arch in archs}) == len({arch.notation for arch in archs}) == len(archs)


@pytest.mark.parametrize("name", [name for name, rules in RULES.items() if not set(OPS) <= set(rules.ops)])
def test_a_field_is_refused_where_a_block_lacks_it(name: str) -> None:
    value = next(value for value in VALUES[name] if value != DEFAULTS[name])
    for op in set(OPS) - set(RULES[name].ops):
        assert not applies(name, op)
        with pytest.raises(Exception, match=f"{op}: {name} belongs to"):
            Block(**options(op, name), **{name: value})


@EVERY
def test_every_value_makes_other_layers(op: str, name: str) -> None:
    archs = networks(op, name)
    walks = {tuple(layers(arch)) for arch in archs}
    assert len(walks) == len(archs)


@EVERY
def test_modules_follow_the_walk(op: str, name: str) -> None:
    for arch in networks(op, name):
        assert ran(arch) == walked(arch)
        assert fused(arch) == walked_fused(arch)
        assert sum(weight.numel() for weight in build(arch).parameters()) == cost(arch).params


@pytest.fixture
def space(tmp_path: Path) -> Callable[[str, str], SearchSpace]:
    """Makes the space of `networks`, without the stride, which belongs to a stage."""

    def made(op: str, name: str) -> SearchSpace:
        stage = options(op, name) | {name: list(VALUES[name])}
        stem = {"op": "conv", "kernel": 3, "stride": 2, "out_channels": 16}
        data = {"resolution": 16, "downsample": 2, "classes": 5, "stem": stem, "stages": [stage]}
        (tmp_path / "space.yaml").write_text(yaml.safe_dump(data))
        return load_space(tmp_path / "space.yaml")

    return made


CHOSEN = pytest.mark.parametrize(
    ("op", "name"), [case for case in CASES if case[1] != "stride" and RULES[case[1]].searched]
)


@pytest.mark.parametrize(("op", "name"), [case for case in CASES if not RULES[case[1]].searched])
def test_a_space_refuses_what_published_networks_alone_have(
    op: str, name: str, space: Callable[[str, str], SearchSpace]
) -> None:
    with pytest.raises(SpaceError, match=f"stage1: unknown key '{name}'"):
        space(op, name)


@CHOSEN
def test_a_space_chooses_every_value(op: str, name: str, space: Callable[[str, str], SearchSpace]) -> None:
    found = space(op, name)
    (variable,) = found.variables
    assert (variable.values, variable.ordered) == (VALUES[name], RULES[name].ordered)
    archs = networks(op, name) if name != "op" else [found.architecture(row) for row in found.genotypes()]
    assert [found.architecture(row) for row in found.genotypes()] == archs
    for index, arch in enumerate(archs):
        assert found.genotype(arch).tolist() == [index]


@CHOSEN
def test_a_supernet_holds_every_value(op: str, name: str, space: Callable[[str, str], SearchSpace]) -> None:
    torch.manual_seed(0)
    supernet, images = Supernet(space(op, name)), torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        for weight in supernet.parameters():
            weight.add_(0.2 * weight.abs().mean().clamp(min=0.1) * torch.randn_like(weight))
        for arch in map(supernet.space.architecture, supernet.space.genotypes()):
            net = supernet.subnet(arch)
            assert net.state_dict().keys() == build(arch).state_dict().keys()
            recalibrate(net, [images])
            torch.testing.assert_close(supernet(images, arch), net.train()(images))


@EVERY
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_value_can_be_recorded(op: str, name: str, precision: str) -> None:
    for arch in networks(op, name):
        model = network_graph(arch, precision)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"images": np.ones((1, 3, 16, 16), dtype=np.float32)})
        assert found.shape == (1, 5)
        assert np.isfinite(found).all()
        named = {node.name.split(".")[0] for node in model.graph.node}
        walk = list(layers(arch))
        assert named >= {f"{index:03d}" for index in range(len(walk))}
        assert [node.op_type for node in model.graph.node].count("Conv") == sum(
            layer.op in ("conv", "depthwise", "grouped") for layer in walk
        )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_graph_computes_the_activation(activation: str) -> None:
    model = layer_graph(Layer("conv", 1, 1, 4, 6, 5, 5, 1, activation, norm=True))
    (convolution,) = (node.output[0] for node in model.graph.node if node.op_type == "Conv")
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(convolution))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).normal(0, 30, (1, 4, 5, 5)).astype(np.float32)
    found, before = (torch.tensor(part) for part in session.run(None, {"images": image}))
    module: nn.Module = MODULES[activation]()
    torch.testing.assert_close(found, module(before), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_that_is_no_clamp_is_a_kind_of_its_own(activation: str) -> None:
    layer, plain = (Layer("depthwise", 3, 1, 8, 8, 16, 16, 8, name) for name in (activation, "relu"))
    assert (kind(layer) == kind(plain)) == is_clamp(activation)


@EVERY
def test_latency_models_see_every_layer(op: str, name: str) -> None:
    for layer in (layer for arch in networks(op, name) for layer in layers(arch)):
        assert any(layer_counts(layer)), layer
        assert roofline_terms(layer).min() >= 0 < roofline_terms(layer).max()
