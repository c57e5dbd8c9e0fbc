"""How far the cheap accuracies and the search itself can be trusted, in sentences made from `front.json`."""

from collections.abc import Iterator, Mapping
from typing import Any

from nas.report.text import how_text, number, plural, whole


def fidelity(front: Mapping[str, Any]) -> dict[str, Any]:
    """How well the cheap accuracies ranked the dear ones: a sentence, and whether it is a warning."""
    found = front.get("proxy_fidelity") or {}
    tau, macs_tau, size = (number(found.get(key)) for key in ("kendall_tau", "macs_kendall_tau", "n"))
    if tau is None:
        return {
            "text": "Too few networks were confirmed to say how well the cheap accuracies ranked them.",
            "bad": True,
        }
    text = (
        f"Over {plural(int(size or 0), 'confirmed network')}, the cheap accuracies ({_proxy(front)}) and the "
        f"confirmed ones rank with Kendall tau {tau:.2f}{_between(found)}; 1 is the same order, 0 is chance. Both "
        "are of validation images."
    )
    if macs_tau is not None:
        text += f" Ranking the same networks by MACs alone gives {macs_tau:.2f}."
    return {"text": text + _untold(found), "bad": bool(found.get("warning"))}


def rungs(front: Mapping[str, Any]) -> list[str]:
    """How well each rung ranked the next, in a sentence each."""
    sentences = []
    for rung in (front.get("proxy_fidelity") or {}).get("rungs") or []:
        tau, macs_tau = number(rung.get("kendall_tau")), number(rung.get("macs_kendall_tau"))
        step = f"from {how_text(rung.get('from'))} to {how_text(rung.get('to'))}"
        passed = f"{whole(rung.get('n'))} of {whole(rung.get('reached'))} networks went on {step}"
        if tau is None:
            sentences.append(f"{passed}: too few to say how the one ranked the other.")
            continue
        alone = "" if macs_tau is None else f"; MACs alone: {macs_tau:.2f}"
        ranked = f"over these the two rank with Kendall tau {tau:.2f}{_between(rung)}{alone}."
        sentences.append(f"{passed}; {ranked}{_untold(rung)}")
    return sentences


def random_search(front: Mapping[str, Any]) -> str:
    """What the hypervolume curve is compared with, or why it is with nothing."""
    found = (front.get("hypervolume") or {}).get("random")
    if not found:
        return (
            "Too few networks were drawn at random, without a model, to say what random search would have reached "
            "(four are needed)."
        )
    draws, ends = int(found["draws"]), len(found["mean"])
    beyond = f", beyond {draws} extrapolated" if ends > draws else ""
    how = "Random search: what is expected of networks drawn at random"
    if found.get("drawn") == "start":
        how = "Search without a model: what is expected of networks spread over the range of cost, at random otherwise"
    return (
        f"{how}, estimated from the {draws} of this run that were{beyond}. The band holds nine of ten such searches, "
        f"as far as {draws} networks can tell. It ends at {ends}: more cannot be said from so few."
    )


def warnings(front: Mapping[str, Any]) -> Iterator[str]:
    """A notice for each cheap evaluation that ranked no better than counting MACs."""
    found = front.get("proxy_fidelity") or {}
    for each in (found, *(found.get("rungs") or [])):
        if each.get("warning"):
            yield str(each["warning"])


def _untold(found: Mapping[str, Any]) -> str:
    """Says so where the networks are too few to tell whether the ranking is better than that of MACs."""
    if found.get("verdict") != "cannot be told":
        return ""
    return " Which of the two ranks better cannot be told from so few."


def _between(found: Mapping[str, Any]) -> str:
    low, high = number(found.get("low")), number(found.get("high"))
    return f" (95 % bootstrap interval {low:.2f} to {high:.2f})" if low is not None and high is not None else ""


def _proxy(front: Mapping[str, Any]) -> str:
    proxy = front.get("proxy")
    return how_text(proxy.get("how") if isinstance(proxy, Mapping) else proxy)
