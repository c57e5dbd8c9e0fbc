"""How far the predicted latencies are off: on networks never seen, and on those of this run that were measured."""

from collections.abc import Sequence

from nas.report.blocks import Block, Facts, Heading, Picture, Section, Text, section
from nas.report.curves import measured_figure
from nas.report.devices import views
from nas.report.text import plural
from nas.results.front import Front
from nas.results.trials import TrialRow


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section."""
    said = measured(front)
    alt = "Predicted against measured milliseconds of the confirmed networks"
    unknown = Text("The profile states no error: treat the latencies as estimates.", "notice")
    known = Text("Measured on networks that the predictor had not seen.", "soft")
    seen: list[Block] = []
    for view in views(front):
        errors = latency_error(view)
        seen += [Heading(view.hardware.device)] if front.several else []
        seen += [known, Facts(errors)] if errors else [unknown]
    return section(
        "Error of the predicted latencies",
        *((Text(said), Picture(measured_figure(front), alt)) if said else ()),
        *seen,
    )


def latency_error(front: Front) -> tuple[tuple[str, str], ...]:
    """The predictor's error on networks it never saw: (name, value)."""
    error = front.hardware.error
    over = f", {error.how} over {error.n} networks"
    rows = (
        (f"mean absolute error{over}", error.mape_percent, "{:.1f} %"),
        ("the same for MACs alone", error.macs_mape_percent, "{:.1f} %"),
        ("largest error", error.max_percent, "{:.1f} %"),
        ("networks within 5 %", error.within_5_percent, "{:.0f} %"),
        ("networks within 10 %", error.within_10_percent, "{:.0f} %"),
        ("rank correlation (Spearman)", error.spearman, "{:.3f}"),
    )
    return tuple((name, form.format(value)) for name, value, form in rows if value is not None)


def measured(front: Front) -> str | None:
    """How the predictions of this run's networks compare with what was measured in the end."""
    found = front.predicted_and_measured
    if not found:
        return None
    return (
        f"{plural(found.n, 'confirmed network')} measured on the device: the predictions were "
        f"{found.mape_percent:.1f} % off in the mean, {found.max_percent:.1f} % at most; "
        f"{found.inside_interval} of {found.n} lie in their 90 % interval. The front is that of the measured "
        "milliseconds."
    )
