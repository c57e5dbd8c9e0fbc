"""Recipes: what they refuse, and what optimiser, schedule and gradients become."""

import math
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml
from omegaconf import OmegaConf
from torch import nn

from nas.commandline import parse
from nas.data.views import ImageView
from nas.errors import ConfigError
from nas.nets.build import build
from nas.resources import data_dir
from nas.spaces.architecture import Architecture
from nas.training.fit import fit
from nas.training.module import Classifier
from nas.training.recipe import Distillation, Recipe
from nas.training.schedules import CYCLES, RISE, SCHEDULES, WARM_UP, rates
from nas.training.settings import TrainingSettings
from tests.helpers.trainings import PIXELS, SMALL, step

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": -0.1}, {"learning_rate": math.nan}]
)
def test_an_impossible_recipe_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be above 0"):
        Recipe(**{"epochs": 1, **wrong})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schedule": "steps"}, "unknown schedule 'steps'; known: constant, cosine, cyclical, one_cycle"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion'; known: adamw, sgd"),
        ({"precision": "fp8"}, "unknown precision 'fp8'; known: auto, bf16, fp32"),
        ({"ema": 1.0}, "ema must be between 0 and 1, or none, got 1.0"),
        ({"clip": 0.0}, "clip must be above 0, or none, got 0.0"),
        ({"label_smoothing": 1.0}, "label_smoothing must be from 0 to below 1, got 1.0"),
        ({"momentum": -0.1}, "momentum must be from 0 to below 1, got -0.1"),
        ({"weight_decay": math.nan}, "weight_decay must be 0 or more, got nan"),
    ],
    ids=str,
)
def test_a_recipe_says_what_is_allowed(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{said}$"):
        Recipe(epochs=1, **wrong)


@pytest.mark.parametrize(("wrong", "said"), [({"alpha": 0.0}, "alpha"), ({"temperature": -1.0}, "temperature")])
def test_an_impossible_distillation_is_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{said} must be above 0"):
        Distillation(**wrong)  # type: ignore[arg-type]


def test_the_settings_of_a_search_make_the_recipe(tmp_path: Path) -> None:
    section = yaml.safe_load((data_dir("conf") / "search.yaml").read_text())["training"]

    def settings(**changed: Any) -> TrainingSettings:
        return parse(OmegaConf.create({**section, **changed}), TrainingSettings)

    assert settings().recipe(5, 32, 0.2, pretrained=False) == Recipe(5, 32, 0.2)  # the defaults are the same ones
    tuned = settings().recipe(5, 32, None, pretrained=True)
    assert tuned == Recipe(5, 32, 0.001, optimizer="adamw", schedule="cosine")
    assert settings(optimizer="sgd").recipe(5, 32, None, pretrained=True).learning_rate == 0.01
    assert settings(optimizer="adamw").recipe(5, 32, None, pretrained=False).learning_rate == 0.02
    assert settings().recipe(5, 32, None, pretrained=False) == Recipe(5, 32, 0.2)
    path = tmp_path / "t.onnx"
    distillation = {"teacher": str(path), "alpha": 0.9, "temperature": 2.0}
    recipe = settings(schedule="cosine", ema=0.99, clip=None, distillation=distillation).recipe(
        1, 8, 0.1, pretrained=False
    )
    assert recipe == Recipe(
        *(1, 8, 0.1), schedule="cosine", ema=0.99, clip=None, distillation=Distillation(path, 0.9, 2.0)
    )
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    with pytest.raises(ConfigError, match=r"^schedule: input should be .*'constant', got 'steps'$"):
        settings(schedule="steps")
    with pytest.raises(ConfigError, match=r"^ema: input should be less than 1, got 2"):
        settings(ema=2)
    with pytest.raises(ConfigError, match=r"unknown setting 'decay'; known: .*weight_decay"):
        settings(decay=1)


def test_weight_decay_leaves_out_norms_and_biases() -> None:
    mixed = Architecture.from_notation("16x1 conv3/2-8 sep3-8 mb3e2-8:se0.25 fc10")
    module = Classifier(build(mixed), Recipe(epochs=1, batch_size=32, learning_rate=0.2, weight_decay=0.01))
    module._trainer = SimpleNamespace(estimated_stepping_batches=100)  # type: ignore[assignment]
    configured = module.configure_optimizers()
    decayed, plain = configured["optimizer"].param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.01, 0.0)
    kinds = {id(p): type(m) for m in module.net.modules() for p in m.parameters(recurse=False)}
    weight = {id(m.weight) for m in module.net.modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert {id(p) for p in decayed["params"]} == weight
    assert {id(p) for p in plain["params"]} == set(kinds) - weight
    assert {kinds[id(p)] for p in plain["params"]} == {nn.BatchNorm2d, nn.Conv2d, nn.Linear}


def test_the_rate_is_that_of_the_schedule_for_the_batch_size() -> None:
    for schedule in SCHEDULES:
        module = Classifier(build(SMALL), Recipe(1, batch_size=32, learning_rate=0.2, schedule=schedule))
        module._trainer = SimpleNamespace(estimated_stepping_batches=100)  # type: ignore[assignment]
        configured = module.configure_optimizers()
        optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]
        assert scheduler["interval"] == "step"
        found = []
        for _ in range(100):
            found.append({group["lr"] for group in optimizer.param_groups})
            optimizer.step()
            scheduler["scheduler"].step()
        rate = rates(schedule, 100)
        assert found == [{0.1 * rate(step)} for step in range(100)]


def test_a_constant_rate_is_the_peak_all_the_time() -> None:
    rate = rates("constant", 7)
    assert [rate(step) for step in range(8)] == [1.0] * 8


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "constant"])
def test_a_schedule_rises_to_its_peak_and_ends_at_nothing(name: str) -> None:
    schedule = SCHEDULES[name]
    peaks = {"one_cycle": [RISE], "cosine": [WARM_UP], "cyclical": [(n + 0.5) / CYCLES for n in range(CYCLES)]}[name]
    assert schedule(0) == pytest.approx(0.04 if name == "one_cycle" else 0)
    assert [schedule(peak) for peak in peaks] == pytest.approx([1] * len(peaks))
    assert schedule(1 - 1e-9) == pytest.approx(0, abs=1e-6)
    values = np.array([schedule(x) for x in np.linspace(0, 0.9999, 5001)])
    turns = np.flatnonzero(np.diff(np.sign(np.diff(values))))
    assert len(turns) == 2 * len(peaks) - 1  # nowhere else does it turn
    assert ((values >= 0) & (values <= 1)).all()
    rate = rates(name, 7)
    assert [rate(step) for step in range(7)] == [schedule((step + 0.5) / 7) for step in range(7)]
    assert rate(0) > 0
    assert rate(7) == rate(6)  # asked for once more when the training is over


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_one_cycle_moves_momentum_against_the_rate(
    few: ImageView, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[float]] = {"one_cycle": [], "cosine": []}

    def record(self: Classifier, *_: Any) -> None:
        group = self.trainer.optimizers[0].param_groups[0]
        seen[self.recipe.schedule].append(group["momentum"] if optimizer == "sgd" else group["betas"][0])

    monkeypatch.setattr(Classifier, "on_train_batch_end", record)
    for schedule in seen:
        fit(SMALL, few.at(PIXELS, 16, 0), Recipe(4, 16, 0.02, 0.8, schedule=schedule, optimizer=optimizer), 0)
    assert set(seen["cosine"]) == {0.8}
    cycle = seen["one_cycle"]
    assert (min(cycle), max(cycle)) == (pytest.approx(0.75, abs=0.005), pytest.approx(0.85, abs=0.005))
    assert np.argmin(cycle) == pytest.approx(RISE * len(cycle), abs=1)


def test_one_cycle_is_torchs_and_cosine_that_of_its_paper() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    torchs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=10_001, pct_start=RISE)
    found = []
    for _ in range(10_001):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        torchs.step() if len(found) < 10_001 else None
    assert found == pytest.approx([SCHEDULES["one_cycle"](step / 10_000) for step in range(10_001)], abs=1e-3)
    half = WARM_UP + (1 - WARM_UP) / 2
    assert SCHEDULES["cosine"](half) == pytest.approx(0.5)
    assert SCHEDULES["cosine"](WARM_UP / 4) == pytest.approx(0.25)


@pytest.mark.parametrize("clip", [0.5, None])
def test_gradients_are_clipped_by_their_norm(clip: float | None) -> None:
    module = Classifier(nn.Linear(4, 3), Recipe(1, clip=clip))
    for parameter in module.net.parameters():
        parameter.grad = torch.full_like(parameter, 2.0)
    before = [parameter.grad.clone() for parameter in module.net.parameters()]
    module.configure_gradient_clipping(torch.optim.SGD(module.net.parameters()), gradient_clip_val=None)
    norm = math.sqrt(sum(float((p.grad**2).sum()) for p in module.net.parameters()))
    assert norm == pytest.approx(clip or math.sqrt(15 * 4), rel=1e-4)
    directions = [p.grad / g for p, g in zip(module.net.parameters(), before, strict=True)]
    assert torch.cat([d.flatten() for d in directions]).std() < 1e-6


def test_labels_may_be_shares_of_classes() -> None:
    torch.manual_seed(0)
    module = Classifier(build(SMALL), Recipe(1))
    images, labels = torch.randn(8, 1, PIXELS, PIXELS), torch.arange(8)
    single = step(module, images, labels)
    torch.testing.assert_close(step(module, images, F.one_hot(labels, 10).float()), single)
    mixed = 0.3 * F.one_hot(labels, 10).float() + 0.7 * F.one_hot(labels.flip(0), 10).float()
    expected = 0.3 * single + 0.7 * step(module, images, labels.flip(0))
    torch.testing.assert_close(step(module, images, mixed), expected)
