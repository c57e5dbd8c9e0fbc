"""nas.report.figures: what the figures show of a made-up run."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.text import Text

from nas.report.curves import hypervolume_figure, measured_figure
from nas.report.drawing import png, svg
from nas.report.figures import (
    comparison_figure,
    front_figure,
    front_labels,
    save_front_png,
    staircase,
)
from nas.report.networks import cost_measure
from nas.results.ordering import cost_of
from tests.helpers.run_sample import bare_front, budget, climbed_front, sample_front, sample_trials, with_measured


def axes_of(figure: Any) -> Any:
    return figure.axes[0]


def labels(figure: Any) -> list[str]:
    return list(axes_of(figure).get_legend_handles_labels()[1])


def test_front_figure_shows_every_trial_member_and_baseline() -> None:
    figure = front_figure(sample_front(), sample_trials())
    axes = axes_of(figure)
    assert labels(figure) == [
        "evaluated (30), short training",
        "MobileNetV1, short training",
        "MobileNetV2, short training",
        "confirmed, beaten in validation",
        "front, confirmed (6)",
    ]
    assert len(axes.collections[0].get_offsets()) == 30
    assert [text.get_text() for text in axes.texts if text.get_text().isdigit()] == list("123456")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("latency (ms)", "accuracy (%)")
    assert axes.get_title(loc="left") == "Google Pixel 4, budget 300M"
    assert len(axes.containers) == 2
    assert all(bars.has_xerr and bars.has_yerr for bars in axes.containers)
    assert axes.get_ylim()[1] <= 101


def test_budget_line_is_drawn_only_on_its_own_axis() -> None:
    on_macs = front_figure(replace(sample_front(), objectives=("accuracy", "macs")), sample_trials())
    assert "budget, 300 M" in labels(on_macs)
    assert axes_of(on_macs).get_xlabel() == "multiply-accumulates (M)"
    line = next(line for line in axes_of(on_macs).lines if line.get_label() == "budget, 300 M")
    assert list(line.get_xdata()) == [300, 300]
    assert not any("budget" in label for label in labels(front_figure(sample_front(), [])))
    in_ms = front_figure(replace(sample_front(), budget=budget(("25ms",), latency_ms=25.0)), [])
    assert "budget, 25 ms" in labels(in_ms)


def test_what_is_no_accuracy_is_not_drawn_as_one() -> None:
    trials = [replace(row, how="score") for row in sample_trials()]
    assert not any("evaluated" in label for label in labels(front_figure(sample_front(), trials)))


@pytest.mark.parametrize("cost", ["latency", "macs", "params", "weights", "memory"])
def test_front_figure_with_each_cost(cost: str) -> None:
    front = replace(sample_front(), objectives=("accuracy", cost))
    measure = cost_measure(front)
    assert measure.name == cost
    assert "front, confirmed (6)" in labels(front_figure(front, sample_trials()))
    assert len(axes_of(front_figure(front, sample_trials())).collections[0].get_offsets()) == 30
    known = cost_of(front.front[0], measure)
    assert known.low <= known.value <= known.high
    assert cost_of(front.baselines[0], measure).value > 0


def test_front_figure_of_a_run_with_next_to_nothing() -> None:
    figure = front_figure(bare_front(), [])
    assert labels(figure) == []
    assert svg(figure)
    assert svg(hypervolume_figure(bare_front()))
    assert svg(measured_figure(bare_front()))


def test_measured_figure_sets_predictions_beside_what_was_measured() -> None:
    figure = measured_figure(with_measured(sample_front()))
    assert labels(figure) == ["equal", "network, 90 % interval"]
    assert svg(figure)
    assert labels(measured_figure(sample_front())) == []


def test_staircase_keeps_what_no_cheaper_point_equals() -> None:
    assert staircase([(3, 0.9), (1, 0.5), (2, 0.4), (2, 0.8), (4, 0.9)]) == [(1, 0.5), (2, 0.8), (3, 0.9)]
    assert staircase([]) == []


def test_saved_png(tmp_path: Path) -> None:
    save_front_png(sample_front(), sample_trials(), tmp_path / "front.png")
    data = (tmp_path / "front.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (1290, 870)


def test_a_figure_is_the_same_bytes_each_time() -> None:
    assert svg(front_figure(sample_front(), sample_trials())) == svg(front_figure(sample_front(), sample_trials()))


def test_hypervolume_figure() -> None:
    axes = axes_of(hypervolume_figure(sample_front()))
    assert len(axes.lines[0].get_xdata()) == 30
    assert "accuracy 10 %, latency 44 ms" in axes.texts[0].get_text()


def test_figures_of_20_000_trials_are_small_and_show_all() -> None:
    rows = sample_trials(1)
    many = [replace(rows[0], number=n, accuracy=0.5 + n / 50_000) for n in range(20_000)]
    front = sample_front()
    history = tuple(0.5 + 0.2 * (n // 100) / 200 for n in range(20_000))
    front = replace(front, hypervolume=replace(front.hypervolume, history=history))
    trials, progress = front_figure(front, many), hypervolume_figure(front)
    assert len(axes_of(trials).collections[0].get_offsets()) == 20_000
    assert len(svg(trials)) + len(svg(progress)) < 500_000
    steps = axes_of(progress).lines[0]
    assert (steps.get_xdata()[0], steps.get_xdata()[-1]) == (1, 20_000)
    assert set(steps.get_ydata()) == set(history)


def test_hypervolume_figure_with_the_band_of_random_search() -> None:
    alone, beside = hypervolume_figure(sample_front()), hypervolume_figure(climbed_front())
    assert labels(alone) == ["this search"]
    names = ["90 % of such searches", "random search, from 10 draws", "extrapolated", "this search"]
    assert labels(beside) == names
    axes = axes_of(beside)
    lines = dict(zip(names[1:], axes.lines, strict=False))
    assert list(lines["random search, from 10 draws"].get_xdata()) == list(range(1, 11))
    assert list(lines["extrapolated"].get_xdata()) == list(range(10, 21))
    assert axes.collections[0].get_datalim(axes.transData).x1 == 20
    assert svg(beside)


def test_front_figure_draws_stopped_networks_that_have_an_accuracy() -> None:
    figure = front_figure(climbed_front(), sample_trials(stopped=5))
    assert "stopped early (3), short training" in labels(figure)  # two were stopped on their score


ODD = (
    "$\\frac{$",
    "a_b^c $x$",
    "<b>&amp;",
    "two\nlines\r\n\n\nmore",
    "\x00\x1b[2J",
    "\u202eevil",
    "\udce9",
    "\u30d4\u30af",
    "x" * 5000,
)


def test_baselines_of_a_total_stride_are_one_curve() -> None:
    names = [f"mobilenet_v{family}_w{width}_s8_r32" for family in (1, 2) for width in (0.25, 0.5, 0.75, 1)]
    networks = tuple(replace(each, name=n) for each, n in zip(sample_front().baselines, names, strict=True))
    found = labels(front_figure(replace(sample_front(), baselines=networks), []))
    assert [label for label in found if label.startswith("MobileNet")] == [
        "MobileNetV1, short training",
        "MobileNetV2, short training",
    ]


@pytest.mark.parametrize("name", ODD)
def test_no_name_breaks_a_figure(name: str) -> None:
    front = with_measured(climbed_front())
    hardware = replace(front.hardware, device=name, name=name, configuration=name, runtime=name)
    networks = tuple(replace(each, name=name) for each in front.baselines)
    front = replace(front, hardware=hardware, baselines=networks, budget=budget((name,), macs=3e8), search_space=name)
    other = replace(front, search_space="separable")
    trials = [replace(row, how=name) for row in sample_trials()]
    for figure in (front_figure(front, trials), comparison_figure([front, other]), measured_figure(front)):
        assert png(figure)
        assert svg(figure)
        assert all(len(text.get_text()) < 300 for text in figure.findobj(Text))


def test_a_formula_is_drawn_letter_by_letter() -> None:
    front = replace(sample_front(), hardware=replace(sample_front().hardware, device="$x^2$"))
    figure = front_figure(front, [])
    svg(figure)
    assert axes_of(figure).get_title(loc="left") == "$x^2$, budget 300M"


def test_an_interval_beside_its_value_is_drawn() -> None:
    front = sample_front()
    first = front.front[0]
    wrong = replace(first, accuracy=replace(first.accuracy, low=0.95, high=0.9))
    assert svg(front_figure(replace(front, front=(wrong, *front.front[1:])), []))


def test_comparison_tells_runs_apart() -> None:
    a, b = sample_front(), replace(sample_front(4), seed=1)
    c = replace(sample_front(), budget=budget(("150M", "25ms"), macs=150e6, latency_ms=25.0))
    assert labels(comparison_figure([a, c])) == ["pixel4, 300M", "pixel4, 150M and 25ms"]
    assert front_labels([a, b]) == ["pixel4, 300M, seed 0", "pixel4, 300M, seed 1"]
    assert front_labels([a, a]) == ["pixel4, 300M (1)", "pixel4, 300M (2)"]
    assert front_labels([]) == []
