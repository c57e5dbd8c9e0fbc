"""The front beside published networks that were trained alike."""

from collections.abc import Sequence

from nas.report.blocks import Column, Heading, Section, Table, Text, section
from nas.report.sections.devices import gains
from nas.report.text import count_text, how_text, percent, plural
from nas.results.front import Front
from nas.results.naming import member_labels
from nas.results.trials import TrialRow

_BASELINES = (
    Column("network"),
    Column("accuracy, % (mean of its seeds)", "number"),
    Column("how"),
    Column("latency, ms", "number"),
    Column("MACs", "number"),
    Column("params", "number"),
)
_AGAINST = (
    Column("against"),
    Column("beaten by"),
    Column("points at equal latency (95 % interval)", "number"),
    Column("share of its ms at equal accuracy (95 % interval)", "number"),
)


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section, without blocks where there is no front; what is gained on one device stands at the top."""
    said = comparability(front)
    return section(
        "Against published networks",
        *(Text(sentence) for sentence in gains(front) if front.several),
        Text(said, "soft") if said else None,
        Table(_BASELINES, _baselines(front)) if front.baselines else None,
        *((Heading("The front against each"), Table(_AGAINST, _against(front))) if front.gain.each else ()),
    )


def comparability(front: Front) -> str | None:
    """How the baselines may be read, where their accuracies were not confirmed."""
    hows = sorted({how_text(each.accuracy.how) for each in front.baselines} - {how_text("confirmed")})
    if not hows:
        return None
    return (
        f"The baselines were got by {', '.join(hows)}: set them beside the trials got the same way, "
        "not beside the confirmed front."
    )


def _baselines(front: Front) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            each.name,
            percent(each.accuracy.value),
            f"{how_text(each.accuracy.how)}, {plural(each.accuracy.seeds, 'seed')}",
            f"{each.latency_ms.value:.2f}",
            count_text(each.macs),
            count_text(each.params),
        )
        for each in front.baselines
    )


def _against(front: Front) -> tuple[tuple[str, ...], ...]:
    """The front against each baseline; members by their name in the table above."""
    labels = member_labels(front)
    return tuple(
        (
            each.baseline,
            labels.get(each.member or "", "none"),
            _with_interval(each.points, each.low, each.high, "+.1f"),
            _with_interval(each.share, each.share_low, each.share_high, ".2f"),
        )
        for each in front.gain.each
    )


def _with_interval(value: float | None, low: float | None, high: float | None, form: str) -> str:
    if value is None or low is None:
        return "nothing to compare"
    return f"{value:{form}} ({low:{form}} to {'open' if high is None else f'{high:{form}}'})"
