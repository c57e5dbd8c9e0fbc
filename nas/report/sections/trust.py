"""How far the cheap accuracies can be trusted: how well they ranked the expensive ones."""

from collections.abc import Sequence

from nas.report.blocks import Picture, Section, Text, section
from nas.report.curves import fidelity_figure
from nas.report.text import how_text, plural, whole
from nas.results.front import Front
from nas.results.quality import RankFidelity
from nas.results.trials import TrialRow

_OF_THE_BETTER = "Those that went on are the better ones, which differ less: over all networks tau is likely higher."
_ALT = "Accuracy by the cheap evaluation against the confirmed accuracy of each confirmed network"


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section."""
    sentences = rungs(front)
    return section(
        "How far to trust the cheap accuracies",
        Picture(fidelity_figure(front, trials), _ALT) if _is_drawn(front, trials) else None,
        cheap_accuracies(front),
        Text(fewer_pixels(front)) if fewer_pixels(front) else None,
        *(Text(sentence) for sentence in sentences),
        Text(_OF_THE_BETTER, "soft") if sentences else None,
    )


def _is_drawn(front: Front, trials: Sequence[TrialRow]) -> bool:
    """Whether there are networks of which both accuracies are known."""
    known = {row.key for row in trials if row.state == "complete" and row.accuracy is not None and not row.ranked_only}
    return any(member.key in known for member in front.confirmed)


def cheap_accuracies(front: Front) -> Text:
    """How well the cheap accuracies ranked the confirmed ones; a notice where they did badly."""
    found = front.proxy_fidelity
    if found.kendall_tau is None:
        return Text("Too few networks were confirmed to say how well the cheap accuracies ranked them.", "notice")
    cheap = how_text(str(front.proxy.get("how") or ""))
    text = (
        f"Over {plural(found.n, 'confirmed network')}, the cheap accuracies ({cheap}) and the "
        f"confirmed ones rank with Kendall tau {found.kendall_tau:.2f}{_between(found)}; 1 is the same order, 0 is "
        "chance. Both are of validation images."
    )
    if found.macs_kendall_tau is not None:
        text += f" Ranking the same networks by MACs alone gives {found.macs_kendall_tau:.2f}."
    return Text(text + _untold(found), "notice" if found.warning else "plain")


def fewer_pixels(front: Front) -> str:
    """Says at how many pixels the proxy saw the networks, where it was not their own resolution."""
    seen, own = front.proxy.get("resolution"), front.proxy.get("own_resolution")
    if not isinstance(seen, int) or not isinstance(own, int) or seen >= own:
        return ""
    return f"The cheap accuracies are those of networks of {own} px at {seen} px, and of smaller ones in proportion."


def rungs(front: Front) -> list[str]:
    """How well each rung ranked the next, in a sentence each."""
    sentences = []
    for rung in front.proxy_fidelity.rungs:
        step = f"from {how_text(rung.lower)} to {how_text(rung.upper)}"
        passed = f"{whole(rung.n)} of {whole(rung.reached)} networks went on {step}"
        if rung.kendall_tau is None:
            sentences.append(f"{passed}: too few to say how the one ranked the other.")
            continue
        alone = "" if rung.macs_kendall_tau is None else f"; MACs alone: {rung.macs_kendall_tau:.2f}"
        ranked = f"over these the two rank with Kendall tau {rung.kendall_tau:.2f}{_between(rung)}{alone}."
        sentences.append(f"{passed}; {ranked}{_untold(rung)}")
    return sentences


def _untold(found: RankFidelity) -> str:
    """Says so where the networks are too few to tell whether the ranking is better than that of MACs."""
    if found.verdict != "cannot be told":
        return ""
    return " Which of the two ranks better cannot be told from so few."


def _between(found: RankFidelity) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" (95 % bootstrap interval {found.low:.2f} to {found.high:.2f})"
