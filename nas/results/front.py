"""The main result of a run, `front.json`: its types are the one description of the file (docs/front_json.md).

The text under a field is what that page says of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from nas.errors import RunError
from nas.measures import LIMITS
from nas.reading.words import short
from nas.results.codec import Count, Finite, Flag, Flat, Keys, MeasureName, Population, from_json, to_json
from nas.results.costs import NETWORK_COSTS
from nas.results.gain import Gain
from nas.results.hardware import Hardware
from nas.results.member import Baseline, Member
from nas.results.quality import Hypervolume, Importance, PredictionErrors, ProxyFidelity
from nas.results.several import Several

SCHEMA = 1
"""The version of front.json that this version of the project writes and reads."""

Scalar = str | Flag | Count | Finite | None


BUDGET_LIMITS = Keys(
    {field: (Finite | None, f"limit on {measure.label}") for field, measure in LIMITS.items()}, optional=LIMITS
)
COSTS_BESIDE = Flat("costs", NETWORK_COSTS.names)


@dataclass(frozen=True, slots=True)
class NetworkCount:
    """How many networks of the search space fit the budget."""

    inside: Population
    """the best estimate"""
    low: Population
    """certainly at least"""
    high: Population
    """certainly at most"""
    of: Population
    """networks in the whole space"""


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """The limits, each by the field of its measure, null or absent where there is none."""

    limits: Annotated[Mapping[str, float | None], BUDGET_LIMITS]
    """by the field of its measure; in front.json they stand beside `text` and `networks`"""
    text: tuple[str, ...]
    """each limit as it is shown: `300M MACs`"""
    networks: NetworkCount
    """how many networks fit"""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files that took no part, for one reason."""

    reason: str
    """in the words of the report: `unreadable`, `.heic (pip install pillow-heif)`, …"""
    count: Count
    """how many files"""
    examples: tuple[str, ...]
    """the first of them, by their place in the data"""


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
    """pixels of the images as they are, by the median of their short sides"""
    left_out: tuple[LeftOut, ...] = ()
    """files that took no part, by reason"""

    def largest_class_share(self, split: str) -> float:
        """What always answering the most frequent class of `split` would be correct for, 0 to 1."""
        counts = self.counts[split].values()
        return max(counts) / sum(counts)


@dataclass(frozen=True, slots=True)
class Init:
    """The pretrained weights that trainings started from."""

    name: str
    """as `init=` names them; of a file its name"""
    source: str
    """where they come from"""
    licence: str | None
    """under which they are published; null if unknown: ask who gave them"""
    tensors: Count
    """how many tensors were taken"""


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

    schema: Count
    """the version of this file's form"""
    hardware: Hardware
    """the device"""
    budget: Annotated[BudgetFacts, Flat("limits", BUDGET_LIMITS.names)]
    """what a network may cost"""
    search_space: str
    """the space by name"""
    objectives: tuple[MeasureName, ...]
    """what was optimised: names of measures"""
    seed: Count
    """of the search"""
    data: DataFacts
    """the images"""
    sampler: str
    """what proposed the networks"""
    proxy: Mapping[str, Scalar]
    """the settings of the cheap evaluation, `how`: what its accuracies are called, and `own_resolution`: the pixels of
    the networks that it sees at its `resolution`, those of fewer pixels in proportion"""
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
    baselines: tuple[Annotated[Baseline, COSTS_BESIDE], ...]
    """published networks to compare with"""
    versions: Mapping[str, str]
    """of this project and of packages that matter"""
    front: tuple[Annotated[Member, COSTS_BESIDE], ...]
    """the result: networks that no other beats, from cheap to expensive in latency"""
    confirmed: tuple[Annotated[Member, COSTS_BESIDE], ...]
    """every confirmed network, those of the front too, in the same order"""
    gain: Gain
    """what the front gains over the baselines"""
    learned: Flag | None
    """whether the best confirmed network is above always answering the commonest class by more than luck explains, on
    the validation images; null where none was confirmed"""
    warnings: tuple[str, ...]
    """what the search warned of, as it was said in the terminal"""
    init: Init | None = None
    """what trainings started from; null: from random weights"""
    importances: tuple[Importance, ...] = ()
    """which choices matter, for each objective; none where too few networks were evaluated"""
    several: Several | None = None
    """what each of several devices sees; only there of a search on several"""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        found = to_json(self)
        return found if self.several else {key: value for key, value in found.items() if key != "several"}

    @classmethod
    def from_json(cls, value: Any, where: str = "front.json") -> "Front":
        """Read what `to_json` gave.

        Raises:
            RunError: it is of another schema, or a key is missing or of a wrong type; begins with `where`.
        """
        if not isinstance(value, dict) or "schema" not in value:
            raise RunError(f"{where} has no 'schema'; give the folder of a finished search")
        schema = value["schema"]
        if isinstance(schema, bool) or schema != SCHEMA:
            age = "an older" if isinstance(schema, int) and schema < SCHEMA else "a newer or another"
            raise RunError(f"{where} has schema {short(schema)}, of {age} version; this one reads {SCHEMA}")
        return from_json(cls, value, where)
