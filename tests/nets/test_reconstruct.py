"""Networks cut out of pretrained ones, fitted to what the whole ones compute."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nas.nets.build import build
from nas.nets.pretrained.base import Pretrained
from nas.nets.slices.cut import initial
from nas.nets.slices.importance import ordered
from nas.nets.slices.reconstruct import POSITIONS, images_needed, reconstructed
from nas.nets.supernet import recalibrate
from nas.spaces.architecture import Architecture
from nas.spaces.load import load_space
from tests.helpers.weights import pretrained

WHOLE = Architecture.from_notation("32x3 conv3/2-16 mb3e1-16 mb5e4/2-24x3:se0.5 sep3/2-32x2 mb3e3/2-40x2 conv1-64 fc7")


def noise(count: int, seed: int) -> Tensor:
    """Images as those that the weights' norms have seen."""
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


IMAGES = noise(300, seed=0)
SLICES = {
    "fewer channels": "32x3 conv3/2-12 mb3e1-12 mb5e4/2-16x3:se0.5 sep3/2-24x2 mb3e3/2-24x2 conv1-48 fc7",
    "smaller expansions": "32x3 conv3/2-16 mb3e1-16 mb5e3/2-24x3:se0.5 sep3/2-32x2 mb3e2/2-40x2 conv1-64 fc7",
    "smaller kernels": "32x3 conv3/2-16 mb3e1-16 mb3e4/2-24x3:se0.5 sep3/2-32x2 mb3e3/2-40x2 conv1-64 fc7",
    "fewer blocks": "32x3 conv3/2-16 mb3e1-16 mb5e4/2-24x2:se0.5 sep3/2-32 mb3e3/2-40 conv1-64 fc7",
    "less of everything": "32x3 conv3/2-12 mb3e1-8 mb3e3/2-16:se0.5 sep3/2-24 mb3e2/2-24 conv1-48 fc7",
}


@pytest.fixture(scope="module")
def weights() -> Pretrained:
    """With norms that know the images, so that maps differ as much in the last layer as in the first."""
    made_up = pretrained(WHOLE)
    net = build(WHOLE, made_up.conventions)
    net.load_state_dict(made_up.state)
    recalibrate(net, IMAGES.split(50))
    return replace(made_up, state=net.state_dict())


def features(arch: Architecture, state: dict[str, Tensor], weights: Pretrained, *, training: bool = False) -> Tensor:
    """The last maps, of other images than those that the layers were fitted on."""
    net = build(arch, weights.conventions)
    net.load_state_dict(state)
    with torch.no_grad():
        return net.train(training)[:-3](noise(200, seed=1)[:, : arch.in_channels])


def distance(found: Tensor, wanted: Tensor) -> float:
    """The share of the variance of `wanted` that `found` misses."""
    return float((found - wanted).square().sum() / (wanted - wanted.mean(0)).square().sum())


@pytest.mark.parametrize("kind", SLICES)
def test_a_fitted_slice_computes_more_of_what_the_whole_network_does(kind: str, weights: Pretrained) -> None:
    arch = Architecture.from_notation(SLICES[kind])
    wanted = features(WHOLE, dict(ordered(weights).state), weights)[:, : arch.blocks[-1].out_channels]
    cut = distance(features(arch, initial(arch, weights), weights), wanted)
    fitted = distance(features(arch, reconstructed(arch, weights, IMAGES), weights), wanted)
    assert fitted < 0.92 * cut


@pytest.mark.parametrize("kind", SLICES)
def test_it_trains_as_it_judges(kind: str, weights: Pretrained) -> None:
    arch = Architecture.from_notation(SLICES[kind])
    state = reconstructed(arch, weights, IMAGES)
    judged, trained = (features(arch, state, weights, training=training) for training in (False, True))
    assert distance(trained, judged) < 0.15
    cut = initial(arch, weights)
    apart = distance(features(arch, cut, weights, training=True), features(arch, cut, weights))
    assert distance(trained, judged) < apart


def test_the_whole_network_stays_as_it_is(weights: Pretrained) -> None:
    for arch in (WHOLE, replace(WHOLE, resolution=64)):
        found, given = reconstructed(arch, weights, IMAGES[:8]), initial(arch, weights)
        assert all(torch.equal(found[name], given[name]) for name in given)


def test_the_same_images_give_the_same_weights(weights: Pretrained) -> None:
    arch = Architecture.from_notation(SLICES["less of everything"])
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        found.append(reconstructed(arch, weights, IMAGES[:40]))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


@pytest.mark.parametrize(
    "notation",
    [
        "32x3 conv3/2-32 mb5e1-16 mb7e6/2-40x4:se0.5 sep5/2-48x3 mb5e4/2-64x3 conv1-128 fc7",  # more of everything
        "32x3 conv3-12 mb3e1-12 mb5e4-16x3:se0.5 sep3/2-24x2 mb3e3/2-24x2 conv1-48 fc7",  # maps of other sizes
        "32x1 conv3/2-12 mb3e1-12 mb5e4/2-16x3:se0.5 sep3/2-24x2 mb3e3/2-24x2 conv1-48 fc7",  # grey
        "32x3 conv3/2-12 sep3-12 mb5e4/2-16x3 sep3/2-24x2:nobn mb3e3/2-24x2 conv1-48 fc7",  # other kinds of blocks
    ],
)
@pytest.mark.parametrize("count", [1, 4, 40])
def test_what_has_no_like_and_few_images_are_no_trouble(notation: str, count: int, weights: Pretrained) -> None:
    arch = Architecture.from_notation(notation)
    state = reconstructed(arch, weights, IMAGES[:count, : arch.in_channels])
    assert all(tensor.isfinite().all() for tensor in state.values())
    assert features(arch, state, weights).isfinite().all()
    assert all((state[name] >= 0).all() for name in state if name.endswith("running_var"))


def test_networks_of_a_space_are_paired_by_its_stages() -> None:
    space = load_space("tiny").with_data(3, 7)
    weights = pretrained(Architecture.from_notation("32x3 conv3/2-16 mb5e3/2-24x2 mb3e3/2-48x2 mb3e3-96 conv1-128 fc7"))
    arch = space.architecture([0] * len(space.variables))
    net = build(arch, weights.conventions)
    net.load_state_dict(reconstructed(arch, weights, IMAGES[:50], space))
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert all(norm.eps == weights.conventions.eps for norm in norms)


@pytest.mark.parametrize(("pixels", "places"), [(32, 1), (33, 4), (96, 9), (224, 49)])
def test_images_needed_fill_the_smallest_map(pixels: int, places: int) -> None:
    arch = Architecture.from_notation("224x3 conv3/2-8 sep3/2-8 sep3/2-8 sep3/2-8 sep3/2-8 fc7")
    count = images_needed(arch, pixels)
    assert (count - 1) * places < POSITIONS <= count * places
