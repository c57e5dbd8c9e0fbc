"""Trainings: repeatable, learning, failing loudly, averaged, taught, and blind to the test split."""

import copy
import itertools
import math
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
import yaml
from omegaconf import OmegaConf
from onnx import TensorProto, helper
from scipy import special, stats
from torch import nn

from nas.commandline import parse
from nas.data import views
from nas.data.images import Images, open_saved
from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView, TrainingResolution
from nas.errors import ConfigError
from nas.exports.onnx_fp32 import export_onnx
from nas.nets.build import build
from nas.nets.teacher import OnnxTeacher
from nas.proxies.short import ShortTraining
from nas.resources import data_dir
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.training import divergence as losses
from nas.training.distillation import divergence
from nas.training.divergence import Diverged, LossWatch
from nas.training.ema import MovingAverage
from nas.training.fit import fit
from nas.training.metrics import judge, wilson
from nas.training.module import Classifier
from nas.training.recipe import Distillation, Recipe
from nas.training.schedules import CYCLES, RISE, SCHEDULES, WARM_UP, rates
from nas.training.settings import TrainingSettings

SPACE = load_space("tiny").with_data(1, 10)
SMALL = SPACE.architecture([0] * len(SPACE.variables))
pytestmark = pytest.mark.usefixtures("one_thread")

PIXELS = 16
RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.2)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """A network of random weights, its batch norm in use, and its ONNX file, of 32 pixels."""
    torch.manual_seed(3)
    net = build(SMALL)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    path = tmp_path_factory.mktemp("teacher") / "teacher.onnx"
    export_onnx(net, SMALL, path, {})
    return net, path


@pytest.fixture
def few(tmp_path: Path) -> ImageView:
    """120 digits, for trainings whose result does not matter."""
    folder = tmp_path / "few"
    prepare(DataSettings("digits", limit=120, val_fraction=0.2, test_fraction=0.2), 0, PIXELS, folder)
    return ImageView(folder, flip=False, shift=1)


def weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in net.state_dict().values()])


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


# --- divergence -----------------------------------------------------------------------------------


def test_a_training_that_diverges_says_where(few: ImageView) -> None:
    with pytest.raises(Diverged, match=r"the training loss became (nan|inf) in epoch 1, batch \d"):
        fit(SMALL, few.at(PIXELS, 16, 0), Recipe(epochs=1, batch_size=16, learning_rate=1e38), 0)


def test_a_training_whose_loss_stays_hopeless_is_ended(few: ImageView) -> None:
    with pytest.raises(Diverged, match=r"on average up to epoch \d+, batch \d, over 2 times the 2.3 of a constant"):
        fit(SMALL, few.at(PIXELS, 16, 0), Recipe(epochs=40, batch_size=16, learning_rate=100), 0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("step", [1, 5, 16, 17, 20])
def test_no_loss_that_is_not_finite_goes_unnoticed(value: float, step: int) -> None:
    def train() -> None:
        seen = LossWatch(epochs=2, per_epoch=10)
        for n in range(1, 21):
            seen.add(torch.tensor(value if n == step else 1.0), 2.3)
            if n % 10 == 0:
                seen.read()

    where = f"epoch {(step - 1) // 10 + 1}, batch {(step - 1) % 10 + 1}"
    with pytest.raises(Diverged, match=f"^the training loss became {value} in {where}$"):
        train()


def test_losses_are_read_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, reads = LossWatch(epochs=1, per_epoch=100), []
    monkeypatch.setattr(losses.torch, "stack", lambda tensors, stack=torch.stack: reads.append(1) or stack(tensors))
    for n in range(100):
        seen.add(torch.tensor(float(n)), 99.0)
    assert len(reads) == 100 // losses.READ_EVERY
    seen.read()
    assert seen.values == [float(n) for n in range(100)]
    assert seen.epochs() == (49.5,)


def test_a_bad_start_is_forgiven_and_a_bad_stretch_is_not() -> None:
    def train(values: list[float]) -> None:
        seen = LossWatch(epochs=10, per_epoch=100)
        for value in values:
            seen.add(torch.tensor(value), math.log(10))

    train([50.0] * 96 + [1.0] * 904)
    train([1.0] * 500 + [50.0] * 5 + [2.0] * 495)
    for start in (0, 400, 880):
        with pytest.raises(Diverged, match="lower the learning rate"):
            train([1.0] * start + [5.0] * (1000 - start))


def test_weights_that_are_not_finite_are_never_returned(few: ImageView, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(module: Classifier) -> None:
        nn.init.constant_(module.net[-1].bias, math.nan)  # type: ignore[index]

    monkeypatch.setattr(Classifier, "on_train_end", spoil)
    with pytest.raises(Diverged, match="the weights are not finite after the last epoch"):
        fit(SMALL, few.at(PIXELS, 16, 0), Recipe(epochs=1, batch_size=16), 0)


# --- the recipe -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": -0.1}, {"learning_rate": math.nan}]
)
def test_an_impossible_recipe_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be above 0"):
        Recipe(**{"epochs": 1, **wrong})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schedule": "steps"}, "unknown schedule 'steps'; known: cosine, cyclical, one_cycle"),
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

    assert settings().recipe(5, 32, 0.2) == Recipe(5, 32, 0.2)  # the defaults are the same ones
    path = tmp_path / "t.onnx"
    distillation = {"teacher": str(path), "alpha": 0.9, "temperature": 2.0}
    recipe = settings(schedule="cosine", ema=0.99, clip=None, distillation=distillation).recipe(1, 8, 0.1)
    assert recipe == Recipe(
        *(1, 8, 0.1), schedule="cosine", ema=0.99, clip=None, distillation=Distillation(path, 0.9, 2.0)
    )
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    with pytest.raises(ConfigError, match=r"^schedule: input should be .*'cyclical', got 'steps'$"):
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


@pytest.mark.parametrize("name", SCHEDULES)
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
    norm = math.sqrt(sum(float((p.grad**2).sum()) for p in module.net.parameters()))  # type: ignore[operator]
    assert norm == pytest.approx(clip or math.sqrt(15 * 4), rel=1e-4)
    directions = [p.grad / g for p, g in zip(module.net.parameters(), before, strict=True)]
    assert torch.cat([d.flatten() for d in directions]).std() < 1e-6


def step(module: Classifier, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    module._trainer = SimpleNamespace(max_epochs=1, num_training_batches=8)  # type: ignore[assignment]
    module.on_train_start()
    return module.training_step((images, labels), 0)


def test_labels_may_be_shares_of_classes() -> None:
    torch.manual_seed(0)
    module = Classifier(build(SMALL), Recipe(1))
    images, labels = torch.randn(8, 1, PIXELS, PIXELS), torch.arange(8)
    single = step(module, images, labels)
    torch.testing.assert_close(step(module, images, F.one_hot(labels, 10).float()), single)
    mixed = 0.3 * F.one_hot(labels, 10).float() + 0.7 * F.one_hot(labels.flip(0), 10).float()
    expected = 0.3 * single + 0.7 * step(module, images, labels.flip(0))
    torch.testing.assert_close(step(module, images, mixed), expected)


# --- the moving average ---------------------------------------------------------------------------


def test_the_network_returned_is_the_average_made_by_hand(few: ImageView, monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[list[torch.Tensor]] = []
    update = MovingAverage.update

    def recorded(self: MovingAverage) -> None:
        update(self)
        states.append([tensor.detach().clone() for tensor in self._current])

    monkeypatch.setattr(MovingAverage, "update", recorded)
    recipe = Recipe(epochs=4, batch_size=16, learning_rate=0.2, ema=0.5)
    data = few.at(PIXELS, 16, 0)
    fitted = fit(SMALL, data, recipe, 0)
    assert len(states) == fitted.steps == 4 * len(data.train_dataloader())
    torch.manual_seed(0)
    net = build(SMALL)
    expected = [t.detach().clone() for t in [*net.parameters(), *net.buffers()] if t.is_floating_point()]
    for n, state in enumerate(states):
        decay = min(0.5, (1 + n) / (10 + n))
        expected = [decay * average + (1 - decay) * now for average, now in zip(expected, state, strict=True)]
    found = [t for t in [*fitted.net.parameters(), *fitted.net.buffers()] if t.is_floating_point()]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.detach(), other)
    assert any(not torch.equal(one, last) for one, last in zip(found, states[-1], strict=True))


def test_an_average_in_use_is_put_back() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = MovingAverage(net, 0.9)
    start = weights(net)
    for parameter in net.parameters():
        nn.init.constant_(parameter, 2.0)
    now = weights(net)
    with average.applied():
        assert torch.equal(weights(net), start)
    assert torch.equal(weights(net), now)
    average.swap()
    assert torch.equal(weights(net), start)


# --- teachers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_divergence_is_hintons(temperature: float) -> None:
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(5, 10)), rng.normal(size=(5, 10))
    p, q = (special.softmax(x / temperature, axis=1) for x in (teacher, student))
    expected = temperature**2 * np.mean([stats.entropy(a, b) for a, b in zip(p, q, strict=True)])
    logits = torch.from_numpy(student).float()
    found = divergence(lambda images: torch.from_numpy(teacher), torch.zeros(5, 1, 2, 2), logits, temperature)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert float(divergence(lambda images: logits, torch.zeros(5, 1, 2, 2), logits, temperature)) == pytest.approx(0)


def test_the_loss_mixes_labels_and_teacher(taught: tuple[nn.Module, Path]) -> None:
    net, teacher = copy.deepcopy(taught[0]), copy.deepcopy(taught[0]).train()
    images, labels = torch.randn(8, 1, PIXELS, PIXELS), torch.arange(8)
    recipe = Recipe(1, distillation=Distillation(alpha=0.3, temperature=2.0))
    alone = step(Classifier(net.train(), recipe), images, labels)
    loss = step(Classifier(net.train(), recipe, teacher), images, labels)
    assert not teacher.training
    kl = divergence(teacher, images, net(images), 2.0)
    torch.testing.assert_close(loss, 0.7 * alone + 0.3 * kl)
    loss.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert {id(p) for p in Classifier(net, recipe, teacher).parameters()} == {id(p) for p in net.parameters()}


def test_a_student_comes_nearer_to_its_teacher(pictures: ImageView) -> None:
    data = pictures.at(PIXELS, 16, 0)
    master = fit(SMALL, data, Recipe(epochs=6, batch_size=16, learning_rate=0.2), 1).net
    recipe = Recipe(epochs=3, batch_size=16, learning_rate=0.2, distillation=Distillation(alpha=0.9, temperature=2.0))

    def distance(net: nn.Module) -> float:
        with torch.no_grad():
            return float(np.mean([float(divergence(master, x, net(x), 1.0)) for x, _ in data.val_dataloader()]))

    plain, student = fit(SMALL, data, recipe, 2), fit(SMALL, data, recipe, 2, teacher=master)
    assert distance(student.net) < distance(plain.net)
    val = data.val_dataloader()
    assert judge(student.net, val).loss < judge(plain.net, val).loss


def test_an_onnx_teacher_gives_its_modules_logits(taught: tuple[nn.Module, Path]) -> None:
    net, path = taught
    teacher = OnnxTeacher(path)
    assert (teacher.channels, teacher.classes) == (1, 10)
    images = torch.randn(5, 1, 32, 32).to(memory_format=torch.channels_last)
    with torch.no_grad():
        torch.testing.assert_close(teacher(images), net(images), atol=1e-4, rtol=1e-4)
        small = torch.randn(3, 1, PIXELS, PIXELS)
        resized = F.interpolate(small, (32, 32), mode="bilinear", align_corners=False, antialias=True)
        torch.testing.assert_close(teacher(small.bfloat16()), net(resized), atol=0.05, rtol=0.05)
        torch.testing.assert_close(teacher(small), net(resized), atol=1e-4, rtol=1e-4)


def test_a_recipe_may_name_its_teacher(taught: tuple[nn.Module, Path], few: ImageView) -> None:
    data, options = few.at(PIXELS, 16, 0), {"epochs": 1, "batch_size": 16, "precision": "fp32"}
    named = Recipe(**options, distillation=Distillation(teacher=taught[1]))  # type: ignore[arg-type]
    by_file = fit(SMALL, data, pickle.loads(pickle.dumps(named)), 0)
    given = fit(SMALL, data, Recipe(**options), 0, teacher=OnnxTeacher(taught[1]))  # type: ignore[arg-type]
    assert torch.equal(weights(by_file.net), weights(given.net))
    alone = fit(SMALL, data, Recipe(**options), 0)  # type: ignore[arg-type]
    assert not torch.equal(weights(by_file.net), weights(alone.net))


def test_a_teacher_of_other_classes_or_channels_is_refused(taught: tuple[nn.Module, Path], few: ImageView) -> None:
    data = few.at(PIXELS, 16, 0)
    with pytest.raises(ConfigError, match=r"the teacher gives 3 classes where the data have 10; use a teacher"):
        fit(SMALL, data, RECIPE, 0, teacher=lambda images: torch.zeros(len(images), 3))
    teacher = OnnxTeacher(taught[1])
    with pytest.raises(ConfigError, match="has 10 classes, the data 7; use another one"):
        teacher.require(1, 7)
    with pytest.raises(ConfigError, match="has 1 channels, the data 3; use another one"):
        teacher.require(3, 10)


def saved(path: Path, inputs: list[Any], outputs: list[Any], kind: int = TensorProto.FLOAT) -> Path:
    """An ONNX file that passes its input on, whatever shape it says that has."""
    source, result = helper.make_tensor_value_info("x", kind, inputs), helper.make_tensor_value_info("y", kind, outputs)
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [source], [result])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_a_file_that_cannot_teach_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^there is no teacher '.*none.onnx'; give an ONNX file$"):
        OnnxTeacher(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ConfigError, match=r"^cannot open the teacher '.*text.onnx': [^\n]*$"):
        OnnxTeacher(tmp_path / "text.onnx")
    with pytest.raises(ConfigError, match=r"must have one input, float N x C x H x W, .* got \[\['n', 4\]\]"):
        OnnxTeacher(saved(tmp_path / "flat.onnx", ["n", 4], ["n", 4]))
    with pytest.raises(ConfigError, match="must have one input, float"):
        OnnxTeacher(saved(tmp_path / "bytes.onnx", ["n", 4], ["n", 4], TensorProto.UINT8))


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
    assert judge(net, batches).accuracy == 5 / 7
    assert not net.training


def test_metrics_are_means_over_images() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    images, labels = torch.randn(7, 1, 2, 2), torch.tensor([1, 1, 0, 2, 1, 1, 1])
    found = judge(net, [(images[:4], labels[:4]), (images[4:], labels[4:])])
    chances = special.softmax(net(images).detach().double().numpy(), axis=1)
    own = chances[np.arange(7), labels]
    others = np.where(np.eye(3, dtype=bool)[labels], 0, chances).max(1)
    assert found.accuracy == np.mean(own > others)
    assert found.loss == pytest.approx(-np.log(own).mean())
    assert found.margin == pytest.approx((own - others).mean())


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
    assert TrainingResolution(pixels, largest)(arch) == expected


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
