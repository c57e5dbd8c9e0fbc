"""proxy=supernet: shared weights for all networks of the space, trained once before the search."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import geometric_mean
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from nas.errors import ConfigError
from nas.identity import digest
from nas.nets.device import release_memory, use_one_thread
from nas.nets.slices.least_cut import least_cut
from nas.proxies.base import Evaluation, Evaluator, Failed, Preparation, Prepared
from nas.proxies.score import RUNG, draw_population, population_of, score_networks
from nas.proxies.scores.evaluate import TrainingFree
from nas.proxies.scores.population import ScorePopulation
from nas.spaces.architecture import Architecture
from nas.training.metrics import wilson
from nas.training.settings import RATES, SUPERNET, Batch, Pixels, Positive, TrainingSettings
from nas.training.supernet.train import Progress, SharedRecipe, largest, train_supernet
from nas.training.supernet.weights import FromShared, SharedWeights, TaughtByShared

SHARED = "supernet"
"""The name in a `ScorePopulation` of what shared weights say of a network."""


@dataclass(frozen=True, slots=True)
class SupernetProxy:
    """Weights shared by all networks of the space: trained once, before the search; then seconds a network."""

    rungs: ClassVar[Mapping[str, str]] = {**RUNG, "supernet": "shared weights"}

    name: Literal["supernet"]
    epochs: Positive | None
    """Passes over the training images, such as 10. null: 20, or from pretrained weights those that make 100,000 images,
    40 at most."""
    minutes: Annotated[float, Gt(0)] | None
    """Wall-clock minutes, such as 5, instead of epochs; such a run does not repeat exactly."""
    resolution: Pixels | Literal["auto"] | None
    """Pixels at the space's largest resolution, such as 32, others in proportion; null: each network's own; auto: 16,
    or from pretrained weights their own."""
    batch_size: Batch
    """Images in a batch."""
    learning_rate: Annotated[float, Gt(0)] | None
    """Peak, such as 0.1, for a batch of 64; scales with the batch size; null: 0.1, or from pretrained weights 0.001."""
    networks: Positive | None
    """Networks at random in each step, such as 4, each in a thread where there are cores; null: 1, or from pretrained
    weights 2."""
    sandwich: bool | None
    """Train the largest and the smallest network in each step, too, all on one batch, whose images are dealt out to the
    networks else; null: unless they start from pretrained weights."""
    distillation: Annotated[float, Ge(0), Le(1)]
    """Of a sandwich: share of the largest network's soft outputs in what the others learn."""
    drawn: Literal["choices", "macs"]
    """choices: all values of a choice equally often; macs: even over MACs, as with any budget, and always from
    pretrained weights, among the networks that keep the most of them."""
    calibration: Positive
    """Batches of training images for the batch norms of each network judged."""
    validation: Positive | None
    """At most this number of validation images that judge a network, stratified; null: all."""
    joined: bool | None
    """Rank by shared weights and training-free scores (score.names) together; null: unless they start from pretrained
    weights, of which the scores know nothing."""
    start: bool | None
    """Begin the long trainings of candidates with their shared weights; null: unless these start from pretrained ones,
    whose slices, fitted to the images, end as better networks."""

    def __post_init__(self) -> None:
        if self.epochs is not None and self.minutes is not None:
            raise ConfigError(
                f"proxy.epochs={self.epochs} and proxy.minutes={self.minutes:g} both say how long; leave one out"
            )

    def pixels(self, *, pretrained: bool) -> int | None:
        """`resolution`, decided."""
        if self.resolution == "auto":
            return None if pretrained else 16
        return self.resolution

    def recipe(self, training: TrainingSettings, images: int, *, pretrained: bool) -> SharedRecipe:
        """How the shared weights are trained on so many `images`, from `pretrained` weights or from scratch."""
        epochs, optimizer = self.epochs, training.optimizer_of(pretrained=pretrained)
        if epochs is None and self.minutes is None:
            epochs = min(40, math.ceil(100_000 / images)) if pretrained else 20
        return SharedRecipe(
            epochs,
            self.minutes,
            self.batch_size,
            optimizer,
            self.learning_rate or RATES[optimizer, pretrained] * (1 if pretrained else 0.5),
            momentum=training.momentum,
            weight_decay=training.weight_decay,
            label_smoothing=training.label_smoothing,
            networks=self.networks or (2 if pretrained else 1),
            sandwich=not pretrained if self.sandwich is None else self.sandwich,
            distillation=self.distillation,
            drawn=self.drawn,
            precision=training.precision,
        )

    def prepare(self, preparation: Preparation) -> Prepared:
        """Train the shared weights, or go on with them; and judge a population with them, if scores are joined."""
        given, begun = preparation, preparation.start.weights if preparation.start else None
        recipe = self.recipe(given.training, len(given.pictures.images.train), pretrained=begun is not None)
        space, precision = given.problem.space, given.training.precision
        path, pictures = given.folder / "supernet.pt", replace(given.pictures, val_limit=self.validation)
        weights = SharedWeights(space, pictures, path, given.scale, self.calibration, precision=precision, start=begun)
        seconds = train_shared(given, weights, recipe)
        given.progress.message(f"supernet: trained in {seconds:.0f} s")
        made_by = digest((recipe, given.scale, given.seed, begun), version=1)
        evaluator: Evaluator = SharedAccuracy(weights)
        if begun is None if self.joined is None else self.joined:
            evaluator = rank_with_scores(given, SharedAccuracy(weights), made_by)
        teacher = None
        if given.training.distillation.teacher == SUPERNET:
            teacher = TaughtByShared(weights, largest(space, recipe, given.seed, **_limits(given)), made_by)
        begins = begun is None if self.start is None else self.start
        start = FromShared(weights, made_by) if begins else None
        return Prepared({"score": given.training_free, "supernet": evaluator}, start, teacher)


@dataclass(frozen=True, slots=True)
class SharedAccuracy:
    """The accuracy of a network with its slice of the shared weights."""

    weights: SharedWeights

    def __call__(self, arch: Architecture) -> Evaluation:
        """The accuracy on the validation split, and the seconds it took; the training's are in the checkpoint.

        Networks are ranked by the loss, which tells more than the accuracy does: worth = exp(-loss). Raises as
        `SharedWeights.judge` does.
        """
        started = time.perf_counter()
        metrics = self.weights.judge(arch)
        low, high = wilson(metrics.accuracy, len(self.weights.pictures.images.val))
        seconds, worth = time.perf_counter() - started, math.exp(-metrics.loss)
        return Evaluation(metrics.accuracy, low, high, "supernet", seconds, 1, self.weights.scale(arch), worth)


@dataclass(frozen=True, slots=True)
class RankedByBoth:
    """The accuracy with `shared` weights; its worth joins their ranking, by `SHARED`, with that of `scores`.

    The two err for different reasons, so together they rank better than either. Scores err alike: all of them together
    count as much as the shared weights.
    """

    shared: Evaluator
    scores: TrainingFree
    population: ScorePopulation

    def __call__(self, arch: Architecture) -> Evaluation:
        """What `shared` says, with a worth in 0..1: the geometric mean of its share and that of the scores.

        Raises:
            Unscorable: a score of `arch` is not finite.
        """
        return self.join(self.shared(arch), arch)

    def join(self, found: Evaluation, arch: Architecture) -> Evaluation:
        """What `shared` has `found` of `arch`, with the worth."""
        free = self.scores(arch)
        shares = self.population.shares({**free.values, SHARED: found.rank_value})
        shared = shares.pop(SHARED)
        worth = math.sqrt(shared * geometric_mean(shares.values()))
        return replace(found, worth=worth, seconds=found.seconds + sum(free.seconds.values()))


def rank_with_scores(preparation: Preparation, shared: SharedAccuracy, made_by: str) -> RankedByBoth:
    """Networks by `shared` weights and training-free scores; `made_by` tells the weights from others.

    Raises:
        ConfigError: fewer than `FEWEST` networks of the budget can be scored.
    """
    networks = draw_population(preparation)
    weights = shared.weights
    judged_by = (made_by, weights.calibration, weights.batch_size, weights.pictures.val_limit)
    name = f"shared:{digest(judged_by, version=1, size=4)}"
    judged = preparation.evaluate("shared weights of the space", name, Evaluation, shared, networks)
    rows: list[Mapping[str, float] | Failed] = []
    for scores, found in zip(score_networks(preparation, networks), judged, strict=True):
        if isinstance(found, Failed):
            rows.append(found)
        else:
            rows.append(scores if isinstance(scores, Failed) else {**scores, SHARED: found.rank_value})
    return RankedByBoth(shared, preparation.training_free, population_of(rows))


def train_shared(preparation: Preparation, weights: SharedWeights, recipe: SharedRecipe) -> float:
    """Train the shared weights, or go on with them, in this process; returns the seconds of training in all."""
    use_one_thread()
    shown: int | None = None

    def show(done: Progress) -> None:
        nonlocal shown
        if shown is None:
            shown = int(100 * done.share)
            preparation.progress.stage("supernet, percent", 100, shown)
        while shown < int(100 * done.share):
            shown += 1
            preparation.progress.advance()

    seconds = train_supernet(
        preparation.problem.space,
        weights.pictures,
        recipe,
        weights.scale,
        preparation.seed,
        weights.checkpoint,
        **_limits(preparation),
        start=weights.start,
        threads=preparation.threads,
        progress=show,
    )
    release_memory()  # this process trains no more, and its workers are about to
    return seconds


def _limits(preparation: Preparation) -> dict[str, Any]:
    """The networks that a supernet is trained on, as `train_supernet` takes them."""
    problem = preparation.problem
    among = least_cut(problem, preparation.seed) if problem.kept else None
    return {"budget": problem.budget if problem.budget.limits else None, "costs": problem.costs, "among": among}
