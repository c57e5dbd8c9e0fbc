"""Of a search on several devices: the same networks on each, which is best for which, and what the search saved."""

from collections.abc import Sequence

from nas.report.blocks import Column, Heading, Picture, Section, Table, Text, section
from nas.report.devices import views
from nas.report.figures import devices_figure
from nas.report.networks import cost_measure
from nas.report.text import budget_words, configuration_text, count_text, percent
from nas.results.costs import on_devices
from nas.results.front import Front
from nas.results.naming import member_labels
from nas.results.ordering import ordered
from nas.results.several import Several
from nas.results.trials import TrialRow

_SAVED = (
    Column("trainings"),
    Column("this search, for all devices", "number"),
    Column("a search for each", "number"),
)


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section; without blocks for a single device."""
    found = front.several
    if found is None:
        return section("Each device")
    alt = "Accuracy against the latency of each device, side by side; the same networks are joined"
    return section(
        "Each device",
        Picture(devices_figure(front, trials), alt),
        Text("A network has the same number on every device, m1 the number 1, and a line joins its places.", "soft"),
        Table(_columns(found), best(front)),
        Text(
            "A network is best for a device if no other of the front is both more accurate and faster there. Small "
            "differences of accuracy may be luck: see the intervals below.",
            "soft",
        ),
        Heading("What separate searches would have cost"),
        Table(_SAVED, saved(found)),
        Text(
            f"A training serves all {len(found.devices)} devices, since what a network costs on each is predicted. The "
            "last column is what as many searches of this length train.",
            "soft",
        ),
    )


def best(front: Front) -> tuple[tuple[str, ...], ...]:
    """A row for each member: its name, accuracy, the milliseconds of each device, and for which it is best."""
    devices = front.several.devices if front.several else ()
    rows = []
    labels = member_labels(front)
    for member in ordered(front.front, cost_measure(front)):
        found = on_devices(member.costs)
        times = [found[each.name]["latency_ms"] for each in devices]
        chosen = [each.name for each in devices if member.key in each.front]
        marked = [f"{each.value:.2f}{'*' * each.extrapolates}" for each in times]
        for_whom = "all" if len(chosen) == len(devices) else ", ".join(chosen) or "none"
        rows.append((labels[member.key], percent(member.accuracy.value), *marked, for_whom, member.key))
    return tuple(rows)


def gains(front: Front) -> list[str]:
    """What the front gains over the baselines, on each device by its name if there are several."""
    if not front.several:
        return list(front.gain.sentences)
    return [
        f"On {view.hardware.device} ({configuration_text(view)}, {budget_words(view)}): {sentence}"
        for view in views(front)
        for sentence in view.gain.sentences
    ]


def saved(found: Several) -> tuple[tuple[str, ...], ...]:
    """What this search trained, and what a search for each device would have."""
    ours, theirs = found.trainings, found.separate
    rows = (
        ("of the search, short", ours.search, theirs.search),
        ("of the confirmation, long", ours.confirmation, theirs.confirmation),
        ("of the baselines, long", ours.baselines, theirs.baselines),
        ("all", ours.all, theirs.all),
    )
    return tuple((name, count_text(one), count_text(many)) for name, one, many in rows)


def _columns(found: Several) -> tuple[Column, ...]:
    times = (Column(f"{each.name}, ms", "number") for each in found.devices)
    return (Column("network"), Column("accuracy, %", "number"), *times, Column("best for"), Column("key", "code"))
