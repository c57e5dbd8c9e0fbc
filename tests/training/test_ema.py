"""The moving average of a training's weights."""

import pytest
import torch
from torch import nn

from nas.data.views import ImageView
from nas.nets.build import build
from nas.training.ema import MovingAverage
from nas.training.fit import fit
from nas.training.recipe import Recipe
from tests.helpers.trainings import PIXELS, SMALL, weights

pytestmark = pytest.mark.usefixtures("one_thread")


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
