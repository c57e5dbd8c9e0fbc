"""The figures of how a run came along, and of how far its figures can be trusted."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nas.measures import MEASURES, find_objective
from nas.report.drawing import BLUE, GREY, VERMILLION, bars, draw_legend, draw_title, new_figure, plain_ticks
from nas.report.networks import BEATEN, bounds
from nas.report.text import configuration_text, how_text
from nas.results.front import Front
from nas.results.quality import WithoutModel
from nas.results.trials import TrialRow

_SIZE = (6.4, 4.0)
_BAND = "90 % of such searches"
MOST_STEPS = 2000
"""Of more networks evaluated, only those that raise the hypervolume are drawn."""


def hypervolume_figure(front: Front) -> Figure:
    """Hypervolume of what had been evaluated so far, as a share of the reference box."""
    history = front.hypervolume.history
    figure, axes = new_figure(_SIZE)
    if front.hypervolume.random:
        _draw_random_search(axes, front.hypervolume.random)
    if history:
        last = len(history)
        every = last <= MOST_STEPS
        rises = [n for n in range(1, last + 1) if every or n in (1, last) or history[n - 1] != history[n - 2]]
        risen = [history[n - 1] for n in rises]
        axes.step(rises, risen, where="post", color=BLUE, linewidth=2, label="this search")
        axes.plot(last, history[-1], "o", color=BLUE, markersize=5)
    axes.set_xlabel("networks evaluated to the end")
    axes.set_ylabel("hypervolume")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    reference = ", ".join(_corner(name, value) for name, value in front.hypervolume.reference.items())
    draw_title(axes, "Hypervolume", f"share of the box between ({reference}) and the ideal" if reference else "")
    draw_legend(figure, axes)
    return figure


def measured_figure(front: Front) -> Figure:
    """Predicted milliseconds, with their interval, against those measured on the device."""
    figure, axes = new_figure(_SIZE)
    latencies = [member.latency_ms for member in front.confirmed]
    known = [(bounds(latency), latency.predicted) for latency in latencies if latency.predicted]
    ends = [value for pair in known for each in pair for value in (each.low, each.high)]
    if known:
        reach = (0.93 * min(ends), 1.07 * max(ends))
        axes.plot(reach, reach, color=GREY, linewidth=1, label="equal")
        measured, predicted = zip(*known, strict=True)
        x, y = [each.value for each in measured], [each.value for each in predicted]
        axes.errorbar(
            x, y, yerr=bars(predicted), fmt="o", color=BLUE, markersize=5, linewidth=1.2, label="network, 90 % interval"
        )
        for scale in (axes.set_xscale, axes.set_yscale):
            scale("log")
        for axis in (axes.xaxis, axes.yaxis):
            plain_ticks(axis)
    axes.set_xlabel("measured (ms)", fontsize=11)
    axes.set_ylabel("predicted (ms)", fontsize=11)
    draw_title(axes, "Predicted and measured", f"{front.hardware.device}, {configuration_text(front)}")
    draw_legend(figure, axes)
    return figure


def fidelity_figure(front: Front, trials: Sequence[TrialRow]) -> Figure:
    """What the cheap evaluation said of the confirmed networks, against their accuracy after longer training.

    Both are of validation images.
    """
    figure, axes = new_figure(_SIZE)
    cheap = {row.key: row for row in trials if row.state == "complete" and not row.ranked_only}
    percent, members = MEASURES["accuracy"].scale, {member.key for member in front.front}
    for on_front, colour, label in ((True, VERMILLION, "on the front"), (False, BLUE, BEATEN)):
        known = [each for each in front.confirmed if each.key in cheap and (each.key in members) is on_front]
        pairs = [(cheap[each.key].accuracy, each.val_accuracy) for each in known]
        drawn = [(percent * x, y.scaled(percent)) for x, y in pairs if x is not None]
        if drawn:
            x, y = [x for x, _ in drawn], [y for _, y in drawn]
            values = [each.value for each in y]
            axes.errorbar(
                x, values, yerr=bars(y), fmt="o" if on_front else "s", color=colour, markersize=5, label=label
            )
    hows = sorted({how_text(row.how) for row in cheap.values()})
    axes.set_xlabel(f"{', '.join(hows) or 'cheap evaluation'}: accuracy (%)", fontsize=11)
    axes.set_ylabel("confirmed: accuracy (%)", fontsize=11)
    draw_title(axes, "Cheap and confirmed", "of validation images, with 95 % intervals")
    draw_legend(figure, axes)
    return figure


def _draw_random_search(axes: Axes, found: WithoutModel) -> None:
    """Its band and mean; dashed where it is extrapolated beyond the networks drawn."""
    draws, mean = found.draws, found.mean
    networks = range(1, len(mean) + 1)
    axes.fill_between(networks, found.low, found.high, color=GREY, alpha=0.22, linewidth=0, label=_BAND)
    how = "spread over the cost, no model" if found.drawn == "start" else "random search"
    axes.plot(networks[:draws], mean[:draws], color=GREY, linewidth=1.6, label=f"{how}, from {draws} draws")
    if len(mean) > draws:
        beyond = slice(draws - 1, None)
        axes.plot(networks[beyond], mean[beyond], "--", color=GREY, linewidth=1.6, label="extrapolated")


def _corner(name: str, value: float) -> str:
    measure = find_objective(name) or MEASURES["latency"]
    return f"{measure.label} {value * measure.scale:.3g} {measure.unit}"
