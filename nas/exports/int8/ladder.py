"""The rungs of int8, from cheap to expensive; the first whose loss of accuracy is allowed is taken.

A rung is judged by its ONNX file in ONNX Runtime, on validation images. Where no rung holds, the best is taken, and the
result says so.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas.exports.graph import Floats, Graph, Labelled
from nas.exports.int8.equalise import equalised
from nas.exports.int8.finetune import finetuned
from nas.exports.int8.fitting import fitted, nearest
from nas.exports.int8.quantised import Quantised, Range
from nas.exports.int8.ranges import least_error, smallest_and_largest
from nas.exports.int8.worst import Loss, losses, timed
from nas.exports.onnx_file import open_onnx
from nas.exports.onnx_graph import onnx_model
from nas.results.codec import to_json
from nas.results.member import Int8, KeptFloat, TriedRung

PLAIN, RANGES, EQUALISED, BIASES, ROUNDING, FLOATS, TRAINING = RUNGS = (
    "min-max ranges",
    "least-error ranges",
    "equalised channels",
    "corrected biases",
    "adaptive rounding",
    "worst layers in fp32",
    "fine-tuned",
)
"""In this order; each builds on those before it."""

_MOST_FLOATS = 0.25
"""Share of the layers with weights that may stay in fp32."""
_SENSED = 64
"""Images that the loss of each layer is taken on."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How many points of accuracy int8 may lose, None for any, on `validation` images, as batches with labels.

    Without those, what counts is how often it gives calibration images another class than fp32. `training` gives
    batches to learn from; without them there is no fine-tuning. `rungs` are those that may be tried.
    """

    most_points: float | None = 0.5
    validation: Callable[[], Labelled] | None = None
    training: Callable[[], Iterable[Floats]] | None = None
    rungs: tuple[str, ...] = RUNGS


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A network in int8, on which rung, and the validation accuracy of that and of every rung tried."""

    quantised: Quantised
    rung: str
    fp32: float
    accuracy: float
    most_points: float | None
    kept: tuple[Loss, ...]
    tried: tuple[tuple[str, float], ...]

    def result(self) -> Int8:
        """What front.json says of it."""
        lost = 100 * (self.fp32 - self.accuracy)
        return Int8(
            rung=self.rung,
            loss_points=round(lost, 4),
            most_points=self.most_points,
            held=None if self.most_points is None else bool(lost <= self.most_points + 1e-9),
            fp32_layers=tuple(KeptFloat(loss.node, loss.error, loss.bytes, loss.ms) for loss in self.kept),
            tried=tuple(TriedRung(rung, round(100 * (self.fp32 - share), 4)) for rung, share in self.tried),
        )

    def facts(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return to_json(self.result())


def hold(graph: Graph, calibration: Floats, asked: Asked) -> Held:
    """The graph in int8, by the first rung that loses no more than what is asked; ranges are those of `calibration`."""
    judge = _judge(graph, calibration, asked)
    fp32, tried = judge(None), list[tuple[str, float]]()
    best: tuple[float, str, Quantised, tuple[Loss, ...]] | None = None
    for rung, quantised, kept in climb(graph, torch.from_numpy(calibration), asked):
        share = judge(quantised)
        tried.append((rung, share))
        holds = asked.most_points is None or 100 * (fp32 - share) <= asked.most_points + 1e-9
        if holds or best is None or share > best[0]:
            best = (share, rung, quantised, kept)
        if holds:
            break
    if best is None:
        raise ValueError(f"no rung of int8 among {asked.rungs}")
    share, rung, quantised, kept = best
    kept = tuple(timed(quantised, kept, calibration[:1]))
    return Held(quantised, rung, fp32, share, asked.most_points, kept, tuple(tried))


def climb(graph: Graph, images: Tensor, asked: Asked) -> Iterator[tuple[str, Quantised, tuple[Loss, ...]]]:
    """Each rung that may be tried, the network on it, and its layers in fp32; made when it is asked for."""
    wanted = [rung for rung in RUNGS if rung in asked.rungs and (rung != TRAINING or asked.training)]
    even: Graph | None = None
    ranges: dict[str, Range] = {}
    last: Quantised | None = None
    for rung in wanted:
        if rung in (PLAIN, RANGES):
            last = nearest(graph, (smallest_and_largest if rung == PLAIN else least_error)(graph, images))
            yield rung, last, ()
            continue
        if even is None:
            even = equalised(graph, images)
            ranges = least_error(even, images)
        if rung == EQUALISED:
            last = nearest(even, ranges)
            yield rung, last, ()
        elif rung in (BIASES, ROUNDING):
            last = fitted(even, ranges, images, adaptive=rung == ROUNDING)
            yield rung, last, ()
        elif rung == FLOATS:
            yield from _with_floats(last or nearest(even, ranges), images)
        elif asked.training:
            yield rung, finetuned(nearest(even, ranges), graph, asked.training), ()


def _with_floats(quantised: Quantised, images: Tensor) -> Iterator[tuple[str, Quantised, tuple[Loss, ...]]]:
    """The network with more and more of its worst layers in fp32."""
    found = losses(quantised.graph, quantised.ranges, images[:_SENSED])
    count = 1
    while count <= max(1, int(_MOST_FLOATS * len(found))):
        kept = tuple(found[:count])
        floats = frozenset(loss.node for loss in kept)
        yield FLOATS, Quantised(quantised.graph, quantised.ranges, quantised.integers, floats), kept
        count *= 2


def _judge(graph: Graph, calibration: Floats, asked: Asked) -> Callable[[Quantised | None], float]:
    """The accuracy of the network, in fp32 or in int8, 0 to 1."""
    validation = asked.validation or partial(_as_fp32, graph, calibration)

    def judge(quantised: Quantised | None) -> float:
        model = onnx_model(quantised.graph if quantised else graph, quantised)
        run = open_onnx(model.SerializeToString())
        right = [run(images).argmax(1) == labels for images, labels in validation()]
        return float(np.concatenate(right).mean())

    return judge


def _as_fp32(graph: Graph, images: Floats) -> Labelled:
    """Images with the classes that fp32 gives them."""
    run = open_onnx(onnx_model(graph).SerializeToString())
    return [(batch, run(batch).argmax(1)) for batch in np.array_split(images, max(1, len(images) // 32))]
