"""Full trainings: they go on to the bit, keep the best epoch, and tell how they go."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas.data.views import ImageView, TrainingResolution
from nas.training.full import Epoch, FullTraining, best_epoch
from nas.training.long import LongTraining
from nas.training.metrics import Metrics, judge
from nas.training.recipe import Recipe
from tests.helpers.trainings import PIXELS, SMALL


class Stopped(Exception):
    pass


def training(view: ImageView, folder: Path, **recipe: object) -> FullTraining:
    asked = Recipe(4, batch_size=16, learning_rate=0.1, **recipe)  # type: ignore[arg-type]
    return FullTraining(LongTraining(view, asked, TrainingResolution(PIXELS, PIXELS), folder))


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.parametrize("recipe", [{"ema": 0.9}, {"optimizer": "adamw", "schedule": "cosine"}])
def test_a_training_that_was_stopped_gives_the_same_weights_to_the_bit(
    few: ImageView, tmp_path: Path, recipe: dict[str, object]
) -> None:
    view = replace(few, flip="alternating", mixup=0.2, cutmix=1.0)
    whole, cut = (training(view, tmp_path / name, **recipe) for name in ("whole", "cut"))
    told: list[Epoch] = []
    expected = whole(SMALL, 1, told.append)
    stops = [1, 3, 4]

    def stop(epoch: Epoch) -> None:
        if stops and epoch.done == stops[0]:
            stops.pop(0)
            raise Stopped

    for _ in range(3):
        with pytest.raises(Stopped):
            cut(SMALL, 1, stop)
    assert not stops
    found = cut(SMALL, 1, stop)
    assert (found.best, found.trained.val, found.trained.correct) == (
        *(expected.best, expected.trained.val),
        expected.trained.correct,
    )
    for suffix, part in ((".ckpt", "state_dict"), (".pt", None)):
        states = [
            torch.load(each.long.weights(SMALL, 1).with_suffix(suffix), weights_only=True) for each in (whole, cut)
        ]
        one, other = states if part is None else (state[part] for state in states)
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert [(each.done, each.epochs) for each in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert told[-1].left == 0 < told[0].left


def test_the_weights_are_those_of_the_best_epoch(few: ImageView, tmp_path: Path) -> None:
    full, told = training(few, tmp_path), list[Epoch]()
    found = full(SMALL, 2, told.append)
    judged = [each.judged for each in told]
    assert found.best == told[-1].best == best_epoch(judged) + 1
    again = judge(full.long.net(SMALL, 2), full.long.data(SMALL, 2).val_dataloader())
    assert again.accuracy == max(each.accuracy for each in judged) == found.trained.val


def test_of_epochs_alike_the_smaller_loss_is_the_better() -> None:
    assert best_epoch([Metrics(0.5, 2.0, 0), Metrics(0.7, 1.5, 0), Metrics(0.7, 1.2, 0), Metrics(0.7, 1.3, 0)]) == 2
