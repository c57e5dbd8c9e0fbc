"""The main result of a run, `front.json`: its types are the one description of the file (docs/front_json.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from nas.errors import RunError
from nas.results.codec import Count, Finite, Share, from_json, to_json
from nas.results.member import Baseline, Member

SCHEMA = 1
"""The version of front.json that this version of the project writes and reads."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class LatencyErrors:
    """The predictor's errors on networks left out of its fit; percent, but `n` and the rank correlations."""

    n: Count
    mape_percent: Finite | None
    max_percent: Finite | None
    within_5_percent: Finite | None
    within_10_percent: Finite | None
    coverage_percent: Finite | None
    spearman: Finite | None
    kendall: Finite | None
    macs_mape_percent: Finite | None
    params_mape_percent: Finite | None
    how: str


@dataclass(frozen=True, slots=True)
class Hardware:
    """One configuration of a device, where its measurements come from, and how well it is predicted."""

    name: str
    configuration: str
    device: str
    soc: str
    cores: str
    threads: Count
    precision: str
    runtime: str
    runtime_version: str
    method: str
    repeats: str
    date: str
    source: str
    license: str
    notes: tuple[str, ...]
    networks: Count
    error: LatencyErrors
    like: str | None = None

    @property
    def label(self) -> str:
        """As it is asked for: `pixel4:1large_fp32`."""
        return f"{self.name}:{self.configuration}"


@dataclass(frozen=True, slots=True)
class NetworkCount:
    """How many networks fit the budget: near `inside`, certainly from `low` to `high`, `of` all of the space."""

    inside: Count
    low: Count
    high: Count
    of: Count


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """The limits by the field of their measure, None where there is none; `text` is each as it is shown, `300M MACs`.

    In front.json the limits stand beside `text` and `networks`.
    """

    limits: Mapping[str, Finite | None]
    text: tuple[str, ...]
    networks: NetworkCount


def _with_limits(value: Any) -> Any:
    """The limits, which stand beside the other keys, under a key of their own."""
    if not isinstance(value, Mapping):
        return value
    apart = ("text", "networks")
    limits = {key: each for key, each in value.items() if key not in apart}
    return {"limits": limits, **{key: value[key] for key in apart if key in value}}


def _beside_limits(value: BudgetFacts) -> dict[str, Any]:
    networks = {field.name: getattr(value.networks, field.name) for field in fields(NetworkCount)}
    return {**value.limits, "text": list(value.text), "networks": networks}


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The images: how many of each split, by class in `counts`, and which files were left out and why (`skipped`)."""

    source: str
    path: str | None
    classes: tuple[str, ...]
    train: Count
    val: Count
    test: Count
    counts: Mapping[str, Mapping[str, Count]]
    native_resolution: Count
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the networks proposed."""

    proposed: Count
    rejected_by_budget: Count
    evaluated: Count
    stopped: Count
    failed: Count
    confirmed: Count


@dataclass(frozen=True, slots=True)
class WithoutModel:
    """What a search without a model would have reached after 1, 2, … networks, from `draws` of this run's.

    `drawn`: at `random`, or as a `start` spread over the cost; `low` and `high` hold 90 % of single searches.
    """

    drawn: str
    draws: Count
    mean: tuple[Finite, ...]
    low: tuple[Finite, ...]
    high: tuple[Finite, ...]


@dataclass(frozen=True, slots=True)
class Hypervolume:
    """The share of the box between the `reference` point and the ideal that is dominated; after each network too."""

    value: Share
    reference: Mapping[str, Finite]
    history: tuple[Share, ...]
    random: WithoutModel | None


@dataclass(frozen=True, slots=True)
class RankFidelity:
    """How well a cheap evaluation ranked `n` networks that an expensive one judged too: Kendall's tau.

    `low` and `high` are its bootstrap 95 % interval, `macs_kendall_tau` what counting MACs gives on the same networks.
    """

    kendall_tau: Finite | None
    low: Finite | None
    high: Finite | None
    n: Count
    macs_kendall_tau: Finite | None
    verdict: str
    warning: str | None


@dataclass(frozen=True, slots=True)
class RungFidelity:
    """How well the rung `lower` ranked the next, `upper`; `reached` networks finished it. As `RankFidelity` else."""

    lower: Annotated[str, Field(alias="from")]
    upper: Annotated[str, Field(alias="to")]
    reached: Count
    kendall_tau: Finite | None
    low: Finite | None
    high: Finite | None
    n: Count
    macs_kendall_tau: Finite | None
    verdict: str
    warning: str | None


@dataclass(frozen=True, slots=True)
class ProxyFidelity:
    """How well the cheap accuracies ranked the confirmed ones, as `RankFidelity`; and each rung the next."""

    kendall_tau: Finite | None
    low: Finite | None
    high: Finite | None
    n: Count
    macs_kendall_tau: Finite | None
    verdict: str
    warning: str | None
    rungs: tuple[RungFidelity, ...] = ()


@dataclass(frozen=True, slots=True)
class PredictionErrors:
    """How far the predictions of `n` confirmed networks were from what was measured in the end."""

    n: Count
    mape_percent: Finite
    max_percent: Finite
    inside_interval: Count


@dataclass(frozen=True, slots=True)
class Front:
    """All that a run found: its front, and what is needed to judge it.

    `front` and `confirmed` (which holds the front's networks too) are from cheap to expensive in latency.
    """

    schema: int
    hardware: Hardware
    budget: Annotated[
        BudgetFacts,
        BeforeValidator(_with_limits),
        PlainSerializer(_beside_limits),
        WithJsonSchema(
            {
                "type": "object",
                "required": ["text", "networks"],
                "properties": {
                    "text": {"type": "array", "items": {"type": "string"}},
                    "networks": {
                        "type": "object",
                        "properties": {name: {"type": "integer"} for name in ("inside", "low", "high", "of")},
                    },
                },
                "additionalProperties": {"type": ["number", "null"]},
            }
        ),
    ]
    search_space: str
    objectives: tuple[str, ...]
    seed: int
    data: DataFacts
    sampler: str
    proxy: Mapping[str, Scalar]
    rungs: tuple[str, ...]
    command: str
    counts: Counts
    hypervolume: Hypervolume
    proxy_fidelity: ProxyFidelity
    predicted_and_measured: PredictionErrors | None
    baselines: tuple[Baseline, ...]
    versions: Mapping[str, str]
    front: tuple[Member, ...]
    confirmed: tuple[Member, ...]

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
