"""The shorter ways of training on a CPU give what the plain modules give: outputs, gradients, running averages."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.plain_modules import plainly
from nas.nets import build
from nas.nets.blocks import MODULES
from nas.nets.depthwise import depthwise
from nas.nets.pointwise import folds
from nas.nets.unit import Unit
from nas.spaces.architecture import Architecture

NETWORKS = [
    "20x3 conv3/2-8 mb3e1-8 mb5e6/2-8 mb5e6-8 mb3e6-16 conv1-96 fc5",
    "17x3 conv3/2-8 mb7e4/2-8:relu mb3e3-8:hswish mb5e6-8:nobn mb5e6-8:se0.5 fc3",
    "12x1 conv3-8 sep5-24 sep3/2-48:relu mb3e6-8:elu fc4",
]


def drawn(notation: str) -> tuple[nn.Module, Tensor]:
    """A network in float64 and training mode, with norms that a training might have left, and images for it."""
    torch.manual_seed(0)
    arch = Architecture.from_notation(notation)
    net = build(arch).double()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
            module.running_mean, module.running_var = (
                torch.randn(2, module.num_features, dtype=torch.float64).abs() + 0.1
            )
    return net.train(), torch.randn(8, arch.in_channels, arch.resolution, arch.resolution, dtype=torch.float64)


def learnt(net: nn.Module, images: Tensor) -> list[Tensor]:
    """Logits, every gradient, and every buffer after a step."""
    images = images.clone().requires_grad_()
    logits = net(images)
    F.cross_entropy(logits, torch.arange(len(images)) % logits.shape[1]).backward()
    weights = [weight.grad for weight in net.parameters() if weight.grad is not None]
    return [logits, images.grad, *weights, *net.buffers()]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("notation", NETWORKS)
def test_networks_learn_what_plain_modules_learn(notation: str, layout: torch.memory_format) -> None:
    net, images = drawn(notation)
    images = images.contiguous(memory_format=layout)
    plain = plainly(net)
    for got, expected in zip(learnt(net, images), learnt(plain, images), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("notation", NETWORKS)
def test_networks_of_fixed_norms_learn_what_plain_modules_learn(notation: str, trainable: bool) -> None:
    net, images = drawn(notation)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval().requires_grad_(trainable)
    plain = plainly(net)
    for got, expected in zip(learnt(net, images), learnt(plain, images), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("notation", NETWORKS)
def test_evaluation_and_what_needs_no_gradient_run_the_plain_modules(notation: str) -> None:
    net, images = drawn(notation)
    seen: list[int] = []
    for module in net.modules():
        if isinstance(module, tuple(kind for kind in MODULES.values() if kind is not nn.Identity)):
            module.register_forward_hook(lambda *_: seen.append(1))
    count = sum(len(module._forward_hooks) for module in net.modules())
    with torch.no_grad():
        net(images)
    assert len(seen) == count
    net.eval()(images)
    assert len(seen) == 2 * count


@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_variances_far_from_zero_lose_nothing_to_rounding(shift: float) -> None:
    torch.manual_seed(1)
    conv, norm = nn.Conv2d(8, 48, 1, bias=False), nn.BatchNorm2d(48)
    unit = Unit(conv, norm).train()
    images = torch.randn(8, 8, 16, 16) + shift
    assert folds(conv, norm, images)
    exact = plainly(unit).double()
    torch.testing.assert_close(unit(images).double(), exact(images.double()), rtol=1e-3, atol=1e-4)
    for got, expected in zip(unit.buffers(), exact.buffers(), strict=True):
        torch.testing.assert_close(got.double(), expected.double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 3), (4, 7), (9, 2), (24, 24)])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(5, 1, 2), (5, 2, 2), (7, 1, 3), (7, 3, 3), (5, 2, 0)])
def test_gradients_of_depthwise_convolutions(
    height: int, width: int, kernel: int, stride: int, padding: int, biased: bool
) -> None:
    torch.manual_seed(height * kernel)
    beside = kernel - 1 - 2 * padding
    x = torch.randn(5, 6, height + beside, width + beside, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(6, dtype=torch.float64, requires_grad=True) if biased else None
    wanted = [x, weight, *([bias] if biased else [])]
    out = depthwise(x, weight, stride, padding, bias)
    plain = F.conv2d(x, weight, bias, stride, padding, groups=6)
    torch.testing.assert_close(out, plain)
    to = torch.randn_like(out)
    for got, expected in zip(torch.autograd.grad(out, wanted, to), torch.autograd.grad(plain, wanted, to), strict=True):
        torch.testing.assert_close(got, expected)
