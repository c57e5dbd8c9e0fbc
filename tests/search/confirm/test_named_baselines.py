"""Networks that a user names as baselines: by name, by file, by notation; and what cannot be compared."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas.errors import ConfigError
from nas.nets.start import FromWeights
from nas.search.confirm.baselines import named_networks, networks_to_compare
from nas.search.settings import BaselineSettings, SearchSettings
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline, by_content
from nas.spaces.budget import Budget
from tests.helpers.refusal import refusal
from tests.helpers.search import problem
from tests.helpers.weights import trained

SETTINGS = BaselineSettings((0.25,), 1)
MINE = "64x3 conv3/2-16 mb3e3-16 fc7"


def test_names_take_the_sizes_of_the_space_unless_they_say_their_own(tmp_path: Path) -> None:
    wanted = problem()
    file = tmp_path / "my_net.json"
    file.write_text(json.dumps(Architecture.from_notation(MINE).to_json()))
    found = named_networks(wanted, ["fbnet_c", "mobilenet_v2_w0.75_s4_r48", str(file), MINE], 32)
    stride = wanted.space.choices.strides[0]
    assert next(iter(found)).startswith("fbnet_c_s")
    assert list(found)[1:3] == ["mobilenet_v2_w0.75_s4_r48", "my_net"]
    first, second, third, fourth = found.values()
    assert len(stride) == len(wanted.space.stages)
    assert first.resolution in wanted.space.resolution
    assert second.resolution == 48
    assert third == fourth == replace(Architecture.from_notation(MINE), in_channels=1, classes=10)
    assert {each.classes for each in found.values()} == {wanted.space.classes}
    assert first.blocks[-1] == baseline("fbnet_c").blocks[-1]


def test_they_join_the_others_and_may_be_over_the_budget() -> None:
    tight = problem(Budget.parse("1M"))
    found = networks_to_compare(tight, replace(SETTINGS, networks=("mobilenet_v2_w1.0",)), "none", 32)
    alone = networks_to_compare(tight, SETTINGS, "none", 32)
    (added,) = set(found) - set(alone)
    assert added.startswith("mobilenet_v2_w1.0_")
    assert tight.excess(found[added]) > 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nonesuch"], "baselines.networks: unknown network 'nonesuch'"),
        (["mobilenet_v3_small"], "baselines.networks: pixel4:1large_fp32 has no measured 'scale': layer "),
        (["shufflenet_v2_s4"], "baselines.networks: shufflenet_v2_s4"),
        ([MINE, MINE], "baselines.networks: two are called "),
    ],
)
def test_what_cannot_be_compared(names: list[str], message: str) -> None:
    assert refusal(ConfigError, named_networks, problem(), names, 32).startswith(message)


def test_with_pretrained_weights_they_are_cut_out_of_them(tmp_path: Path) -> None:
    init, mine = tmp_path / "mine.pth", Architecture.from_notation(MINE)
    torch.save({"state_dict": trained(mine).state_dict(), "notation": mine.notation}, init)
    smaller = "64x3 conv3/2-8 mb3e2-8 fc7"
    asked = replace(SETTINGS, networks=(smaller,), resolutions=())
    (found,) = networks_to_compare(problem(), asked, str(init), 32).values()
    assert found == replace(Architecture.from_notation(smaller), in_channels=1, classes=10)
    start = FromWeights.of((str(init),)).fitted(found, torch.zeros(2, 1, 64, 64))
    assert start["0.0.weight"].shape == (8, 1, 3, 3)
    assert start["0.0.weight"].abs().sum() > 0
    message = refusal(ConfigError, networks_to_compare, problem(), replace(asked, networks=("fbnet_c",)), str(init), 32)
    assert message.startswith("baselines.networks: 'fbnet_c_s8")
    assert "cannot start from the weights that the front starts from: init=mine" in message


def test_a_list_is_short_for_the_networks() -> None:
    words = ["baselines=[a,b.json]", "baselines.widths=[1]", "baselines=null", "trials=[1]"]
    assert SearchSettings.meant(words) == ["proxy=short", "baselines.networks=[a,b.json]", *words[1:]]


def test_an_empty_list_is_short_for_none_of_any_kind() -> None:
    none = ["baselines.widths=[]", "baselines.resolutions=[]", "baselines.networks=[]"]
    for word in ("baselines=[]", "baselines=[ ]"):
        assert SearchSettings.meant([word, "trials=1"]) == ["proxy=short", *none, "trials=1"]


def test_a_file_is_known_by_what_it_holds(tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    for file in (one, other):
        file.write_text(json.dumps(Architecture.from_notation(MINE).to_json()))
    assert by_content(str(one)) == by_content(str(other)) == MINE
    assert by_content("fbnet_c_w0.5") == "fbnet_c_w0.5"
