"""Starts that pretrained weights give: cut out, fitted to the images, with a classifier in closed form."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nas.data.views import ImageView, TrainingResolution
from nas.nets.build import build
from nas.nets.conventions import PLAIN
from nas.nets.pretrained import load
from nas.nets.start import FromWeights
from nas.spaces.architecture import Architecture
from nas.training.fit import fit
from nas.training.head import head_in_closed_form
from nas.training.long import begin
from nas.training.metrics import Metrics, judge
from nas.training.recipe import Recipe
from nas.training.start import FittedStart
from tests.helpers.trainings import PIXELS

pytestmark = pytest.mark.usefixtures("one_thread")

WHOLE = Architecture.from_notation("16x1 conv3-16 mb3e4/2-24x2 mb5e4/2-32x2 conv1-64 fc10")
SLICES = (
    "16x1 conv3-16 mb3e2/2-24x2 mb5e2/2-32x2 conv1-64 fc10",
    "16x1 conv3-12 mb3e4/2-16 mb5e4/2-24x2 conv1-48 fc10",
    "16x1 conv3-12 mb3e2/2-16x2 mb3e3/2-24 conv1-48 fc10",
)


@pytest.fixture
def start(pictures: ImageView, tmp_path: Path) -> FittedStart:
    """From weights that were trained on the same digits."""
    net = fit(WHOLE, pictures.at(PIXELS, 16, 0), Recipe(5, 16, 0.2), 0).net
    path = tmp_path / "whole.pth"
    torch.save({"state_dict": net.state_dict(), "notation": WHOLE.notation}, path)
    load.cache_clear()
    return FittedStart(FromWeights.of((str(path),)), pictures, TrainingResolution(PIXELS, PIXELS))


def judged(arch: Architecture, state: dict[str, Tensor], pictures: ImageView) -> Metrics:
    net = build(arch)
    net.load_state_dict(state)
    return judge(net, pictures.at(PIXELS, 64, 0).val_dataloader())


def test_slices_know_much_of_what_the_whole_network_knows(start: FittedStart, pictures: ImageView) -> None:
    known = judged(WHOLE, start(WHOLE), pictures).accuracy
    assert known > 0.9
    for notation in SLICES:
        arch = Architecture.from_notation(notation)
        fitted = judged(arch, start(arch), pictures)
        assert fitted.accuracy > 0.75 * known


def test_a_classifier_that_does_better_stays(start: FittedStart, pictures: ImageView) -> None:
    (weights,) = (load(init) for init in start.weights.inits)
    given = judged(WHOLE, dict(weights.state), pictures)
    found = judged(WHOLE, start(WHOLE), pictures)
    assert found.loss < given.loss + 0.01
    net = build(WHOLE)
    net.load_state_dict(weights.state)
    nn.init.zeros_(net[-1].weight)  # type: ignore[arg-type]
    head_in_closed_form(net, pictures.at(PIXELS, 64, 0), images=10)
    better = start(WHOLE)
    head_in_closed_form(net, pictures.at(PIXELS, 64, 0))
    assert judged(WHOLE, better, pictures).loss <= judged(WHOLE, net.state_dict(), pictures).loss + 0.01


def test_starts_are_the_same_each_time_and_known_by_their_weights(start: FittedStart, pictures: ImageView) -> None:
    arch = Architecture.from_notation(SLICES[1])
    one, two = begin(start, arch, 3), begin(start, arch, 3)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert start.conventions == PLAIN
    elsewhere = replace(start, pictures=replace(pictures, folder=Path("elsewhere")))
    assert elsewhere.identity == start.identity == ("fitted", "pretrained weights", *start.weights.digests)
