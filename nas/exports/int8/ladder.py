"""The rungs of int8, from cheap to expensive; the first that keeps within the bounds is taken.

A rung is judged by its ONNX file in ONNX Runtime, on validation images: what accuracy it loses, and how many images get
the class that fp32 gives them. Where no rung holds, the best is taken, and the result says so.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from nas.exports.graph import Floats, Graph, Labelled, Labels
from nas.exports.int8.equalise import equalised
from nas.exports.int8.finetune import finetuned
from nas.exports.int8.fitting import fitted, nearest
from nas.exports.int8.quantised import Quantised, Range
from nas.exports.int8.ranges import least_error, smallest_and_largest
from nas.exports.int8.worst import Loss, losses, timed
from nas.exports.onnx_graph import open_graph
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
class Bounds:
    """What int8 may lose: at most `points` of accuracy, None for any, whatever `agreement` is.

    And at least `agreement` percent of the images must get the class that fp32 gives them; None for any.
    """

    points: float | None = 0.5
    agreement: float | None = 98.0

    @property
    def least_agreement(self) -> float | None:
        """The percent that is asked for, which is none where any loss is allowed."""
        return None if self.points is None else self.agreement

    def keeps_accuracy(self, lost: float) -> bool:
        """Whether so many points may be lost."""
        return self.points is None or lost <= self.points + 1e-9

    def hold(self, lost: float, agreement: float) -> bool:
        """Whether so many points may be lost with such a share of images, in percent, in the class of fp32."""
        least = self.least_agreement
        return self.keeps_accuracy(lost) and (least is None or agreement >= least - 1e-9)


ANY = Bounds(points=None)
"""Any loss: the first rung is taken."""


class Judgement(NamedTuple):
    """Shares of the validation images, 0 to 1: those in their class, and those in the class that fp32 gives them."""

    accuracy: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What int8 must hold on `validation` images, batches with labels; without those, on calibration images as fp32
    labels them.

    `training` gives batches to learn from; without them there is no fine-tuning. `rungs` are those that may be tried.
    """

    bounds: Bounds = Bounds()
    validation: Callable[[], Labelled] | None = None
    training: Callable[[], Iterable[Floats]] | None = None
    rungs: tuple[str, ...] = RUNGS


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A network in int8, on which rung, how that and every rung tried was judged, and the accuracy of fp32."""

    quantised: Quantised
    rung: str
    fp32: float
    judged: Judgement
    bounds: Bounds
    kept: tuple[Loss, ...]
    tried: tuple[tuple[str, Judgement], ...]

    def result(self) -> Int8:
        """What front.json says of it."""
        lost, agreement = _percent(self.fp32, self.judged)
        return Int8(
            rung=self.rung,
            loss_points=round(lost, 4),
            most_points=self.bounds.points,
            held=None if self.bounds.points is None else self.bounds.hold(lost, agreement),
            fp32_layers=tuple(KeptFloat(loss.node, loss.error, loss.bytes, loss.ms) for loss in self.kept),
            tried=tuple(
                TriedRung(rung, *(round(each, 4) for each in _percent(self.fp32, judged)))
                for rung, judged in self.tried
            ),
            agreement=round(agreement, 4),
            least_agreement=self.bounds.least_agreement,
        )

    def facts(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return to_json(self.result())


def hold(graph: Graph, calibration: Floats, asked: Asked) -> Held:
    """The graph in int8, by the first rung that holds what is asked; ranges are those of `calibration`.

    Where none does, it is the one that agrees most with fp32 among those that keep the accuracy, or else the most
    accurate.
    """
    (fp32, judge), bounds = _judge(graph, calibration, asked), asked.bounds
    tried: list[tuple[str, Judgement]] = []
    best: tuple[tuple[bool, float], str, Judgement, Quantised, tuple[Loss, ...]] | None = None
    for rung, quantised, kept in climb(graph, torch.from_numpy(calibration), asked):
        judged = judge(quantised)
        tried.append((rung, judged))
        lost, agreement = _percent(fp32, judged)
        worth = (True, agreement) if bounds.keeps_accuracy(lost) else (False, judged.accuracy)
        holds = bounds.hold(lost, agreement)
        if holds or best is None or worth > best[0]:
            best = (worth, rung, judged, quantised, kept)
        if holds:
            break
    if best is None:
        raise ValueError(f"no rung of int8 among {asked.rungs}")
    _, rung, judged, quantised, kept = best
    kept = tuple(timed(quantised, kept, calibration[:1]))
    return Held(quantised, rung, fp32, judged, bounds, kept, tuple(tried))


def _percent(fp32: float, judged: Judgement) -> tuple[float, float]:
    """Points of accuracy lost, and images in the class of fp32, in percent."""
    return 100 * (fp32 - judged.accuracy), 100 * judged.agreement


def climb(graph: Graph, images: Tensor, asked: Asked) -> Iterator[tuple[str, Quantised, tuple[Loss, ...]]]:
    """Each rung that may be tried, the network on it, and its layers in fp32; made when it is asked for."""
    wanted = [rung for rung in RUNGS if rung in asked.rungs and (rung != TRAINING or asked.training)]
    even: Graph | None = None
    ranges: dict[str, Range] = {}
    last: tuple[Graph, Quantised] | None = None
    for rung in wanted:
        if rung in (PLAIN, RANGES):
            last = graph, nearest(graph, (smallest_and_largest if rung == PLAIN else least_error)(graph, images))
            yield rung, last[1], ()
            continue
        if even is None:
            even = equalised(graph, images)
            ranges = least_error(even, images)
        if rung == EQUALISED:
            last = even, nearest(even, ranges)
            yield rung, last[1], ()
        elif rung in (BIASES, ROUNDING):
            last = even, fitted(even, ranges, images, adaptive=rung == ROUNDING)
            yield rung, last[1], ()
        elif rung == FLOATS:
            yield from _with_floats(*(last or (even, nearest(even, ranges))), images)
        elif asked.training:
            yield rung, finetuned(fitted(even, ranges, images), graph, asked.training), ()


def _with_floats(
    graph: Graph, quantised: Quantised, images: Tensor
) -> Iterator[tuple[str, Quantised, tuple[Loss, ...]]]:
    """The graph with the integers of `quantised`, and more and more of its worst layers in fp32."""
    found = losses(quantised.graph, quantised.ranges, images[:_SENSED])
    count = 1
    while count <= max(1, int(_MOST_FLOATS * len(found))):
        kept = tuple(found[:count])
        floats = frozenset(loss.node for loss in kept)
        yield FLOATS, fitted(graph, quantised.ranges, images, integers=quantised.integers, floats=floats), kept
        count *= 2


def _judge(graph: Graph, calibration: Floats, asked: Asked) -> tuple[float, Callable[[Quantised], Judgement]]:
    """The accuracy of the network in fp32, 0 to 1, and how it does in int8."""
    validation = asked.validation or partial(_as_fp32, graph, calibration)

    def classes(network: Graph | Quantised) -> tuple[Labels, Labels]:
        """Those that it gives to the images, and their own."""
        run = open_graph(network)
        found, labels = zip(*((run(images).argmax(1), labels) for images, labels in validation()), strict=True)
        return np.concatenate(found), np.concatenate(labels)

    fp32, labels = classes(graph)

    def judge(quantised: Quantised) -> Judgement:
        found, labels = classes(quantised)
        return Judgement(float((found == labels).mean()), float((found == fp32).mean()))

    return float((fp32 == labels).mean()), judge


def _as_fp32(graph: Graph, images: Floats) -> Labelled:
    """Images with the classes that fp32 gives them."""
    run = open_graph(graph)
    return [(batch, run(batch).argmax(1)) for batch in np.array_split(images, max(1, len(images) // 32))]
