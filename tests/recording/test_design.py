"""What is measured for a search space, in which order."""

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from nas.recording.design import LAYERS, NETWORKS, burst_seconds, chunks, enough_chunks
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.layers import Layer, layers
from nas.spaces.space import SearchSpace
from tests.helpers.recordings import SEPARABLE, TINY


def networks_of(chunk: Any) -> list[Any]:
    return [planned for planned in chunk if isinstance(planned.model, Architecture)]


def test_the_sequence_is_the_same_for_a_seed_and_new_in_every_chunk() -> None:
    first = list(islice(chunks(SEPARABLE, 4), 3))
    assert first == list(islice(chunks(SEPARABLE, 4), 3))
    assert first != list(islice(chunks(SEPARABLE, 5), 3))
    every = [planned for chunk in first for planned in chunk]
    assert len({planned.id for planned in every}) == len({planned.model for planned in every}) == len(every)
    assert len(every) == 3 * (NETWORKS + LAYERS)


def test_networks_are_of_the_space_spread_and_partly_kept_back() -> None:
    found = [planned for chunk in islice(chunks(SEPARABLE, 0), 5) for planned in networks_of(chunk)]
    assert all(SEPARABLE.contains(planned.model) for planned in found)
    assert Counter(planned.role for planned in found) == {"fit": 8 * 5, "validate": 2 * 5}
    macs = np.array([cost(planned.model).macs for planned in found])
    assert macs[0] == cost(SEPARABLE.smallest(lambda arch: cost(arch).macs)).macs == macs.min()
    edges = np.geomspace(macs.min(), macs.max(), 6)
    assert (np.histogram(macs, edges)[0] >= 2).all()
    kept = [cost(planned.model).macs for planned in found if planned.role == "validate"]
    assert max(kept) > 10 * min(kept)


def test_layers_alone_are_shapes_that_no_network_before_had() -> None:
    seen: set[Layer] = set()
    for chunk in islice(chunks(SEPARABLE, 1), 3):
        seen |= {replace(layer, held=0) for planned in networks_of(chunk) for layer in layers(planned.model)}
        alone = [planned.model for planned in chunk if isinstance(planned.model, Layer)]
        assert len(alone) == LAYERS
        assert not seen & set(alone)
        assert {planned.role for planned in chunk if isinstance(planned.model, Layer)} == {"fit"}
        seen |= set(alone)


def test_a_small_space_is_exhausted() -> None:
    stages = [
        replace(stage, fields={k: v[:1] for k, v in stage.fields.items()}, depth=(1,)) for stage in TINY.choices.stages
    ]
    only = SearchSpace(replace(TINY.choices, stages=tuple(stages)))
    found = [planned.id for chunk in chunks(only, 0) for planned in networks_of(chunk)]
    assert 0 < len(found) <= only.size


def test_few_minutes_shorten_the_bursts_and_many_lengthen_the_sequence() -> None:
    assert burst_seconds(20) == burst_seconds(60) == 0.06
    assert burst_seconds(0.05) < 0.05
    assert enough_chunks(60) == pytest.approx(3 * enough_chunks(20), abs=3)
    assert enough_chunks(0.05) == 2
