"""The front in a chart and a table, and the networks it beats."""

from collections.abc import Sequence

from nas.report.blocks import Chart, Heading, Networks, Section, Text, section
from nas.report.figures import front_figure
from nas.report.network_row import network_row
from nas.report.networks import beaten, cost_measure, host_timing
from nas.report.page.chart import front_chart
from nas.report.text import plural
from nas.results.front import Front
from nas.results.member import FileAccuracy, Member
from nas.results.naming import member_labels
from nas.results.ordering import ordered
from nas.results.trials import TrialRow

_NUMBERS = (
    "Names as in the chart; each leads to the network's own page. Small print under a value is its interval. A "
    "network's accuracy is the mean of its seeds; each of its files holds one of them, the best by the validation "
    "images, and has an accuracy of its own. Members, and the probability of being on the front, are by what the "
    "validation images say of each network beside the others; the test images were seen once, after that, and a "
    "member that another beats on them too is left out."
)


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section."""
    int8_said = int8(front)
    members, others = _networks(front, front.front), _networks(front, beaten(front))
    mark = " * extrapolates beyond the measured networks." if any(row.extrapolated for row in members.rows) else ""
    alt = "Accuracy against cost: trials, confirmed front and curves of the baselines"
    return section(
        "The front" if front.learned is not False else "The confirmed networks",
        Chart(lambda most: front_chart(front, trials, most), front_figure(front, trials), alt),
        members if members.rows else None,
        Text(_NUMBERS + mark, "soft") if members.rows else None,
        Text(int8_said) if int8_said else None,
        *((Heading("Confirmed, but not on the front"), others) if others.rows else ()),
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


def _networks(front: Front, members: Sequence[Member]) -> Networks:
    labels = member_labels(front)
    return Networks(tuple(network_row(each, labels[each.key]) for each in ordered(members, cost_measure(front))))


def _int8_accuracy(member: Member) -> FileAccuracy | None:
    file = member.file("int8")
    return file.accuracy if file else None


def _bytes(member: Member, precision: str) -> int | None:
    file = member.file(precision)
    return file.bytes if file else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
