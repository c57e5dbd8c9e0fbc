"""Every confirmed network on a page of its own, those of the front first."""

from collections.abc import Sequence

from nas.report.blocks import Section, Text, section
from nas.report.page.network import network_page
from nas.results.front import Front
from nas.results.naming import member_labels
from nas.results.trials import TrialRow

_SAID = (
    "Drawings: a slab for each block, as high as its output is, as wide as it has channels, and the darker the more of "
    "the time it takes. What is said of classes and images is of the test split, by the fp32 file."
)


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section, without blocks where nothing was confirmed."""
    members = {member.key: member for member in (*front.confirmed, *front.front)}
    pages = [network_page(front, members[key]) for key in member_labels(front)]
    return section("Network by network", Text(_SAID, "soft") if pages else None, *pages)
