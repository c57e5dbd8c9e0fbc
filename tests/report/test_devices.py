"""The report of a search on several devices: a chart of each with the same networks joined, and which is best where."""

import io
import re
from pathlib import Path

import pytest
from matplotlib.patches import ConnectionPatch
from rich.console import Console

from nas.report.devices import trials_on, views
from nas.report.figures import devices_figure, save_front_png
from nas.report.html import report_html
from nas.report.network_row import network_row
from nas.report.sections.devices import best, gains, saved
from nas.report.summary import headline
from nas.report.terminal import print_front
from nas.results.costs import on_devices
from nas.results.trials import TrialRow
from tests.helpers.run_sample import sample_front, sample_trials
from tests.helpers.several_devices import BUDGET, several_front

FRONT = several_front()
NAMES = tuple(BUDGET)


def test_each_device_sees_the_front_as_if_it_were_the_only_one() -> None:
    seen = views(FRONT)
    assert [view.hardware.name for view in seen] == list(NAMES)
    for name, view in zip(NAMES, seen, strict=True):
        assert view.several is None
        assert view.budget.limits["latency_ms"] == BUDGET[name]
        assert view.budget.text == (f"{BUDGET[name]:g} ms",)
        for member, own in zip(FRONT.front, view.front, strict=True):
            assert own.latency_ms == on_devices(member.costs)[name]["latency_ms"]
    assert views(sample_front()) == (sample_front(),)


def test_trials_are_drawn_at_what_each_device_predicts() -> None:
    row = TrialRow(0, "complete", costs={"latency_ms": 1.0}, on_devices={"latency_ms:pixel4": 1.0, "latency_ms:b": 7.0})
    assert trials_on([row], "b")[0].figures["latency_ms"] == 7
    assert trials_on([row], "pixel4")[0].figures["latency_ms"] == 1


def test_the_same_networks_have_one_number_and_are_joined_from_chart_to_chart() -> None:
    figure = devices_figure(FRONT, sample_trials())
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(NAMES)
    places = []
    for axes in figure.axes:
        texts = {text.get_text(): text.xy for text in axes.texts if text.get_text().isdigit()}  # type: ignore[attr-defined]
        assert len(texts) == len(FRONT.front)
        places.append(texts)
    lines = [each for each in figure.artists if isinstance(each, ConnectionPatch)]
    assert len(lines) == len(FRONT.front)
    for number, line in enumerate(lines, start=1):
        assert line.xy1 == pytest.approx(places[0][str(number)])
        assert line.xy2 == pytest.approx(places[1][str(number)])


def test_the_table_says_for_which_device_a_network_is_best() -> None:
    assert FRONT.several is not None
    rows = best(FRONT)
    assert len(rows) == len(FRONT.front)
    for row in rows:
        *_, whom, key = row
        chosen = [one.name for one in FRONT.several.devices if key in one.front]
        assert whom == ("all" if len(chosen) == 2 else ", ".join(chosen) or "none")
    assert {row[-2] for row in rows} > {"all"}


def test_what_separate_searches_would_have_trained_is_said() -> None:
    assert FRONT.several is not None
    *parts, every = saved(FRONT.several)
    assert every == ("all", "56", "112")
    assert [row[1:] for row in parts] == [("32", "64"), ("16", "32"), ("8", "16")]


def test_sentences_name_the_devices() -> None:
    assert "Google Pixel 4" in headline(FRONT)
    assert "Slow Board" in headline(FRONT)
    assert re.search(r"% at [\d.]+ ms on pixel4 and [\d.]+ ms on slow_board", headline(FRONT))
    said = gains(FRONT)
    assert len(said) == 2 * len(NAMES)
    assert said[0].startswith("On Google Pixel 4 (")
    assert said[2].startswith("On Slow Board (")
    assert gains(sample_front()) == list(sample_front().gain.sentences)


def test_page_picture_and_terminal_show_every_device(tmp_path: Path) -> None:
    page = report_html(FRONT, sample_trials())
    assert "<h2>Each device</h2>" in page
    assert "latency on slow_board, ms" in page
    assert "<small>on pixel4</small>" in page
    save_front_png(FRONT, sample_trials(), tmp_path / "front.png")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    console = Console(width=200, record=True, file=io.StringIO())
    print_front(console, FRONT)
    text = console.export_text()
    assert "pixel4 ms" in text
    assert "slow_board ms" in text
    assert [each.heading for each in network_row(FRONT.front[0]).further] == ["latency on slow_board, ms"]
