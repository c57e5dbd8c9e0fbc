"""Whether networks learned anything: the best of them beside always answering the commonest class."""

from collections.abc import Sequence

from scipy import special

from nas.results.front import DataFacts

LUCK = 0.05
"""How likely the best of networks that only guess is called better than guessing, at most."""


def learned(accuracies: Sequence[float], data: DataFacts) -> bool | None:
    """Whether the best of `accuracies` on the validation images is above `guessing` by more than luck explains.

    A one-sided binomial test, its level shared among the networks, since the best of many is above its own chance.
    None without any network.
    """
    if not accuracies:
        return None
    right = round(max(accuracies) * data.val)
    return bool(special.bdtrc(right - 1, data.val, guessing(data)[1]) < LUCK / len(accuracies))


def guessing(data: DataFacts) -> tuple[str, float]:
    """The commonest class among the validation images, and its share of them."""
    counts = data.counts["val"]
    return max(counts, key=lambda name: counts[name]), data.largest_class_share("val")


def learning_warnings(cheap: Sequence[float], confirmed: Sequence[float], data: DataFacts) -> list[str]:
    """What is to be said of the accuracies of the search, and of the confirmed networks, on the validation images."""
    knew_nothing = learned(cheap, data) is False
    if learned(confirmed, data) is False:
        also = ", and proxy.epochs or proxy.resolution too" if knew_nothing else ""
        return [_no_better("no network learned", confirmed, data, f"raise confirm.epochs{also}")]
    if knew_nothing and not confirmed:
        return [_no_better("no network learned", cheap, data, "raise proxy.epochs or proxy.resolution")]
    if knew_nothing:
        what = "the cheap accuracies say nothing"
        return [_no_better(what, cheap, data, "raise proxy.epochs or proxy.resolution")]
    return []


def _no_better(what: str, accuracies: Sequence[float], data: DataFacts, advice: str) -> str:
    name, share = guessing(data)
    return (
        f"{what}: the best accuracy is {max(accuracies):.1%} of {data.val} validation images, and always answering "
        f"{name[:40]!r} is right for {share:.1%}; {advice}"
    )
