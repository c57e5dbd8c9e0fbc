"""What the networks of a run are called where people read of them: `m3 · 97.1 % · 2.2 ms`; the key comes second.

`m3` is the third of the front from cheap to expensive, and what `member=` takes; `c2` the second of the confirmed
networks that are not on it.
"""

from collections.abc import Mapping

from nas.measures import MEASURES, Measure
from nas.results.front import Front
from nas.results.member import Baseline, Member
from nas.results.ordering import cost_measure, cost_of, ordered


def member_labels(front: Front) -> Mapping[str, str]:
    """The short name of every confirmed network, `m3` or `c2`, by its key; those of the front come first."""
    measure, members = cost_measure(front.objectives), {member.key for member in front.front}
    beaten = [member for member in front.confirmed if member.key not in members]
    numbered = [("m", ordered(front.front, measure)), ("c", ordered(beaten, measure))]
    return {each.key: f"{letter}{number}" for letter, some in numbered for number, each in enumerate(some, start=1)}


def member_names(front: Front) -> Mapping[str, str]:
    """The readable name of every confirmed network, `m3 · 97.1 % · 2.2 ms`, by its key."""
    labels, measure = member_labels(front), cost_measure(front.objectives)
    networks = {member.key: member for member in (*front.confirmed, *front.front)}
    return {key: f"{label} · {figures_text(networks[key], measure)}" for key, label in labels.items()}


def figures_text(network: Member | Baseline, measure: Measure) -> str:
    """Its accuracy and what it costs by `measure`: `97.1 % · 2.2 ms`."""
    percent = MEASURES["accuracy"].scale * network.accuracy.value
    return f"{percent:.1f} % · {cost_text(cost_of(network, measure).value, measure)}"


def cost_text(value: float, measure: Measure) -> str:
    """A cost in its unit, in two figures or three: `2.2 ms`, `104M MACs`."""
    scaled = value * measure.scale
    text = f"{scaled:.0f}" if abs(scaled) >= 100 else f"{scaled:.3g}" if abs(scaled) >= 9.95 else f"{scaled:#.2g}"
    return f"{text}{measure.text}"
