"""The front in a figure and a table, the networks it beats, and the baselines."""

from collections.abc import Sequence

from nas.report.blocks import Column, Heading, Networks, Picture, Section, Table, Text, section
from nas.report.figures import front_figure
from nas.report.network_row import network_row
from nas.report.networks import cost_measure, dominated, host_timing
from nas.report.text import count_text, how_text, percent, plural
from nas.results.front import Front
from nas.results.member import FileAccuracy, Member
from nas.results.ordering import ordered
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
_NUMBERS = (
    "Numbers as in the figure. Small print under a value is its interval. A network's accuracy is the mean of its "
    "seeds; each of its files holds one of them, the best by the validation images, and has an accuracy of its own. "
    "Members, and the probability of being on the front, are by accuracy on the validation images; the test images "
    "were seen once, after that, and a member that another beats on them too is left out."
)


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section."""
    said, int8_said = comparability(front), int8(front)
    members, beaten = _networks(front, front.front, numbered=True), _networks(front, dominated(front), numbered=False)
    mark = " * extrapolates beyond the measured networks." if any(row.extrapolated for row in members.rows) else ""
    alt = "Accuracy against cost: trials, confirmed front and curves of the baselines"
    return section(
        "The front" if front.learned is not False else "The confirmed networks",
        None if front.several else Picture(front_figure(front, trials), alt),
        Text(said, "soft") if said else None,
        members if members.rows else None,
        Text(_NUMBERS + mark, "soft") if members.rows else None,
        Text(int8_said) if int8_said else None,
        *((Heading("Confirmed, but dominated"), beaten) if beaten.rows else ()),
        *((Heading("Baselines"), Table(_BASELINES, _baselines(front))) if front.baselines else ()),
        Table(_AGAINST, _against(front)) if front.gain.each else None,
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


def int8(front: Front) -> str | None:
    """What int8 costs in accuracy and saves in bytes and milliseconds, over the confirmed networks."""
    changes = [100 * (each.value - each.fp32) for member in front.confirmed if (each := _int8_accuracy(member))]
    sizes = [(_bytes(member, "fp32"), _bytes(member, "int8")) for member in front.confirmed]
    smaller = [fp32 / quick for fp32, quick in sizes if fp32 and quick]
    if not (changes and smaller):
        return None
    timings = [(host_timing(member), host_timing(member, "int8")) for member in front.confirmed]
    faster = [fp32.median / quick.median for fp32, quick in timings if fp32 and quick and quick.median > 0]
    text = (
        f"int8 changes the accuracy on the test images by {_mean(changes):+.1f} points in the mean of "
        f"{plural(len(changes), 'network')} ({min(changes):+.1f} to {max(changes):+.1f}), each against its fp32 file. "
        f"The files are {_mean(smaller):.1f} times smaller"
    )
    return text + (f" and on this host {_mean(faster):.1f} times as fast." if faster else ".")


def _networks(front: Front, members: Sequence[Member], *, numbered: bool) -> Networks:
    return Networks(tuple(network_row(each) for each in ordered(members, cost_measure(front))), numbered)


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
    """The front against each baseline; members by their number in the table above."""
    numbers = {each.key: number for number, each in enumerate(ordered(front.front, cost_measure(front)), start=1)}
    return tuple(
        (
            each.baseline,
            f"number {numbers[each.member]}" if each.member in numbers else "none",
            _with_interval(each.points, each.low, each.high, "+.1f"),
            _with_interval(each.share, each.share_low, each.share_high, ".2f"),
        )
        for each in front.gain.each
    )


def _with_interval(value: float | None, low: float | None, high: float | None, form: str) -> str:
    if value is None or low is None:
        return "nothing to compare"
    return f"{value:{form}} ({low:{form}} to {'open' if high is None else f'{high:{form}}'})"


def _int8_accuracy(member: Member) -> FileAccuracy | None:
    file = member.file("int8")
    return file.accuracy if file else None


def _bytes(member: Member, precision: str) -> int | None:
    file = member.file(precision)
    return file.bytes if file else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
