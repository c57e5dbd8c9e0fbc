"""What a search looks for: a space, a device, a budget and objectives; and what each network costs there."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.errors import ConfigError, ProfileError
from nas.latency.batch import costs, predicted_costs
from nas.latency.predictions import PREDICTORS, predict
from nas.latency.profile import HardwareProfile
from nas.measures import MEASURES, PREDICTED, Direction
from nas.reading.words import short
from nas.resources import names
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.networks.additive import NamedCosts
from nas.spaces.networks.count import Count
from nas.spaces.networks.draw import require_possible
from nas.spaces.space import Genotypes, SearchSpace

Accept = Callable[[Architecture], bool]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network with what is known of it before any training: `figures`, by field of `Cost` and of `PREDICTED`."""

    architecture: Architecture
    key: str
    notation: str
    figures: Mapping[str, Any]

    def measures(self) -> dict[str, Any]:
        """The figures by name, with key and notation."""
        return {"key": self.key, "notation": self.notation, **self.figures}


@dataclass(frozen=True, slots=True)
class Problem:
    """A search problem. `objectives` are names of `MEASURES`, accuracy among them, in the study's order."""

    space: SearchSpace
    profile: HardwareProfile
    budget: Budget
    objectives: tuple[str, ...] = ("accuracy", "latency")

    def __post_init__(self) -> None:
        if unknown := [name for name in self.objectives if name not in MEASURES]:
            raise ConfigError(f"unknown objective {short(unknown[0])}; known: {names(MEASURES)}")
        if "accuracy" not in self.objectives:
            raise ConfigError(f"accuracy must be one of the objectives, got {short(list(self.objectives))}")
        if len(set(self.objectives)) < len(self.objectives):
            raise ConfigError(f"an objective is listed twice in {short(list(self.objectives))}")
        wanted = {MEASURES[name].field for name in self.objectives} | set(self.budget.limits)
        for field in [field for field in PREDICTED if field in wanted]:
            if PREDICTORS[field](self.profile) is None:
                raise ProfileError(f"the profile {self.profile.label} has no figures of the {PREDICTED[field].label}")

    @property
    def directions(self) -> list[Direction]:
        """Optuna's directions, in the order of the objectives."""
        return [MEASURES[name].direction for name in self.objectives]

    @property
    def cost_objectives(self) -> tuple[str, ...]:
        """The objectives other than accuracy."""
        return tuple(name for name in self.objectives if name != "accuracy")

    def candidate(self, arch: Architecture) -> Candidate:
        """`arch` with its costs at the profile's precision and what the profile predicts."""
        figures = {**asdict(cost(arch, self.profile.precision)), **predict(arch, self.profile)}
        return Candidate(arch, arch.key, arch.notation, figures)

    def excess(self, arch: Architecture) -> float:
        """How far `arch` is from the budget: the largest value / limit, above 1 when over it."""
        return self.budget.excess(self.candidate(arch).measures())

    def values(self, measures: Mapping[str, Any]) -> list[float]:
        """The objective values among `measures`, which hold `accuracy` too, in order."""
        return [float(measures[MEASURES[name].field]) for name in self.objectives]

    def cost_values(self, measures: Mapping[str, Any]) -> list[float]:
        """The objective values other than accuracy among `measures`, in order."""
        return [float(measures[MEASURES[name].field]) for name in self.cost_objectives]

    @property
    def costs(self) -> NamedCosts:
        """What the profile predicts, with bounds, for counting and drawing networks inside the budget."""
        return predicted_costs(self.profile, self.space)

    def cost_arrays(self, genotypes: Genotypes) -> dict[str, npt.NDArray[Any]]:
        """What `Candidate.measures` says of one network, but for key and notation, of many: arrays (n,)."""
        return dict(costs(self.space, genotypes, self.profile).by_field)

    def inside(self, genotypes: Genotypes) -> npt.NDArray[np.bool_]:
        """Which genotypes, shape (n, variables), are within the budget."""
        scores, within = self.cost_arrays(genotypes), np.ones(len(genotypes), dtype=bool)
        for measure, limit in self.budget.limits.items():
            within &= scores[measure] <= limit
        return within

    def networks(self) -> tuple[Count, int]:
        """How many networks of the space are inside the budget, and how many it holds."""
        inside = self.space.count(self.budget, precision=self.profile.precision, costs=self.costs)
        return inside, self.space.count().high

    def draw(
        self, rng: np.random.Generator, n: int, accept: Accept | None = None, evenly: str | None = None
    ) -> Genotypes:
        """N distinct networks inside the budget, uniform over networks or evenly over the measure of field `evenly`.

        Fewer where no more exist, or where those that `accept` takes are too few to be found.

        Raises:
            BudgetError: several limits leave so small a share that drawing did not find them.
        """
        return self.space.sample(
            rng, n, self.budget, evenly=evenly, precision=self.profile.precision, costs=self.costs, accept=accept
        )

    def require_feasible(self) -> None:
        """Check, before anything is trained, that the budget leaves something to find, and that all of it can be timed.

        Raises:
            BudgetError: even the smallest network of the space is over the budget; its figures are named.
            ProfileError: the profile holds no measurement of an op or an activation of the space.
        """
        rng = np.random.default_rng(0)
        self.cost_arrays(self.space.sample(rng, 4096))
        require_possible(self.space.choices, self.budget, self.costs, self.profile.precision)
        if len(self.budget.limits) > 1 or set(self.costs) & set(self.budget.limits):  # met by none, for all we know
            self.draw(rng, 1)


@lru_cache(maxsize=16)
def reference_point(problem: Problem, chance: float, n: int = 512) -> Mapping[str, float]:
    """Where hypervolume is counted from: accuracy at `chance`, each cost at its limit in the budget.

    A cost without a limit counts from the largest of `n` networks drawn inside the budget (fixed seed). Made once
    for equal arguments: not to be changed.
    """
    limits = problem.budget.limits
    measures = {name: MEASURES[name].field for name in problem.cost_objectives}
    reference = {"accuracy": chance} | {name: float(limits[m]) for name, m in measures.items() if m in limits}
    if free := [name for name in measures if name not in reference]:
        scores = problem.cost_arrays(problem.draw(np.random.default_rng(0), n, evenly="macs"))
        reference |= {name: float(scores[measures[name]].max()) for name in free}
    return {name: reference[name] for name in ("accuracy", *measures)}
