"""Trainings that lead nowhere are ended, and say where."""

import math

import pytest
import torch
from torch import nn

from nas.data.views import ImageView
from nas.training import divergence as losses
from nas.training.divergence import Diverged, LossWatch
from nas.training.fit import fit
from nas.training.module import Classifier
from nas.training.recipe import Recipe
from tests.helpers.trainings import PIXELS, SMALL

pytestmark = pytest.mark.usefixtures("one_thread")


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
    seen, reads, stack = LossWatch(epochs=1, per_epoch=100), [], torch.stack

    def counted(tensors: list[torch.Tensor]) -> torch.Tensor:
        reads.append(1)
        return stack(tensors)

    monkeypatch.setattr(torch, "stack", counted)
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
        nn.init.constant_(module.net[-1].bias, math.nan)

    monkeypatch.setattr(Classifier, "on_train_end", spoil)
    with pytest.raises(Diverged, match="the weights are not finite after the last epoch"):
        fit(SMALL, few.at(PIXELS, 16, 0), Recipe(epochs=1, batch_size=16), 0)
