"""What holds for any score that is added to `SCORES`."""

import math
import pickle
from dataclasses import replace

import pytest
import torch

from nas.proxies.scores import SCORES
from nas.proxies.scores.evaluate import TrainingFree
from nas.spaces.activations import ACTIVATIONS
from nas.spaces.architecture import Architecture

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = Architecture.from_notation("16x1 conv3/2-8 fc10")
LARGE = Architecture.from_notation("16x1 conv3/2-16 mb3e6-16 mb5e6/2-32 mb3e6-32 conv1-64 fc10")
COUNTS = ("macs", "params", "depth")
"""Scores of the graph alone, which no seed changes."""
ODD = [
    "8x1 conv3/2-8 mb5e6/2-16 mb5e6/2-16 mb5e6-16 mb3e3/2-24 fc10",  # maps of one pixel
    "16x1 conv3-8:none mb3e3/2-16:none sep3-16:none fc10",  # no activation at all
    "16x1 conv3/2-8:hswish mb3e4-8:hswish:nobn:se0.25 sep5/2-16:elu:nobn fc10",
    *(f"16x1 conv3/2-8:{name} sep3-16:{name} mb3e3/2-16:{name} fc10" for name in ACTIVATIONS),
]


@pytest.mark.parametrize("name", SCORES)
class TestEveryScore:
    """A score is a number of a network, its seed and its images; taking it changes nothing."""

    @pytest.fixture
    def score(self, name: str, every_score: TrainingFree) -> TrainingFree:
        """This score alone."""
        return replace(every_score, scores=(name,))

    def test_a_larger_network_scores_higher(self, name: str, score: TrainingFree) -> None:
        assert score(LARGE).values[name] > score(SMALL).values[name]

    @pytest.mark.parametrize("notation", ODD)
    def test_odd_networks_and_every_activation_have_a_score(
        self, name: str, score: TrainingFree, notation: str
    ) -> None:
        assert math.isfinite(score(Architecture.from_notation(notation)).values[name])

    def test_equal_seeds_give_equal_scores_and_others_do_not(self, name: str, score: TrainingFree) -> None:
        first = score(LARGE)
        assert (list(first.values), list(first.seconds)) == ([name], ["build", name])
        assert pickle.loads(pickle.dumps(score))(LARGE).values == first.values
        assert (replace(score, seed=1)(LARGE).values == first.values) == (name in COUNTS)

    def test_it_neither_reads_nor_changes_the_random_state(self, name: str, score: TrainingFree) -> None:
        first = score(LARGE)
        torch.manual_seed(99)
        before = torch.get_rng_state()
        assert score(LARGE).values == first.values
        assert torch.equal(torch.get_rng_state(), before)

    def test_it_leaves_the_network_as_it_was(self, name: str, score: TrainingFree) -> None:
        given = score.score_input(LARGE)
        parameters = {key: value.clone() for key, value in given.net.named_parameters()}
        images = given.images.clone()
        first = SCORES[name](given)
        assert all(torch.equal(value, parameters[key]) for key, value in given.net.named_parameters())
        assert all(value.requires_grad and value.grad is None for value in given.net.parameters())
        assert torch.equal(given.images, images)
        assert all(module.training and not module._forward_pre_hooks for module in given.net.modules())
        assert SCORES[name](given) == pytest.approx(first)

    def test_it_does_not_depend_on_which_others_are_asked_for(
        self, name: str, score: TrainingFree, every_score: TrainingFree
    ) -> None:
        assert score(LARGE).values[name] == every_score(LARGE).values[name]
        backwards = replace(every_score, scores=tuple(reversed(every_score.scores)))
        assert backwards(LARGE).values[name] == score(LARGE).values[name]
