"""How the search came along, beside what a search without a model would have reached."""

from collections.abc import Sequence

from nas.report.blocks import Picture, Section, Text, section
from nas.report.curves import hypervolume_figure
from nas.results.front import Front
from nas.results.trials import TrialRow


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section, without blocks where nothing was evaluated."""
    if not front.hypervolume.history:
        return section("Progress of the search")
    alt = "Hypervolume after each evaluated network, and of random search"
    return section(
        "Progress of the search",
        Picture(hypervolume_figure(front), alt),
        Text(random_search(front), "soft"),
    )


def random_search(front: Front) -> str:
    """What the hypervolume curve is compared with, or why it is with nothing."""
    found = front.hypervolume.random
    if not found:
        return (
            "Too few networks were drawn at random, without a model, to say what random search would have reached "
            "(four are needed)."
        )
    draws, ends = found.draws, len(found.mean)
    beyond = f", beyond {draws} extrapolated" if ends > draws else ""
    how = "Random search: what is expected of networks drawn at random"
    if found.drawn == "start":
        how = "Search without a model: what is expected of networks spread over the range of cost, at random otherwise"
    return (
        f"{how}, estimated from the {draws} of this run that were{beyond}. The band holds nine of ten such searches, "
        f"as far as {draws} networks can tell. It ends at {ends}: more cannot be said from so few."
    )
