"""Networks cut out of pretrained ones: the order of channels, front slices, kernels, depths, and what is new."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import nas.nets
from nas.errors import ConfigError
from nas.nets.build import build
from nas.nets.conventions import TENSORFLOW
from nas.nets.pretrained import load
from nas.nets.pretrained.base import Pretrained
from nas.nets.slices.cut import initial
from nas.nets.slices.importance import ordered
from nas.nets.slices.reach import covered, reached
from nas.nets.slices.reconstruct import reconstructed
from nas.nets.supernet import Supernet, begin_from
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.load import load_space
from tests.helpers.refusal import refusal
from tests.helpers.weights import pretrained, trained, without_tensors

WIDE = Architecture.from_notation(
    "32x3 conv3/2-16 mb3e1-16 mb5e4/2-24x3:se0.5 sep3/2-32x2 sep5-48:nobn mb3e3/2-40x2 conv1-64 fc7"
)
OF_TINY = Architecture.from_notation("32x3 conv3/2-16 mb5e3/2-24x2 mb3e3/2-48x2 mb3e3-96 conv1-128 fc7")
IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def logits(arch: Architecture, state: dict[str, Tensor]) -> Tensor:
    net = build(arch, TENSORFLOW)
    net.load_state_dict(state)
    with torch.no_grad():
        return net.eval()(IMAGES[:, : arch.in_channels])


def blocks(arch: Architecture, **changes: dict[int, object]) -> Architecture:
    """The network with other values of fields, by the number of the block."""
    new = list(arch.blocks)
    for field, values in changes.items():
        for number, value in values.items():
            new[number] = replace(new[number], **{field: value})  # type: ignore[arg-type]
    return replace(arch, blocks=tuple(new))


@pytest.fixture(scope="module")
def weights() -> Pretrained:
    return pretrained(WIDE)


@pytest.mark.parametrize(
    "notation",
    [
        WIDE.notation,
        "32x3 conv3/2-8 mb3e1-8x2 mb3e6/2-12 conv1-24 fc5",
        "32x1 sep3/2-8x3 sep3/2-16:se1 fc3",
        "32x3 mb3e3-3x2 mb3e1-3:se0.5 fc2",
    ],
)
def test_in_order_of_importance_the_function_is_the_same(notation: str) -> None:
    arch = Architecture.from_notation(notation)
    given = pretrained(arch)
    found = ordered(given)
    assert any(not torch.equal(found.state[name], given.state[name]) for name in given.state)
    expected = logits(arch, dict(given.state))
    assert expected.abs().max() > 1e-2
    torch.testing.assert_close(logits(arch, dict(found.state)), expected, atol=1e-4, rtol=1e-4)


def test_what_is_read_most_comes_first(weights: Pretrained) -> None:
    state = ordered(weights).state
    scale, middle = state["3.body.depthwise.1.weight"], state["3.body.depthwise.1.bias"]
    drawn = torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0))
    deviation = (middle + scale * drawn).clamp(0, 6).std(0)  # what hardly varies is hardly missed
    expansion = state["3.body.project.0.weight"].abs().sum((0, 2, 3)) * deviation
    readers = [state[name].abs().sum((0, 2, 3)) for name in ("3.body.expand.0.weight", "4.body.expand.0.weight")]
    stream = sum(readers) + state["5.pointwise.0.weight"].abs().sum((0, 2, 3))  # a sep hands its input on
    classes = state["13.weight"].abs().sum(0)
    assert (expansion.diff() <= 0.02 * expansion.max()).all()
    assert expansion.diff().mean() < 0
    for importance in (stream, classes):
        assert (importance.diff() <= 1e-5).all()


def test_the_whole_network_starts_as_it_is(weights: Pretrained) -> None:
    torch.testing.assert_close(logits(WIDE, initial(WIDE, weights)), logits(WIDE, dict(weights.state)))


def test_a_narrower_network_is_a_front_slice(weights: Pretrained) -> None:
    arch = blocks(WIDE, out_channels={0: 8, 1: 12, 2: 16, 3: 16, 4: 16}, expansion={2: 2, 3: 3})
    state, source = initial(arch, weights), ordered(weights).state
    for name, theirs in (("0.0.weight", "0.0.weight"), ("3.body.expand.0.weight", "3.body.expand.0.weight")):
        rows, columns = state[name].shape[:2]
        assert torch.equal(state[name], source[theirs][:rows, :columns])
    assert torch.equal(state["3.body.depthwise.1.running_var"], source["3.body.depthwise.1.running_var"][:48])
    assert torch.equal(state["13.weight"], source["13.weight"])


def test_kernels_are_cut_from_the_centre_and_padded_with_zeros(weights: Pretrained) -> None:
    state, source = initial(blocks(WIDE, kernel={2: 3, 3: 7}), weights), ordered(weights).state
    assert torch.equal(state["2.depthwise.0.weight"], source["2.depthwise.0.weight"][:, :, 1:-1, 1:-1])
    larger = state["3.body.depthwise.0.weight"]
    assert torch.equal(larger[:, :, 1:-1, 1:-1], source["3.body.depthwise.0.weight"])
    assert larger[:, :, 0].abs().max() == larger[:, :, :, -1].abs().max() == 0
    padded = blocks(WIDE, kernel={3: 7, 8: 5})
    torch.testing.assert_close(logits(padded, initial(padded, weights)), logits(WIDE, dict(weights.state)))


def test_a_shallower_network_has_the_first_blocks(weights: Pretrained) -> None:
    arch = replace(WIDE, blocks=(*WIDE.blocks[:3], *WIDE.blocks[5:]))
    state, source = initial(arch, weights), ordered(weights).state
    assert torch.equal(state["2.expand.0.weight"], source["2.expand.0.weight"])
    assert torch.equal(state["3.pointwise.0.weight"], source["5.pointwise.0.weight"])
    deeper = initial(replace(WIDE, blocks=(*WIDE.blocks[:5], WIDE.blocks[4], *WIDE.blocks[5:])), weights)
    assert deeper["5.body.expand.1.running_mean"].abs().max() == 0  # as drawn
    assert torch.equal(deeper["6.pointwise.0.weight"], source["5.pointwise.0.weight"])


def test_what_is_not_reached_is_drawn_as_torch_is_seeded(weights: Pretrained) -> None:
    arch = blocks(
        replace(WIDE, classes=4), norm_between={7: True}, op={7: "conv"}, expansion={8: 1}, out_channels={10: 72}
    )
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(initial(arch, weights))
    drawn = {name for name in states[0] if not torch.equal(states[0][name], states[2][name])}
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert drawn == {"7.0.weight", "8.depthwise.0.weight", "8.project.0.weight", "10.0.weight", "13.weight"}
    assert torch.equal(states[0]["10.0.weight"][:64], ordered(weights).state["10.0.weight"])


def test_the_classifier_is_theirs_where_the_classes_agree(weights: Pretrained) -> None:
    state = initial(WIDE, weights)
    assert torch.equal(state["13.bias"], weights.state["13.bias"])
    for other in (initial(replace(WIDE, classes=6), weights), initial(WIDE, replace(weights, head=False))):
        assert other["13.bias"].abs().max() == 0


def test_grey_images_meet_the_sum_of_the_colours(weights: Pretrained) -> None:
    grey = replace(WIDE, in_channels=1)
    net = build(WIDE, TENSORFLOW)
    net.load_state_dict(dict(weights.state))
    with torch.no_grad():
        expected = net.eval()(IMAGES[:, :1].expand(-1, 3, -1, -1))
    torch.testing.assert_close(logits(grey, initial(grey, weights)), expected, atol=1e-4, rtol=1e-4)
    assert weights.statistics(1) == ((0.5,), (0.5,))


def test_networks_of_a_space_start_from_their_own_stages() -> None:
    space = load_space("lite").with_data(3, 5)
    lite0 = pretrained(baseline("efficientnet_lite0_r64"))
    source = ordered(lite0).state
    assert space.contains(replace(lite0.arch, classes=5))
    for row in space.sample(np.random.default_rng(1), 5):
        arch = space.architecture(row)
        state = initial(arch, lite0, space)
        build(arch, TENSORFLOW).load_state_dict(state)
        last = len(arch.blocks) - 1
        width = min(state[f"{last}.0.weight"].shape[1], 320)
        rows = state[f"{last}.0.weight"].shape[0]
        assert torch.equal(state[f"{last}.0.weight"][:, :width], source["17.0.weight"][:rows, :width])


def test_a_narrow_expansion_is_the_front_of_a_wider_one() -> None:
    given = pretrained(Architecture.from_notation("32x3 conv3/2-8 mb3h8-8 mb3e2/2-12 mb3h18-12x2 conv1-24 fc5"))
    source, arch = ordered(given).state, Architecture.from_notation("32x3 conv3/2-8 mb3e2-8 mb3e2/2-12x2 conv1-24 fc5")
    state, again = initial(arch, given), initial(arch, given)
    for number, hidden in ((1, 8), (3, 18)):
        for name in ("expand.0.weight", "depthwise.0.weight"):
            name = f"{number}.body.{name}"
            assert torch.equal(state[name][:hidden], source[name])
            assert not torch.equal(state[name][hidden:], again[name][hidden:])  # new
        assert torch.equal(
            state[f"{number}.body.project.0.weight"][:, :hidden], source[f"{number}.body.project.0.weight"]
        )
    none = replace(arch, blocks=(arch.blocks[0], replace(arch.blocks[1], expansion=1), *arch.blocks[2:]))
    assert not torch.equal(initial(none, given)["1.body.depthwise.0.weight"], source["1.body.depthwise.0.weight"])
    whole = reconstructed(given.arch, given, IMAGES)
    assert all(torch.equal(whole[name], source[name]) for name in whole if whole[name].ndim)


def test_covers_says_which_choices_the_weights_reach() -> None:
    space = load_space("lite").with_data(3, 5)
    nothing = {size: without_tensors(f"efficientnet_lite{size}") for size in (0, 2)}
    assert all(not each.beyond for each in reached(space, nothing[2]))
    assert covered(space, nothing[2]).endswith("they reach all of lite")
    beyond = {each.choice: each.beyond for each in reached(space, nothing[0]) if each.beyond}
    assert beyond["stage2.depth"] == (3,)
    assert beyond["stage3.out_channels"] == (48,)
    assert "stage1.depth" not in beyond
    v2 = reached(load_space("mobilenet_v2").with_data(3, 5), without_tensors("mobilenet_v2"))
    assert {each.choice: each.beyond for each in v2 if each.beyond}["stage2.kernel"] == (5, 7)
    narrow = {each.choice: each for each in reached(space, without_tensors("fbnet_c"))}
    assert (narrow["stage1.expansion"].reached, narrow["stage1.expansion"].beyond) == ((), (1,))
    assert narrow["stage2.expansion"].reached == (2, 3, 4, 6)
    mixed = {each.choice: each.beyond for each in reached(load_space("separable"), without_tensors("mobilenet_v2"))}
    assert mixed["stage2.op"] == ("sep",)


def test_what_weights_reach_is_told_by_their_name_too(tmp_path: Path) -> None:
    space, path = load_space("tiny").with_data(3, 7), tmp_path / "mine.pth"
    torch.save({"state_dict": trained(OF_TINY).state_dict(), "notation": OF_TINY.notation}, path)
    found = {each.choice: each for each in nas.nets.covers(space, str(path))}
    assert tuple(found.values()) == reached(space, load(str(path)))
    assert (found["stage2.kernel"].reached, found["stage2.kernel"].beyond) == ((3,), (5,))
    assert refusal(ConfigError, nas.nets.covers, space, "nothing").startswith("unknown init 'nothing'")


def test_other_networks_and_images_are_refused(weights: Pretrained) -> None:
    short = Architecture.from_notation("32x3 conv3/2-16 mb3e1-16 fc7")
    assert refusal(ConfigError, initial, short, weights).startswith("init=made_up has 7 stages, stem and head among")
    assert "takes images of 3 channels, got 4" in refusal(ConfigError, initial, replace(WIDE, in_channels=4), weights)
    assert "choose a search_space" in refusal(ConfigError, reached, load_space("tiny"), weights)


@pytest.mark.parametrize("channels", [3, 1])
def test_shared_weights_begin_from_the_same_slices(channels: int) -> None:
    space, weights = load_space("tiny").with_data(channels, 5), pretrained(OF_TINY)
    shared = Supernet(space, weights.conventions)
    begin_from(shared, weights)
    for row in space.sample(np.random.default_rng(0), 4):
        arch = space.architecture(row)
        found = shared.subnet(arch)
        expected, again = initial(arch, weights, space), initial(arch, weights, space)
        drawn = {name for name in expected if not torch.equal(expected[name], again[name])}
        reached = {name for name in expected if expected[name].ndim and "running" not in name} - drawn
        assert {"0.0.weight", "0.1.weight"} <= reached
        reached.discard(f"{len(arch.blocks) + 2}.bias")
        assert all(torch.equal(found.state_dict()[name], expected[name]) for name in reached)


def test_shared_weights_of_other_stages_are_refused(weights: Pretrained) -> None:
    net = Supernet(load_space("tiny"), weights.conventions)
    assert "stages" in refusal(ConfigError, begin_from, net, weights)
