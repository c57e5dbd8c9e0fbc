"""How much of pretrained weights the choices of a space keep."""

from dataclasses import replace

import numpy as np
import pytest

from nas.errors import ConfigError
from nas.nets.slices.kept import OTHER_OP, STREAM, WEIGHTS, kept
from nas.spaces.baselines import baseline
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from tests.helpers.refusal import refusal
from tests.helpers.weights import pretrained, without_tensors

LITE = load_space("lite")


def by_name(space: SearchSpace, weights: str) -> dict[str, dict[object, float]]:
    tables = zip(space.variables, kept(space, without_tensors(weights)), strict=True)
    return {variable.name: dict(zip(variable.values, logs, strict=True)) for variable, logs in tables}


@pytest.mark.parametrize("size", range(3))
def test_the_network_of_the_weights_keeps_all_at_any_resolution(size: int) -> None:
    tables = kept(LITE, without_tensors(f"efficientnet_lite{size}"))
    for pixels in (64, 224):
        row = LITE.genotype(baseline(f"efficientnet_lite{size}_r{pixels}"))
        assert sum(logs[chosen] for logs, chosen in zip(tables, row, strict=True)) == 0
    assert all(value <= 0 for logs in tables for value in logs)


def test_shares_count_by_what_is_cut() -> None:
    found = by_name(LITE, "efficientnet_lite0")
    half = np.log(0.5)
    assert found["stage5.depth"] == pytest.approx(
        {depth: WEIGHTS["depth"] * min(np.log(depth / 3), 0) for depth in (1, 2, 3, 4)}
    )
    assert found["stage4.out_channels"] == pytest.approx({40: STREAM * half, 56: STREAM * np.log(0.7), 80: 0, 88: 0})
    assert found["stage7.out_channels"][160] == pytest.approx(
        WEIGHTS["out_channels"] * half
    )  # no shortcut adds them up
    assert found["stage6.expansion"][3] == pytest.approx(WEIGHTS["expansion"] * half)
    assert found["stage6.kernel"] == pytest.approx({3: WEIGHTS["kernel"] * np.log(0.6), 5: 0})
    assert set(found["resolution"].values()) == {0}


def test_a_width_for_all_stages_counts_in_each() -> None:
    widths = by_name(load_space("mobilenet_v2"), "mobilenet_v2_w0.5")["width"]
    assert widths[0.5] == widths[0.75] == widths[1.0] == 0
    of_whole = by_name(load_space("mobilenet_v2"), "mobilenet_v2")["width"]
    streams, others = 5 * STREAM, 3 * WEIGHTS["out_channels"]  # stem, first and last stage; the head is as wide always
    assert of_whole[0.5] == pytest.approx((streams + others) * np.log(0.5), rel=0.1)  # channels are multiples of 8


def test_choices_for_each_block_share_the_weight_of_the_stage() -> None:
    stages = [replace(stage, per_block=("kernel",)) if stage.name == "stage5" else stage for stage in LITE.stages]
    found = by_name(SearchSpace(replace(LITE.choices, stages=tuple(stages))), "efficientnet_lite0")
    each = [found[f"stage5.{index}.kernel"] for index in range(4)]
    assert each == 4 * [pytest.approx({3: WEIGHTS["kernel"] / 4 * np.log(0.6), 5: 0})]
    assert "stage5.kernel" not in found


def test_another_op_is_a_loss_and_a_stage_left_out_as_half_a_block() -> None:
    found = by_name(load_space("separable"), "mobilenet_v2")
    assert found["stage2.op"] == {"sep": -OTHER_OP, "mbconv": 0}
    stage = next(stage for stage in load_space("separable").stages if 0 in stage.depth)
    assert found[f"{stage.name}.depth"][0] == pytest.approx(WEIGHTS["depth"] * np.log(0.5))


def test_whole_alternatives_for_a_block_count_nothing() -> None:
    space = load_space("nas_bench_macro")
    arch = space.architecture([0] * len(space.variables))
    assert {value for logs in kept(space, pretrained(arch)) for value in logs} == {0}


def test_weights_of_other_stages_are_refused() -> None:
    assert "choose a search_space" in refusal(ConfigError, kept, load_space("tiny"), without_tensors("mobilenet_v2"))
