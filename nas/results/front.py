"""The main result of a run, `front.json`: its types are the one description of the file (docs/front_json.md).

The text under a field is what that page says of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from nas.errors import RunError
from nas.results.codec import Count, Finite, from_json, to_json
from nas.results.hardware import Hardware
from nas.results.member import Baseline, Member
from nas.results.quality import Hypervolume, PredictionErrors, ProxyFidelity

SCHEMA = 1
"""The version of front.json that this version of the project writes and reads."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class NetworkCount:
    """How many networks of the search space fit the budget."""

    inside: Count
    """the best estimate"""
    low: Count
    """certainly at least"""
    high: Count
    """certainly at most"""
    of: Count
    """networks in the whole space"""


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """The limits, each by the field of its measure, null or absent where there is none."""

    limits: Mapping[str, Finite | None]
    """by the field of its measure; in front.json they stand beside `text` and `networks`"""
    text: tuple[str, ...]
    """each limit as it is shown: `300M MACs`"""
    networks: NetworkCount
    """how many networks fit"""


def _with_limits(value: Any) -> Any:
    """The limits, which stand beside the other keys, under a key of their own."""
    if not isinstance(value, Mapping):
        return value
    apart = ("text", "networks")
    limits = {key: each for key, each in value.items() if key not in apart}
    return {"limits": limits, **{key: value[key] for key in apart if key in value}}


def _beside_limits(value: BudgetFacts) -> dict[str, Any]:
    own = to_json(value)
    return {**own.pop("limits"), **own}


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The images and their splits."""

    source: str
    """the data source: `digits`, `imagefolder`, …"""
    path: str | None
    """the folder, where the source has one"""
    classes: tuple[str, ...]
    """the classes by name"""
    train: Count
    """training images"""
    val: Count
    """validation images, which rank the trials and choose the front"""
    test: Count
    """test images, seen once by what was chosen"""
    counts: Mapping[str, Mapping[str, Count]]
    """images by split and class"""
    native_resolution: Count
    """pixels of the images as they are"""
    skipped: tuple[str, ...]
    """files left out, and why"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the networks proposed."""

    proposed: Count
    """by the sampler"""
    rejected_by_budget: Count
    """before any training"""
    evaluated: Count
    """on every rung"""
    stopped: Count
    """before the last rung: others of like cost did better"""
    failed: Count
    """their training failed"""
    confirmed: Count
    """by longer training"""


@dataclass(frozen=True, slots=True)
class Front:
    """All that a run found: its front, and what is needed to judge it."""

    schema: int
    """the version of this file's form"""
    hardware: Hardware
    """the device"""
    budget: Annotated[BudgetFacts, BeforeValidator(_with_limits), PlainSerializer(_beside_limits)]
    """what a network may cost"""
    search_space: str
    """the space by name"""
    objectives: tuple[str, ...]
    """what was optimised: names of measures"""
    seed: int
    """of the search"""
    data: DataFacts
    """the images"""
    sampler: str
    """what proposed the networks"""
    proxy: Mapping[str, Scalar]
    """the settings of the cheap evaluation, and `how`: what its accuracies are called"""
    rungs: tuple[str, ...]
    """the evaluations, from cheap to expensive"""
    command: str
    """what makes this run again"""
    counts: Counts
    """what became of the networks proposed"""
    hypervolume: Hypervolume
    """how much the search reached"""
    proxy_fidelity: ProxyFidelity
    """how well the cheap accuracies ranked the confirmed ones"""
    predicted_and_measured: PredictionErrors | None
    """how good the predictions of this run's networks were; null where none was measured"""
    baselines: tuple[Baseline, ...]
    """published networks to compare with"""
    versions: Mapping[str, str]
    """of this project and of packages that matter"""
    front: tuple[Member, ...]
    """the result: networks that no other beats, from cheap to expensive in latency"""
    confirmed: tuple[Member, ...]
    """every confirmed network, those of the front too, in the same order"""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return to_json(self)

    @classmethod
    def from_json(cls, value: Any, where: str = "front.json") -> "Front":
        """Read what `to_json` gave.

        Raises:
            RunError: it is of another schema, or a key is missing or of a wrong type; begins with `where`.
        """
        if not isinstance(value, dict) or "schema" not in value:
            raise RunError(f"{where} has no 'schema'; give the folder of a finished search")
        if value["schema"] != SCHEMA:
            age = "an older" if isinstance(value["schema"], int) and value["schema"] < SCHEMA else "a newer or another"
            raise RunError(f"{where} has schema {value['schema']!r}, of {age} version; this one reads {SCHEMA}")
        return from_json(cls, value, where)
