"""What networks are judged by, against closed forms."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import nn

from nas.data.views import TrainingResolution
from nas.spaces.architecture import Architecture
from nas.training.metrics import judge, wilson

pytestmark = pytest.mark.usefixtures("one_thread")


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
