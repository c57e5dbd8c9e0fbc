"""What a search looks for: a space, a device, a budget and objectives; and what each network costs there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from nas.errors import BudgetError, ConfigError
from nas.latency.predictor import latency
from nas.latency.profile import HardwareProfile
from nas.resources import names
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget, show
from nas.spaces.cost import cost
from nas.spaces.space import SearchSpace

OBJECTIVES = {
    "accuracy": "accuracy",
    "latency": "latency_ms",
    "macs": "macs",
    "params": "params",
    "memory": "peak_activation_bytes",
}
"""Objectives by name, and the measure each reads. Accuracy is maximised, all others are minimised."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network with everything that is known of it before any training. Latency in ms."""

    architecture: Architecture
    key: str
    notation: str
    macs: int
    params: int
    weight_bytes: int
    peak_activation_bytes: int
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    in_range: bool

    def measures(self) -> dict[str, Any]:
        """The figures by name, without the architecture."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "architecture"}


@dataclass(frozen=True, slots=True)
class Problem:
    """A search problem. `objectives` are names of `OBJECTIVES`, accuracy among them, in the study's order."""

    space: SearchSpace
    profile: HardwareProfile
    budget: Budget
    objectives: tuple[str, ...] = ("accuracy", "latency")

    def __post_init__(self) -> None:
        if unknown := [name for name in self.objectives if name not in OBJECTIVES]:
            raise ConfigError(f"unknown objective {unknown[0]!r}; known: {names(OBJECTIVES)}")
        if "accuracy" not in self.objectives:
            raise ConfigError(f"accuracy must be one of the objectives, got {list(self.objectives)}")
        if len(set(self.objectives)) < len(self.objectives):
            raise ConfigError(f"an objective is listed twice in {list(self.objectives)}")

    @property
    def directions(self) -> list[Literal["maximize", "minimize"]]:
        """Optuna's directions, in the order of the objectives."""
        return ["maximize" if name == "accuracy" else "minimize" for name in self.objectives]

    @property
    def cost_objectives(self) -> tuple[str, ...]:
        """The objectives other than accuracy."""
        return tuple(name for name in self.objectives if name != "accuracy")

    def candidate(self, arch: Architecture) -> Candidate:
        """`arch` with its costs at the profile's precision and its predicted latency."""
        costs = cost(arch, self.profile.precision)
        predicted = latency(arch, self.profile)
        return Candidate(
            architecture=arch,
            key=arch.key,
            notation=arch.notation,
            **asdict(costs),
            latency_ms=predicted.ms,
            latency_low_ms=predicted.low,
            latency_high_ms=predicted.high,
            in_range=predicted.in_range,
        )

    def excess(self, arch: Architecture) -> float:
        """How far `arch` is from the budget: the largest value / limit, above 1 when over it."""
        return self.budget.excess(self.candidate(arch).measures())

    def values(self, measures: Mapping[str, Any]) -> list[float]:
        """The objective values among `measures` (which hold `accuracy` too), in order."""
        return [float(measures[OBJECTIVES[name]]) for name in self.objectives]

    def require_feasible(self) -> None:
        """Check, before anything is trained, that the budget leaves something to find.

        Raises:
            BudgetError: even the smallest network of the space is over the budget; its figures are named.
        """
        smallest = self.space.smallest(self.excess)
        measures = self.candidate(smallest).measures()
        if self.budget.violation(measures):
            figures = ", ".join(show(measure, measures[measure]) for measure in self.budget.limits)
            raise BudgetError(
                f"no network of {self.space.name} meets the budget {self.budget}: the smallest has {figures} "
                f"({smallest.notation}). Raise the budget or take a smaller search space"
            )

    def feasible(
        self, rng: np.random.Generator, accept: Callable[[Architecture], bool], tries: int = 400
    ) -> list[int] | None:
        """A random genotype inside the budget that `accept` takes, or None after `tries`.

        Draws start uniform and then lean towards the smallest network, gene by gene, so that a budget
        that few networks meet is met all the same.
        """
        smallest = self.space.genotype(self.space.smallest(self.excess))
        for lean in np.linspace(0, 1, tries):
            row = np.where(rng.random(len(smallest)) < lean, smallest, self.space.sample(rng, 1)[0])
            arch = self.space.architecture(row)
            if accept(arch) and self.excess(arch) <= 1:
                return [int(index) for index in row]
        return None


def reference_point(problem: Problem, chance: float, n: int = 512) -> dict[str, float]:
    """Where hypervolume is counted from: accuracy at `chance`, each cost at its limit in the budget.

    A cost without a limit counts from the largest of `n` networks drawn inside the budget (fixed seed).
    """
    limits = problem.budget.limits
    reference = {"accuracy": chance}
    free = [name for name in problem.cost_objectives if OBJECTIVES[name] not in limits]
    largest = _largest(problem, [OBJECTIVES[name] for name in free], n) if free else {}
    for name in problem.cost_objectives:
        measure = OBJECTIVES[name]
        reference[name] = float(limits[measure] if measure in limits else largest[measure])
    return reference


def _largest(problem: Problem, measures: Sequence[str], n: int) -> dict[str, float]:
    rows = problem.space.sample(np.random.default_rng(0), n)
    drawn = [problem.candidate(problem.space.architecture(row)).measures() for row in rows]
    drawn.append(problem.candidate(problem.space.smallest(problem.excess)).measures())
    inside = [m for m in drawn if not problem.budget.violation(m)]
    return {measure: max(m[measure] for m in inside) for measure in measures}
