"""Trainings that start from weights: rates by depth, norms that stand still, and a classifier in closed form."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.data.batches import ImageData
from nas.data.views import ImageView
from nas.errors import ConfigError
from nas.nets.build import build
from nas.spaces.architecture import Architecture
from nas.training.fit import fit
from nas.training.head import best_scale, discriminant, head_in_closed_form, observe
from nas.training.metrics import judge
from nas.training.module import Classifier
from nas.training.recipe import Recipe
from tests.helpers.trainings import PIXELS, RECIPE, SMALL

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"depth_factor": 0.0}, "depth_factor must be above 0 and at most 1, got 0.0"),
        ({"depth_factor": 1.5}, "depth_factor must be above 0 and at most 1, got 1.5"),
        ({"frozen_norms": "some"}, "unknown frozen_norms 'some'; known: all, none, statistics"),
    ],
)
def test_recipes_say_what_is_allowed(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{said}$"):
        Recipe(epochs=1, **wrong)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_each_stage_learns_slower_than_the_one_behind_it(optimizer: str) -> None:
    net = build(Architecture.from_notation("32x1 conv3/2-8 mb3e1-8 mb3e6/2-16 mb3e6-16 sep3/2-32 conv1-64 fc10"))
    parts = list(net)
    module = Classifier(net, Recipe(1, learning_rate=0.2, depth_factor=0.5, weight_decay=0.1, optimizer=optimizer))
    module._trainer = SimpleNamespace(estimated_stepping_batches=100)  # type: ignore[assignment]
    groups = module.configure_optimizers()["optimizer"].param_groups
    rate_of = {id(weight): group["initial_lr"] for group in groups for weight in group["params"]}
    decay_of = {id(weight): group["weight_decay"] for group in groups for weight in group["params"]}
    blocks = [0.025, 0.025, 0.05, 0.05, 0.1, 0.1]  # two each at 16, 8 and 4 pixels
    for part, rate in zip([*parts[:6], parts[-1]], [*blocks, 0.2], strict=True):
        for weight in part.parameters():
            assert rate_of.pop(id(weight)) == pytest.approx(rate)
            assert decay_of[id(weight)] == (0.1 if weight.ndim > 1 else 0)
    assert not rate_of


@pytest.mark.parametrize("kept", ["none", "statistics", "all"])
def test_frozen_norms_keep_what_they_are_said_to(few: ImageView, kept: str) -> None:
    torch.manual_seed(0)
    start = {name: tensor.clone() for name, tensor in build(SMALL).state_dict().items()}
    data = few.at(PIXELS, 16, 0)
    recipe = Recipe(2, 16, 0.05, frozen_norms=kept)
    fitted = fit(SMALL, data, recipe, 0, initial=start, val=data.val_dataloader())
    moved: dict[str, bool] = {"statistics": False, "weights": False, "kernels": False}
    norms = {name for name, module in fitted.net.named_modules() if isinstance(module, nn.BatchNorm2d)}
    for name, tensor in fitted.net.state_dict().items():
        place, role = name.rsplit(".", 1)
        kind = "kernels" if place not in norms else "statistics" if role.startswith(("running", "num")) else "weights"
        moved[kind] |= not torch.equal(tensor, start[name])
    assert moved == {"statistics": kept == "none", "weights": kept != "all", "kernels": True}


# --- a classifier in closed form ------------------------------------------------------------------


def clouds(count: int, classes: int, channels: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Gaussians of one covariance and different shares: points, labels, and the true log-probabilities."""
    rng = np.random.default_rng(0)
    means, mixing = 0.7 * rng.normal(size=(classes, channels)), rng.normal(size=(channels, channels)) / 3
    covariance = mixing @ mixing.T + np.eye(channels) / 5
    shares = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, count, p=shares)
    points = means[labels] + rng.multivariate_normal(np.zeros(channels), covariance, count)
    away = points[:, None] - means
    logits = np.log(shares) - np.einsum("nki,ij,nkj->nk", away, np.linalg.inv(covariance), away) / 2
    return torch.from_numpy(points) + 5, torch.from_numpy(labels), torch.log_softmax(torch.from_numpy(logits), 1)


@pytest.mark.parametrize(("classes", "channels"), [(2, 3), (4, 6), (3, 12)])
def test_the_discriminant_of_gaussians_gives_their_probabilities(classes: int, channels: int) -> None:
    points, labels, truth = clouds(20_000, classes, channels, seed=1)
    batches = list(zip(points.split(999), labels.split(999), strict=True))
    weight, bias = discriminant(observe(lambda each: each, batches, classes), ridge=0)
    got = torch.log_softmax(F.linear(points, weight, bias), 1)
    assert F.nll_loss(got, labels) < F.nll_loss(truth, labels) + 0.002
    assert (got.exp() - truth.exp()).abs().mean() < 0.01
    assert best_scale(F.linear(points, weight, bias), labels) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("ridge", [0.01, 0.5, 1.0])
def test_fewer_images_than_channels_and_classes_without_any_are_no_trouble(ridge: float) -> None:
    torch.manual_seed(0)
    points, labels = torch.randn(12, 40, dtype=torch.float64), torch.arange(12) % 3
    points[:, :3] += 8 * F.one_hot(labels, 3)
    points[:, 39] = 0  # a dead channel
    weight, bias = discriminant(observe(lambda each: each, [(points, labels)], 4), ridge)
    assert weight.isfinite().all()
    assert bias.isfinite().all()
    assert torch.equal(F.linear(points, weight, bias).argmax(1), labels)


@pytest.mark.parametrize("factor", [0.01, 0.5, 1.0, 30.0])
def test_the_best_scale_undoes_another(factor: float) -> None:
    _, labels, truth = clouds(4000, 4, 6, seed=2)
    found = best_scale(truth / factor, labels)
    assert found == pytest.approx(factor, rel=0.1)

    def loss(scale: float) -> float:
        return float(F.cross_entropy(scale * truth / factor, labels))

    assert loss(found) <= min(loss(found * 1.01), loss(found / 1.01))


def test_a_head_in_closed_form_beats_none_and_says_how_sure_it_is(pictures: ImageView) -> None:
    data = pictures.at(PIXELS, 16, 0)
    net = fit(SMALL, data, RECIPE, seed=0).net
    assert isinstance(net, nn.Sequential)
    trained = judge(net, data.val_dataloader())
    features = {name: tensor.clone() for name, tensor in net[:-1].state_dict().items()}
    nn.init.zeros_(net[-1].weight)  # type: ignore[arg-type]
    head_in_closed_form(net, data)
    found = judge(net, data.val_dataloader())
    assert found.accuracy > trained.accuracy - 0.02
    assert found.loss < trained.loss + 0.05
    assert all(torch.equal(tensor, features[name]) for name, tensor in net[:-1].state_dict().items())
    sure = mean_confidence(net, data)
    assert abs(sure - found.accuracy) < 0.06


def mean_confidence(net: nn.Module, data: ImageData) -> float:
    with torch.no_grad():
        return float(torch.cat([net(images).softmax(1).amax(1) for images, _ in data.val_dataloader()]).mean())
