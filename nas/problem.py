"""What a search looks for: a space, a device or several, a budget and objectives; and what each network costs there.

Of several devices each has a name. What the first predicts is in a network's figures as of a single device, and what
each of them predicts again under the field with its name, as `latency_ms:pixel4`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, reduce
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nas.errors import ConfigError, ProfileError
from nas.latency.batch import costs, predicted_costs
from nas.latency.predictions import PREDICTORS, predict
from nas.latency.profile import HardwareProfile
from nas.measures import LIMITS, MEASURES, PREDICTED, WORST_SHARE, Direction, Measure, find_objective, on_device
from nas.reading.words import short
from nas.resources import names
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.cost import COUNTED, cost
from nas.spaces.networks.additive import NamedCosts
from nas.spaces.networks.count import Count
from nas.spaces.networks.draw import require_possible
from nas.spaces.space import Genotypes, SearchSpace

Accept = Callable[[Architecture], bool]

Combine = Literal["each", "worst"]
"""What a search on several devices optimises: each device's figures, or the worst share of its limits."""

_BYTES = ("weight_bytes", "peak_activation_bytes")


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
    """A search problem. `objectives` are names that `nas.measures` knows, accuracy among them, in the study's order.

    `others` are the devices beside that of `profile`; `budget` and `objectives` then name devices (`on_devices`).
    `kept`: for each variable of the space, what its values keep of pretrained weights; empty without any.
    """

    space: SearchSpace
    profile: HardwareProfile
    budget: Budget
    objectives: tuple[str, ...] = ("accuracy", "latency")
    others: tuple[HardwareProfile, ...] = ()
    kept: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if unknown := [name for name in self.objectives if find_objective(name) is None]:
            raise ConfigError(f"unknown objective {short(unknown[0])}; known: {names(MEASURES)}")
        if "accuracy" not in self.objectives:
            raise ConfigError(f"accuracy must be one of the objectives, got {short(list(self.objectives))}")
        if len(set(self.objectives)) < len(self.objectives):
            raise ConfigError(f"an objective is listed twice in {short(list(self.objectives))}")
        for measure in self.measures:
            base, colon, device = measure.name.partition(":")
            if colon and device not in self.devices:
                raise ConfigError(
                    f"unknown device {short(device)} of the objective {base}; known: {names(self.devices)}"
                )
        wanted = {measure.field for measure in self.measures} | set(self.budget.limits)
        profiles = {"": self.profile, **{f":{name}": profile for name, profile in self.devices.items()}}
        for suffix, profile in profiles.items():
            for field in [field for field in PREDICTED if field + suffix in wanted]:
                if PREDICTORS[field](profile) is None:
                    raise ProfileError(f"the profile {profile.label} has no figures of the {PREDICTED[field].label}")
        bytes_wanted = [field for field in _BYTES if field in wanted]
        for other in self.others:
            if bytes_wanted and other.precision != self.profile.precision:
                raise ConfigError(
                    f"{LIMITS[bytes_wanted[0]].label}: bytes are not the same on {self.profile.label}, "
                    f"{self.profile.precision}, and {other.label}, {other.precision}; take params, or one precision"
                )

    @property
    def profiles(self) -> tuple[HardwareProfile, ...]:
        """Of all devices."""
        return (self.profile, *self.others)

    @property
    def devices(self) -> dict[str, HardwareProfile]:
        """Several devices by name; empty for a single one."""
        return named_devices(self.profiles) if self.others else {}

    @property
    def measures(self) -> list[Measure]:
        """What the objectives are."""
        return [measure for name in self.objectives if (measure := find_objective(name))]

    @property
    def directions(self) -> list[Direction]:
        """Optuna's directions, in the order of the objectives."""
        return [measure.direction for measure in self.measures]

    @property
    def cost_objectives(self) -> tuple[str, ...]:
        """The objectives other than accuracy."""
        return tuple(name for name in self.objectives if name != "accuracy")

    def candidate(self, arch: Architecture) -> Candidate:
        """`arch` with its costs at the profile's precision and what the profile predicts."""
        figures = {**asdict(cost(arch, self.profile.precision)), **predict(arch, self.profile)}
        for name, profile in self.devices.items():
            figures |= {f"{field}:{name}": figure for field, figure in predict(arch, profile).items()}
        return Candidate(arch, arch.key, arch.notation, figures)

    def excess(self, arch: Architecture) -> float:
        """How far `arch` is from the budget: the largest value / limit, above 1 when over it."""
        return self.budget.excess(self.candidate(arch).measures())

    def values(self, measures: Mapping[str, Any]) -> list[float]:
        """The objective values among `measures`, which hold `accuracy` too, in order."""
        return [float(self.value(name, measures)) for name in self.objectives]

    def cost_values(self, measures: Mapping[str, Any]) -> list[float]:
        """The objective values other than accuracy among `measures`, in order."""
        return [float(self.value(name, measures)) for name in self.cost_objectives]

    def value(self, name: str, measures: Mapping[str, Any]) -> Any:
        """The value of the objective `name` among `measures`, numbers or arrays."""
        if name == WORST_SHARE.name:
            limits = [(field, limit) for field, limit in self.budget.limits.items() if ":" in field]
            return reduce(np.maximum, [measures[field] / limit for field, limit in limits])
        measure = find_objective(name)
        return measures[measure.field] if measure else None

    @property
    def costs(self) -> NamedCosts:
        """What the profiles predict, with bounds, for counting and drawing networks inside the budget."""
        found = dict(predicted_costs(self.profile, self.space))
        for name, profile in self.devices.items():
            found |= {f"{field}:{name}": cost for field, cost in predicted_costs(profile, self.space).items()}
        return found

    def cost_arrays(self, genotypes: Genotypes) -> dict[str, npt.NDArray[Any]]:
        """What `Candidate.measures` says of one network, but for key and notation, of many: arrays (n,)."""
        found = dict(costs(self.space, genotypes, self.profile).by_field)
        for name, profile in self.devices.items():
            own = costs(self.space, genotypes, profile).by_field
            found |= {f"{field}:{name}": figures for field, figures in own.items() if field not in COUNTED}
        return found

    def inside(self, genotypes: Genotypes) -> npt.NDArray[np.bool_]:
        """Which genotypes, shape (n, variables), are within the budget."""
        scores, within = self.cost_arrays(genotypes), np.ones(len(genotypes), dtype=bool)
        for measure, limit in self.budget.limits.items():
            within &= scores[measure] <= limit
        return within

    def kept_of(self, genotypes: Genotypes) -> npt.NDArray[np.float64]:
        """What genotypes, shape (n, variables), keep of pretrained weights, as logarithms of shares, shape (n,)."""
        kept: npt.NDArray[np.float64] = np.zeros(len(genotypes))
        for logs, chosen in zip(self.kept, genotypes.T, strict=True):
            kept += np.array(logs)[chosen]
        return kept

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
    limits = {WORST_SHARE.field: 1.0, **problem.budget.limits}
    measures = {measure.name: measure.field for measure in problem.measures if measure.name != "accuracy"}
    reference = {"accuracy": chance} | {name: float(limits[m]) for name, m in measures.items() if m in limits}
    if free := [name for name in measures if name not in reference]:
        scores = problem.cost_arrays(problem.draw(np.random.default_rng(0), n, evenly="macs"))
        reference |= {name: float(problem.value(name, scores).max()) for name in free}
    return {name: reference[name] for name in ("accuracy", *measures)}


def named_devices(profiles: Sequence[HardwareProfile]) -> dict[str, HardwareProfile]:
    """The profiles by the names of their folders, or, where several share one, by their labels.

    Raises:
        ConfigError: one is there twice.
    """
    folders = [profile.name for profile in profiles]
    found: dict[str, HardwareProfile] = {}
    for profile in profiles:
        name = profile.name if folders.count(profile.name) == 1 else profile.label
        if name in found:
            raise ConfigError(f"hardware lists {short(name)} twice")
        found[name] = profile
    return found


def on_devices(
    space: SearchSpace,
    profiles: Sequence[HardwareProfile],
    budget: Budget,
    objectives: tuple[str, ...],
    combine: Combine = "each",
) -> Problem:
    """The problem of finding networks for all `profiles` at once; of a single one, that of `Problem` alone.

    With `each`, what differs between devices is an objective on each of them; with `worst`, all of that is one
    objective, `WORST_SHARE`.

    Raises:
        NasError: the devices, the budget and the objectives do not go together.
    """
    named = named_devices(profiles)
    ours = {profile.label: name for name, profile in named.items()} | {name: name for name in named}
    budget = budget.on(ours)
    first, *others = profiles
    if others:
        objectives = _combined(objectives, list(named), budget, combine)
    elif combine != "each":
        raise ConfigError(f"combine={combine} is for several devices; give hardware=[…], or leave it out")
    return Problem(space, first, budget, objectives, tuple(others))


def _combined(objectives: tuple[str, ...], devices: Sequence[str], budget: Budget, combine: Combine) -> tuple[str, ...]:
    differing = [name for name in objectives if name in MEASURES and MEASURES[name].predicted]
    if combine == "worst":
        for measure in map(MEASURES.__getitem__, differing or ["latency"]):
            for device in devices:
                if measure.field not in budget.of_device(device):
                    raise ConfigError(
                        f"combine=worst compares each device with its own limit, and the budget has none on the "
                        f"{measure.label} of {device}; add {short(device + ':' + measure.example)}"
                    )
    found: list[str] = []
    for name in objectives:
        if name not in differing:
            found.append(name)
        elif combine == "worst":
            found += [] if WORST_SHARE.name in found else [WORST_SHARE.name]
        else:
            found += [on_device(MEASURES[name], device).name for device in devices]
    return tuple(found)
