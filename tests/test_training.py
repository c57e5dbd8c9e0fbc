"""Trainings: repeatable, learning, failing loudly, blind to the test split until it is their turn, exported."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from scipy import stats
from torch import nn

from nas.errors import ConfigError
from nas.nets.build import build
from nas.nets.export import TOLERANCE
from nas.spaces.architecture import Architecture
from nas.spaces.load import load_space
from nas.training import proxies
from nas.training.confirm import Confirmation, Confirmed, LongTraining
from nas.training.fit import accuracy, fit, use_one_thread, wilson
from nas.training.module import Classifier, Diverged, Recipe
from nas.training.proxies import Pictures, Scale, ShortTraining
from nas.training.sources import DataSettings, Images, open_saved, prepare

SPACE = load_space("tiny").with_data(1, 10)
SMALL = SPACE.architecture([0] * len(SPACE.variables))
PIXELS = 16
RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.2)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in a worker process; two threads in each of two test processes would wait for each other."""
    before = torch.get_num_threads()
    use_one_thread()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """700 digits at 16 pixels: 420 to train on, 140 to judge on, 140 for the end."""
    folder = tmp_path_factory.mktemp("digits") / "images"
    prepare(DataSettings("digits", limit=700, val_fraction=0.2, test_fraction=0.2), 0, PIXELS, folder)
    return Pictures(folder, flip=False, shift=1)


@pytest.fixture
def few(tmp_path: Path) -> Pictures:
    """120 digits, for trainings whose result does not matter."""
    folder = tmp_path / "few"
    prepare(DataSettings("digits", limit=120, val_fraction=0.2, test_fraction=0.2), 0, PIXELS, folder)
    return Pictures(folder, flip=False, shift=1)


def weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in net.state_dict().values()])


# --- fit ------------------------------------------------------------------------------------------


def test_two_epochs_learn_digits(pictures: Pictures) -> None:
    data = pictures.at(PIXELS, RECIPE.batch_size, 0)
    untrained = accuracy(build(SMALL), data.val_dataloader())
    fitted = fit(SMALL, data, RECIPE, seed=0)
    assert untrained < 0.25
    assert accuracy(fitted.net, data.val_dataloader()) > 0.5
    assert fitted.seconds > 0
    assert not fitted.net.training


def test_equal_seeds_give_equal_networks_and_others_do_not(few: Pictures) -> None:
    before = torch.get_rng_state()
    trained = []
    for seed in (5, 5, 6):
        trained.append(weights(fit(SMALL, few.at(PIXELS, 16, seed), RECIPE, seed).net))
        torch.rand(3)  # what happens between two trainings has no effect on them
    assert torch.equal(trained[0], trained[1])
    assert not torch.equal(trained[0], trained[2])
    torch.set_rng_state(before)
    fit(SMALL, few.at(PIXELS, 16, 5), Recipe(epochs=1, batch_size=16), 5)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_training_that_diverges_says_where(few: Pictures) -> None:
    with pytest.raises(Diverged, match=r"the training loss became (nan|inf) in epoch 1, batch \d"):
        fit(SMALL, few.at(PIXELS, 16, 0), Recipe(epochs=1, batch_size=16, learning_rate=1e38), 0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_training(value: float, few: Pictures) -> None:
    module = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(PIXELS**2, 10)), RECIPE)
    nn.init.constant_(module.net[1].weight, value)  # type: ignore[index]
    batch = next(iter(few.at(PIXELS, 16, 0).train_dataloader()))
    module._trainer = SimpleNamespace(current_epoch=2)  # type: ignore[assignment]
    with pytest.raises(Diverged, match="in epoch 3, batch 5"):
        module.training_step(batch, 4)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": -0.1}, {"learning_rate": math.nan}]
)
def test_an_impossible_recipe_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be above 0"):
        Recipe(**{"epochs": 1, **wrong})


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


def test_the_rate_rises_to_its_peak_for_the_batch_size_and_falls_to_nothing() -> None:
    module = Classifier(build(SMALL), Recipe(epochs=1, batch_size=32, learning_rate=0.2))
    module._trainer = SimpleNamespace(estimated_stepping_batches=100)  # type: ignore[assignment]
    configured = module.configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]
    assert schedule["interval"] == "step"
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule["scheduler"].step() if len(rates) < 100 else None
    assert max(rates) == pytest.approx(0.2 * 32 / 64)
    assert rates.index(max(rates)) == pytest.approx(30, abs=1)
    assert rates[-1] < 0.001 * max(rates)


# --- counting -------------------------------------------------------------------------------------


def test_accuracy_counts_every_image() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logits = nn.Parameter(torch.tensor([0.0, 1.0, 0.0]))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.logits.expand(len(images), 3)

    labels = torch.tensor([1, 1, 0, 2, 1, 1, 1])
    batches = [(torch.zeros(4, 1, 2, 2), labels[:4]), (torch.zeros(3, 1, 2, 2), labels[4:])]
    net = Constant().train()
    assert accuracy(net, batches) == 5 / 7  # type: ignore[arg-type]
    assert not net.training


@pytest.mark.parametrize(("right", "n"), [(0, 10), (1, 10), (81, 263), (359, 360), (360, 360)])
def test_wilson_equals_scipy(right: int, n: int) -> None:
    expected = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right / n, n, z=stats.norm.ppf(0.975)) == pytest.approx((expected.low, expected.high))
    assert wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_wilson_equals_the_published_example() -> None:
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I, method 3


@pytest.mark.parametrize(
    ("resolution", "pixels", "largest", "expected"),
    [(224, 32, 224, 32), (160, 32, 224, 23), (32, 32, 32, 32), (96, 400, 192, 96), (8, 1, 224, 1)],
)
def test_scale_keeps_proportions(resolution: int, pixels: int, largest: int, expected: int) -> None:
    arch = Architecture.from_notation(f"{resolution}x1 conv3-8 fc10")
    assert Scale(pixels, largest)(arch) == expected


# --- evaluators -----------------------------------------------------------------------------------


class Sealed:
    """A test split that may not be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the test split was read: {name}")

    def __len__(self) -> int:
        raise AssertionError("the test split was counted")


def test_short_training_never_sees_the_test_split(few: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    images = open_saved(few.folder)
    sealed = Images(images.train, images.val, images.test, images.classes, images.channels, images.native_resolution)
    object.__setattr__(sealed, "test", Sealed())
    monkeypatch.setattr(proxies, "_opened", lambda folder: sealed)
    recipe, scale = Recipe(epochs=1, batch_size=16, learning_rate=0.2), Scale(PIXELS, 32)
    evaluation = ShortTraining(few, recipe, scale, seed=3)(SMALL)
    data = few.at(PIXELS, 16, 3)
    share = accuracy(fit(SMALL, data, recipe, 3).net, data.val_dataloader())
    assert evaluation.accuracy == share
    assert (evaluation.low, evaluation.high) == wilson(share, len(images.val))
    assert (evaluation.how, evaluation.seeds, evaluation.resolution) == ("short", 1, PIXELS)
    assert evaluation.seconds > 0
    with pytest.raises(AssertionError, match="the test split"):
        LongTraining(few, recipe, scale, seeds=(3,))(SMALL)


def test_long_training_is_the_mean_of_its_seeds(few: Pictures) -> None:
    recipe = Recipe(epochs=1, batch_size=16, learning_rate=0.2)
    training = LongTraining(few, recipe, Scale(PIXELS, 32), seeds=(1, 2))
    runs, evaluation = training.train(SMALL), training(SMALL)
    assert [run.seed for run in runs] == [1, 2]
    assert not torch.equal(weights(runs[0].net), weights(runs[1].net))
    for run in runs:
        data = few.at(PIXELS, 16, run.seed)
        assert run.val == accuracy(run.net, data.val_dataloader())
        assert run.test == accuracy(run.net, data.test_dataloader())
    mean = (runs[0].test + runs[1].test) / 2
    assert evaluation.accuracy == pytest.approx(mean)
    assert (evaluation.low, evaluation.high) == pytest.approx(wilson(mean, len(few.images.test)))
    assert (evaluation.how, evaluation.seeds, evaluation.resolution) == ("confirmed", 2, PIXELS)


def run_onnx(path: Path, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    return np.asarray(session.run(None, {entry.name: images})[0])


def test_a_confirmed_network_is_an_onnx_file_that_explains_itself(pictures: Pictures, tmp_path: Path) -> None:
    training = LongTraining(pictures, RECIPE, Scale(PIXELS, 32), (7, 8))
    given = {"latency_ms": {"value": 1.5, "low": 1.4, "high": 1.6}, "macs": "12345"}
    found = Confirmation(training, tmp_path)(SMALL, given)
    assert isinstance(found, Confirmed)
    assert (len(found.test), len(found.val), found.test_images, found.resolution) == (2, 2, 140, PIXELS)
    assert found.onnx == f"{SMALL.key}.onnx"
    assert 0 <= found.difference <= TOLERANCE
    assert [path.name for path in tmp_path.iterdir()] == [found.onnx]  # one file, nothing beside it

    session = onnxruntime.InferenceSession(str(tmp_path / found.onnx), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    best = found.val.index(max(found.val))
    said = json.loads(metadata["accuracy"])
    assert said == {"value": found.test[best], "split": "test", "seed": (7, 8)[best], "resolution": PIXELS}
    assert (metadata["key"], metadata["notation"], metadata["macs"]) == (SMALL.key, SMALL.notation, "12345")
    assert json.loads(metadata["latency_ms"]) == given["latency_ms"]
    assert json.loads(metadata["classes"]) == [str(digit) for digit in range(10)]

    steps = json.loads(metadata["preprocessing"])
    assert (steps["resolution"], steps["channels"], steps["colour"]) == (PIXELS, 1, "grey")
    test = open_saved(pictures.folder).test
    mean, std = (np.array(steps[name], dtype=np.float32)[:, None, None] for name in ("mean", "std"))
    images = ((np.asarray(test.pixels) * np.float32(steps["scale"]) - mean) / std).astype(np.float32)
    share = float((run_onnx(tmp_path / found.onnx, images).argmax(1) == test.labels).mean())
    assert share == pytest.approx(said["value"], abs=1.01 / len(test))
    assert share > 0.4  # so that the figure is not that of a network which learnt nothing

    single = run_onnx(tmp_path / found.onnx, images[:1])
    np.testing.assert_allclose(single, run_onnx(tmp_path / found.onnx, images[:7])[:1], atol=1e-4)
    assert run_onnx(tmp_path / found.onnx, np.zeros((1, 1, 32, 32), np.float32)).shape == (1, 10)
