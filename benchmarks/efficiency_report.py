"""The pages and the figure of the search-efficiency benchmark, from its results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Runs = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
"""Runs by (problem, sampler), both in the order they are shown."""

BEGIN = "<!-- search efficiency: from here on written by python -m benchmarks.search_efficiency -->"
PARALLEL = "<!-- search efficiency: from here on written by python -m benchmarks.search_efficiency --parallel -->"
END = "<!-- search efficiency: to here -->"
FIGURE = "search_efficiency.png"
FACTS = ("machine", "versions")
SHOWN = (25, 50, 100, 200)
TITLES = {
    "macro": "NAS-Bench-Macro, accuracy against MACs",
    "accel": "Accel-NASBench surrogate, accuracy against MACs",
    "latency": "NAS-Bench-Macro, accuracy against Pixel 4 latency",
    "synthetic": "Synthetic, accuracy against MACs",
    "widths": "Seven widths, accuracy against MACs",
    "channels": "Five numbers of channels, accuracy against MACs",
}
COLOURS = {
    "pareto": "#c1121f",
    "pareto_scores": "#6a040f",
    "random": "#8d99ae",
    "nsga2": "#2a9d8f",
    "nsga3": "#74b816",
    "pymoo": "#0b7285",
    "tpe": "#f08c00",
    "tpe_cached": "#b85c00",
    "gp": "#7048e8",
    "botorch": "#1c4fd6",
}
TICKS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)
LEAST = 1e-4
"""Regrets below this are drawn here: the axis is logarithmic, and some searches find everything."""


def render(results: Sequence[Mapping[str, Any]], labels: Mapping[str, str], docs: Path) -> None:
    """Write the figure, and the part of `docs/benchmarks.md` between `BEGIN` and `END`; the rest of the page stays.

    `labels` names the samplers, in the order they are shown.
    """
    runs = grouped(results, list(labels))
    _write(docs / "benchmarks.md", BEGIN, section(runs, labels))
    if runs:
        figure(runs, labels).savefig(docs / FIGURE, dpi=110)


def render_parallel(results: Sequence[Mapping[str, Any]], labels: Mapping[str, str], docs: Path) -> None:
    """Write the part of `docs/scaling.md` between `PARALLEL` and `END`; the rest of the page stays.

    `labels` names the samplers, which are called `name@8` with eight evaluations at once and `name@8+` if each that
    ends makes place for another, in the order they are shown.
    """
    runs = grouped(results, list(labels))
    problems = [problem for problem in TITLES if any(key[0] == problem for key in runs)]
    tables = [_parallel_table(problem, runs, labels) for problem in problems]
    _write(docs / "scaling.md", PARALLEL, "\n".join(tables))


def _write(page: Path, begin: str, text: str) -> None:
    page.parent.mkdir(parents=True, exist_ok=True)
    before = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
    if begin not in before:
        before = f"{before.rstrip()}\n\n{begin}\n{END}\n"
    before, rest = before.split(begin)
    page.write_text(f"{before}{begin}\n\n{text}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def grouped(results: Sequence[Mapping[str, Any]], samplers: Sequence[str]) -> Runs:
    """Results by problem and sampler; of two of one seed, the later."""
    by_seed = {(r["problem"], r["sampler"], r["seed"]): r for r in results}
    pairs = [(problem, sampler) for problem in TITLES for sampler in samplers]
    found = {pair: [run for key, run in by_seed.items() if key[:2] == pair] for pair in pairs}
    return {pair: runs for pair, runs in found.items() if runs}


def section(runs: Runs, labels: Mapping[str, str]) -> str:
    """The text between the markers: how it is measured, where, and a table per problem."""
    every = [run for those in runs.values() for run in those]
    where = [f"{what.capitalize()}: {'; '.join(sorted({run[what] for run in every}))}.\n" for what in FACTS]
    shown = f"![Share of the true hypervolume still missing, by evaluations]({FIGURE})\n"
    problems = [problem for problem in TITLES if any(key[0] == problem for key in runs)]
    tables = [_table(problem, TITLES[problem], runs, labels) for problem in problems]
    return "\n".join([INTRODUCTION, *where, shown, *tables])


INTRODUCTION = """\
## Search efficiency

Which share of the best front does a sampler find with few trainings? On tables where every answer is known, a search
sees what one training shows it (`acc1`), and is scored by the hypervolume of all it evaluated, taken with the mean
of the known trainings, over that of the true front. A network that is evaluated twice counts twice. Hypervolume
counts from 80 % accuracy (NAS-Bench-Macro), 85 % (widths, channels) or 55 % (the others) and the largest cost.

    python -m benchmarks.search_efficiency --seeds 20 --jobs 2

`pip install '.[benchmark]'` brings the peers it compares with. Cells are the mean over seeds ± the standard deviation
of single searches; the figure's bands hold the middle half of the seeds. *Repeats*: evaluations spent on a network
the search had seen. *Seconds*: CPU seconds per suggestion, one thread, the mean over a whole search. Optuna's
samplers see every choice as an integer (TPE and NSGA-II did no better with categories), its and pymoo's NSGA have a
population of 20; *cached*: a network proposed again is answered from memory and does not count. BoTorch models both
objectives and proposes 5 networks at a time out of 500, after 20 random ones. *+ scores*: training-free scores of
every network are further features (`--scores FILE`).
"""


def _table(problem: str, title: str, runs: Runs, labels: Mapping[str, str]) -> str:
    notes = {run["note"] for key, those in runs.items() if key[0] == problem for run in those}
    lines = [f"### {title}\n", f"{'; '.join(sorted(notes))}.\n"]
    lines.append(f"| sampler | seeds | {' | '.join(map(str, SHOWN))} | repeats | seconds |")
    lines.append("|---" * (4 + len(SHOWN)) + "|")
    for (name, sampler), those in runs.items():
        if name == problem:
            repeats = np.mean([run["repeats"] / len(run["shares"]) for run in those])
            seconds = np.mean([np.mean(run["seconds"]) for run in those])
            cells = [_cell(those, count) for count in SHOWN]
            lines.append(
                f"| {labels[sampler]} | {len(those)} | {' | '.join(cells)} | {100 * repeats:.0f} % | {seconds:.2g} |"
            )
    return "\n".join(lines) + "\n"


def _parallel_table(problem: str, runs: Runs, labels: Mapping[str, str]) -> str:
    lines = [f"### {TITLES[problem]}\n", "| sampler | at once | seeds | " + " | ".join(map(str, SHOWN))]
    lines[-1] += " | lost at 50 | lost at 200 | seconds |"
    lines.append("|---" * (6 + len(SHOWN)) + "|")
    for (name, sampler), those in runs.items():
        if name == problem:
            base, _, at_once = sampler.partition("@")
            alone = {run["seed"]: run for run in runs.get((problem, base), ())} if at_once else {}
            words = at_once.replace("+", ", one by one") or "1"
            cells = [_cell(those, count) for count in SHOWN] + [_lost(those, alone, count) for count in (50, 200)]
            seconds = np.mean([np.mean(run["seconds"]) for run in those])
            lines.append(f"| {labels[sampler]} | {words} | {len(those)} | {' | '.join(cells)} | {seconds:.2g} |")
    return "\n".join(lines) + "\n"


def _lost(runs: Sequence[Mapping[str, Any]], alone: Mapping[int, Mapping[str, Any]], count: int) -> str:
    """What runs share less than `alone`, by seed, after `count` evaluations: the mean ± its standard error."""
    pairs = [(alone[run["seed"]]["shares"], run["shares"]) for run in runs if run["seed"] in alone]
    lost = [first[count - 1] - second[count - 1] for first, second in pairs if min(len(first), len(second)) >= count]
    if len(lost) < 2:
        return "–"
    return f"{np.mean(lost):.4f} ± {np.std(lost, ddof=1) / np.sqrt(len(lost)):.4f}"


def _cell(runs: Sequence[Mapping[str, Any]], count: int) -> str:
    """Mean ± standard deviation of the share after `count` evaluations; a dash where searches were shorter."""
    shares = [run["shares"][count - 1] for run in runs if len(run["shares"]) >= count]
    if len(shares) < len(runs):
        return "–"
    digits = 3 if np.mean(shares) < 0.9945 else 4
    spread = f" ± {np.std(shares, ddof=1):.{digits}f}" if len(shares) > 1 else ""
    return f"{np.mean(shares):.{digits}f}{spread}"


def figure(runs: Runs, labels: Mapping[str, str]) -> Figure:
    """One panel a problem: what is still missing of the true hypervolume, mean and middle half of the seeds."""
    problems = [problem for problem in TITLES if any(key[0] == problem for key in runs)]
    columns = min(2, len(problems))
    rows = -(-len(problems) // columns)
    result = Figure(figsize=(8.6 * columns, 5.2 * rows), layout="constrained")
    for number, problem in enumerate(problems, start=1):
        axes = result.add_subplot(rows, columns, number)
        ends = {}
        for (name, sampler), those in runs.items():
            if name == problem:
                ends[labels[sampler]] = (*_curve(axes, those, COLOURS[sampler]), COLOURS[sampler])
        axes.set(xscale="log", yscale="log", title=TITLES[problem])
        axes.set(xlabel="evaluations", ylabel="share of the true hypervolume still missing")
        axes.set_xticks([10, *SHOWN], labels=map(str, [10, *SHOWN]))
        low, high = axes.get_ylim()
        ticks = [tick for tick in TICKS if low <= tick <= high]
        axes.set_yticks(ticks, labels=[f"{100 * tick:g} %" for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        _label_ends(axes, ends)
    return result


def _curve(axes: Axes, runs: Sequence[Mapping[str, Any]], colour: str) -> tuple[float, float]:
    """Draw a sampler's mean regret and its band from the 10th evaluation on; returns where the curve ends."""
    length = min(len(run["shares"]) for run in runs)
    regrets = np.maximum(LEAST, 1 - np.array([run["shares"][:length] for run in runs]))[:, 9:]
    counts = np.arange(10, length + 1)
    mean: NDArray[np.float64] = regrets.mean(axis=0)
    low, high = np.quantile(regrets, (0.25, 0.75), axis=0)
    axes.fill_between(counts, low, high, color=colour, alpha=0.1, linewidth=0)
    axes.plot(
        counts, mean, color=colour, linewidth=2.6 if colour in (COLOURS["pareto"], COLOURS["pareto_scores"]) else 1.5
    )
    return float(counts[-1]), float(mean[-1])


def _label_ends(axes: Axes, ends: Mapping[str, tuple[float, float, str]]) -> None:
    """Name every curve beside its end, moved up or down so that no two names overlap, with a thin line to the end.

    Curves that end before the others are named inside the panel.
    """
    low, high = np.log10(axes.get_ylim())
    right, last = axes.get_xlim()[1], max(x for x, _, _ in ends.values())
    step = (high - low) / 18
    for label, (x, y, colour) in ends.items():
        if x < last:
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.5, "pad": 0.2}
            axes.text(1.02 * x, y, label, color=colour, va="center", fontsize=9, bbox=box)
    order = sorted((label for label in ends if ends[label][0] == last), key=lambda label: ends[label][1])
    heights = np.log10([ends[label][1] for label in order])
    for index in range(1, len(heights)):
        heights[index] = max(heights[index], heights[index - 1] + step)
    overflow = max(0.0, heights[-1] - high)
    heights[-1] -= overflow
    for index in range(len(heights) - 2, -1, -1):
        heights[index] = min(heights[index], heights[index + 1] - step)
    for label, height in zip(order, heights, strict=True):
        x, y, colour = ends[label]
        axes.annotate(
            label,
            (x, y),
            (right * 1.06, 10**height),
            color=colour,
            va="center",
            fontsize=9,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.6},
        )
