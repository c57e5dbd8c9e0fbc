"""One training: it learns, repeats, and starts from what it is given."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nas.data import views
from nas.data.images import Images
from nas.data.saved import open_saved
from nas.data.views import ImageView, TrainingResolution
from nas.exports.onnx_fp32 import export_onnx
from nas.nets.build import build
from nas.proxies.short import ShortTraining
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.training.fit import fit
from nas.training.metrics import judge, wilson
from nas.training.recipe import Recipe
from tests.helpers.trainings import PIXELS, RECIPE, SMALL, weights

pytestmark = pytest.mark.usefixtures("one_thread")


# --- fit ------------------------------------------------------------------------------------------


def test_two_epochs_learn_digits(pictures: ImageView) -> None:
    data = pictures.at(PIXELS, RECIPE.batch_size, 0)
    untrained = judge(build(SMALL), data.val_dataloader()).accuracy
    fitted = fit(SMALL, data, RECIPE, seed=0)
    assert untrained < 0.25
    assert judge(fitted.net, data.val_dataloader()).accuracy > 0.5
    assert fitted.seconds > 0
    assert not fitted.net.training


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"schedule": "cosine"},
        {"schedule": "cyclical", "ema": 0.99},
        {"optimizer": "adamw", "learning_rate": 0.02, "precision": "fp32", "clip": None},
        {"precision": "bf16", "momentum": 0.0},
    ],
    ids=str,
)
def test_equal_seeds_give_equal_networks_and_others_do_not(options: dict[str, Any], few: ImageView) -> None:
    before = torch.get_rng_state()
    recipe, trained = Recipe(**{"epochs": 1, "batch_size": 16, "learning_rate": 0.2, **options}), []
    for seed in (5, 5, 6):
        trained.append(weights(fit(SMALL, few.at(PIXELS, 16, seed), recipe, seed).net))
        torch.rand(3)  # what happens between two trainings has no effect on them
    assert torch.equal(trained[0], trained[1])
    assert not torch.equal(trained[0], trained[2])
    torch.set_rng_state(before)
    fit(SMALL, few.at(PIXELS, 16, 5), Recipe(epochs=1, batch_size=16), 5)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_training_tells_its_course_and_judging_does_not_change_it(few: ImageView) -> None:
    recipe = Recipe(epochs=3, batch_size=16, learning_rate=0.2, ema=0.9)
    data = few.at(PIXELS, 16, 1)
    fitted = fit(SMALL, data, recipe, 1, val=data.val_dataloader())
    assert fitted.steps == 3 * len(data.train_dataloader())
    assert len(fitted.losses) == len(fitted.judged) == 3
    assert fitted.losses[-1] < fitted.losses[0] < 1.5 * math.log(10)
    assert fitted.judged[-1] == judge(fitted.net, data.val_dataloader())
    alone = fit(SMALL, data, recipe, 1)
    assert alone.judged == ()
    assert alone.losses == fitted.losses
    assert torch.equal(weights(alone.net), weights(fitted.net))


def test_a_training_starts_from_the_weights_it_is_given(few: ImageView) -> None:
    torch.manual_seed(9)
    initial = build(SMALL).state_dict()
    still = Recipe(epochs=1, batch_size=16, learning_rate=1e-12, weight_decay=0.0)
    fitted = fit(SMALL, few.at(PIXELS, 16, 0), still, 0, initial=initial)
    for name, tensor in fitted.net.state_dict().items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(tensor, initial[name], msg=name)


def test_compiling_changes_speed_alone(few: ImageView, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, compile_ = [], torch.compile

    def traced(function: Any) -> Any:  # without the compiler of machine code, which takes a minute
        compiled.append(function)
        return compile_(function, backend="eager")

    monkeypatch.setattr(torch, "compile", traced)
    recipe = Recipe(epochs=1, batch_size=16, learning_rate=0.2, precision="fp32")
    plain = fit(SMALL, few.at(PIXELS, 16, 0), recipe, 0)
    assert not compiled
    quick = fit(SMALL, few.at(PIXELS, 16, 0), Recipe(**{**settings_of(recipe), "compile": True}), 0)
    assert len(compiled) == 1
    torch.testing.assert_close(weights(quick.net), weights(plain.net), atol=1e-3, rtol=1e-3)
    assert list(quick.net.state_dict()) == list(plain.net.state_dict())


def settings_of(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in Recipe.__slots__}


# --- evaluators -----------------------------------------------------------------------------------


class Sealed:
    """A test split that may not be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the test split was read: {name}")

    def __len__(self) -> int:
        raise AssertionError("the test split was counted")


# --- block options --------------------------------------------------------------------------------

OPTIONS = """
resolution: 32
downsample: 4
stem: {op: conv, kernel: 3, stride: 2, out_channels: 8, activation: [relu6, hswish]}
stages:
  - op: [sep, mbconv]
    kernel: [3, 5]
    expansion: 2
    out_channels: 8
    stride: 2
    activation: [relu, relu6, hswish, elu]
    norm_between: [true, false]
    se: [0, 0.25]
head: {op: conv, kernel: 1, out_channels: 16, activation: [relu6, hswish]}
"""


def test_a_space_may_search_activation_norm_between_and_se(few: ImageView, tmp_path: Path) -> None:
    (tmp_path / "options.yaml").write_text(OPTIONS)
    space = load_space(tmp_path / "options.yaml").with_data(1, 10)
    archs = {space.architecture(row) for row in space.sample(np.random.default_rng(0), 300)}
    blocks = [block for arch in archs for block in arch.blocks]
    for name, values in {"activation": {"relu", "relu6", "hswish", "elu"}, "se": {0, 0.25}}.items():
        assert {getattr(block, name) for block in blocks} == values
    assert {(b.op, b.norm_between) for b in blocks} >= set(itertools.product(("sep", "mbconv"), (True, False)))
    recipe = Recipe(epochs=1, batch_size=16, learning_rate=0.05)
    special = [a for a in archs if a.blocks[1].se and not a.blocks[1].norm_between]
    chosen_ones = {arch.blocks[1].activation: arch for arch in sorted(special, key=lambda arch: arch.key)}
    assert len(chosen_ones) == 4
    for arch in chosen_ones.values():
        fitted = fit(arch, few.at(PIXELS, 16, 0), recipe, 0)
        assert cost(arch).params == sum(p.numel() for p in fitted.net.parameters())
        assert Architecture.from_notation(arch.notation) == arch
    assert export_onnx(fitted.net, arch, tmp_path / "net.onnx", {}, trained_at=PIXELS) < 1e-4


def test_short_training_never_sees_the_test_split(few: ImageView, monkeypatch: pytest.MonkeyPatch) -> None:
    images = open_saved(few.folder)
    sealed = Images(images.train, images.val, images.test, images.classes, images.channels, images.native_resolution)
    object.__setattr__(sealed, "test", Sealed())
    monkeypatch.setattr(views, "_opened", lambda *_: sealed)
    recipe, scale = Recipe(epochs=1, batch_size=16, learning_rate=0.2), TrainingResolution(PIXELS, 32)
    evaluation = ShortTraining(few, recipe, scale, seed=3)(SMALL)
    data = few.at(PIXELS, 16, 3)
    share = judge(fit(SMALL, data, recipe, 3).net, data.val_dataloader()).accuracy
    assert evaluation.accuracy == share
    assert (evaluation.low, evaluation.high) == wilson(share, len(images.val))
    assert (evaluation.how, evaluation.seeds, evaluation.resolution) == ("short", 1, PIXELS)
    assert evaluation.seconds > 0
    with pytest.raises(AssertionError, match="the test split"):
        next(iter(data.test_dataloader()))
