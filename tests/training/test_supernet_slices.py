"""Shared weights: every slice is the network it stands for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nas.errors import SpaceError
from nas.nets.build import build
from nas.nets.supernet import Supernet, recalibrate
from nas.spaces.architecture import Architecture
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from tests.helpers.spaces import networks

pytestmark = pytest.mark.usefixtures("one_thread")


def shaken(net: nn.Module) -> nn.Module:
    """`net` with every weight a number of its own, so that a wrong slice shows."""
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.2 * weight.abs().mean().clamp(min=0.1) * torch.randn_like(weight))
    return net


SPACES = ["separable", "small", "mobilenet_v1", "mobilenet_v2", "tiny", "nas_bench_macro", "options"]


@pytest.mark.parametrize("name", SPACES)
def test_a_subnet_gives_what_the_supernet_gives(name: str, options: SearchSpace) -> None:
    space = options if name == "options" else load_space(name).with_data(3, 7)
    narrow = tuple(width for width in space.width if width <= 0.5) or space.width  # for time
    space = SearchSpace(replace(space.choices, width=narrow))
    torch.manual_seed(0)
    supernet = shaken(Supernet(space))
    assert isinstance(supernet, Supernet)
    images = torch.randn(4, 3, 16, 16)
    count = 40 if name == "options" else 10
    for arch in networks(space, count):
        net = supernet.subnet(arch)
        assert [(k, v.shape) for k, v in net.state_dict().items()] == [
            (k, v.shape) for k, v in build(arch).state_dict().items()
        ]
        recalibrate(net, [images])
        with torch.no_grad():
            torch.testing.assert_close(supernet(images, arch), net.train()(images))
            recalibrate(net, [images, 2 * images])
            expected = net.eval()(images)
            torch.testing.assert_close(supernet(images, arch, net.state_dict()), expected)
            assert not torch.allclose(expected, supernet(images, arch))


def test_gradients_reach_the_shared_weights_of_a_slice_alone(options: SearchSpace) -> None:
    supernet = Supernet(options)
    owners = {weight.untyped_storage().data_ptr() for weight in supernet.parameters()}
    for arch in networks(options, 5):
        state = supernet.state(arch)
        assert all(weight.untyped_storage().data_ptr() in owners for weight in state.values())
        supernet.zero_grad()
        supernet(torch.randn(4, 3, 16, 16), arch).square().sum().backward()
        reached = sum(int((weight.grad != 0).sum()) for weight in supernet.parameters() if weight.grad is not None)
        assert 0 < reached <= sum(weight.numel() for weight in state.values())


def test_in_bfloat16_gradients_point_the_same_way() -> None:
    space = load_space("nas_bench_macro")
    torch.manual_seed(0)
    supernet: Any = Supernet(space)
    supernet, arch = supernet.to(memory_format=torch.channels_last), space.architecture([2, 1, 2, 1, 0, 2, 2, 1])
    images, labels = torch.randn(16, 3, 16, 16), torch.arange(16) % 10
    gradients = []
    for low in (False, True):
        supernet.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = nn.functional.cross_entropy(supernet(images, arch).float(), labels)
        loss.backward()
        gradients.append(torch.cat([w.grad.flatten() for w in supernet.parameters() if w.grad is not None]))
    full, half = gradients
    assert torch.cosine_similarity(full, half, dim=0) > 0.85
    assert not torch.equal(full, half)


def test_kernels_come_from_the_centre_and_channels_from_the_front() -> None:
    space = load_space("mobilenet_v2")
    supernet = Supernet(space)
    rows = np.zeros((2, len(space.variables)), dtype=np.int64)
    names = [variable.name for variable in space.variables]
    rows[1] = [len(variable.values) - 1 for variable in space.variables]
    rows[1, names.index("stage2.kernel")] = 0
    rows[1, names.index("width")] = 3
    small, large = (supernet.state(space.architecture(row)) for row in rows)
    first = next(name for name in small if name.startswith("2.") and name.endswith("depthwise.0.weight"))
    shared = supernet.blocks["stage2-0-mbconv"].get_parameter("depthwise.0.weight")
    assert shared.shape[2:] == (7, 7)
    assert torch.equal(small[first], shared[: len(small[first]), :, 2:5, 2:5])
    assert torch.equal(large[first], shared[:, :, 2:5, 2:5])
    assert torch.equal(small["2.project.0.weight"], large["2.project.0.weight"][:8, : small[first].shape[0]])


def test_a_subnet_is_a_copy() -> None:
    space = load_space("tiny")
    supernet, arch = Supernet(space), networks(space, 1)[0]
    before = supernet.subnet(arch).state_dict()
    nn.init.zeros_(next(supernet.subnet(arch).parameters()))
    assert all(torch.equal(v, before[k]) for k, v in supernet.subnet(arch).state_dict().items())


def test_a_network_outside_the_space_is_refused() -> None:
    supernet = Supernet(load_space("tiny"))
    foreign = Architecture.from_notation("32x3 conv3-16 fc10")
    for call in (supernet.subnet, supernet.state, lambda arch: supernet(torch.zeros(2, 3, 32, 32), arch)):
        with pytest.raises(SpaceError, match="not in the space tiny: 32x3 conv3-16 fc10"):
            call(foreign)


def test_recalibration_is_the_mean_over_batches() -> None:
    net = nn.Sequential(nn.BatchNorm2d(2)).train()
    batches = [torch.randn(8, 2, 4, 4) * scale + scale for scale in (1, 2, 5)]
    recalibrate(net, batches)
    torch.testing.assert_close(net[0].running_mean, torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0))
    torch.testing.assert_close(net[0].running_var, torch.stack([b.var((0, 2, 3)) for b in batches]).mean(0))
    assert net.training
    assert net[0].momentum == 0.1
    recalibrate(net, batches[:1])
    torch.testing.assert_close(net[0].running_mean, batches[0].mean((0, 2, 3)))
