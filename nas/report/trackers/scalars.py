"""What loggers of plain numbers are told, TensorBoard's and MLflow's: of each trial, and of the run at its end."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from nas.report.figures import save_front_png
from nas.report.networks import bounds, cost_measure
from nas.results.front import Front
from nas.results.ordering import cost_of, ordered
from nas.results.trials import TrialRow


class ScalarLogger(Protocol):
    """What Lightning's loggers share."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Numbers by name."""


def trial_scalars(row: TrialRow, hypervolume: float, front_size: int) -> dict[str, float]:
    """What is known of one trial, and of the search so far."""
    known = {**row.figures, "worth": row.worth, "seconds": row.seconds}
    found = {name.replace(":", "/"): float(value) for name, value in known.items() if value is not None}
    return {**found, "hypervolume": hypervolume, "front_size": float(front_size)}


def front_scalars(front: Front) -> dict[str, float]:
    """What a run found, without what is not known."""
    found = {
        "final/hypervolume": front.hypervolume.value,
        "final/front_size": len(front.front),
        "final/best_accuracy": max((member.accuracy.value for member in front.front), default=None),
        "final/proxy_kendall_tau": front.proxy_fidelity.kendall_tau,
        **{f"final/{name}": count for name, count in asdict(front.counts).items()},
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def front_table(front: Front) -> str:
    """The members of the front in Markdown, from cheap to expensive."""
    measure = cost_measure(front)
    lines = [f"| | accuracy % | {measure.label} ({measure.unit}) | network |", "|---|---|---|---|"]
    for number, member in enumerate(ordered(front.front, measure), start=1):
        cost, found = cost_of(member, measure).scaled(measure.scale), bounds(member.accuracy).scaled(100)
        accuracy = f"{found.value:.1f} ({found.low:.1f} to {found.high:.1f})"
        costs = f"{cost.value:.3g} ({cost.low:.3g} to {cost.high:.3g})"
        lines.append(f"| m{number} | {accuracy} | {costs} | `{member.notation}` |")
    return "\n".join(lines)


def front_picture(front: Front, trials: Sequence[TrialRow], folder: Path) -> Path:
    """front.png of the run folder, made where it is not there."""
    path = folder / "front.png"
    if not path.exists():
        save_front_png(front, trials, path)
    return path
