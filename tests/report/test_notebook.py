"""What a notebook shows while a search runs."""

import sys
import time
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from nas.measures import MEASURES
from nas.report.notebook.display import Drawn, NotebookDisplay, in_notebook
from nas.report.notebook.svg import Dot, front_svg
from tests.helpers.run_sample import sample_trials

LATENCY = MEASURES["latency"]


class Screen:
    """It keeps what is shown in its one output."""

    def __init__(self) -> None:
        self.outputs: list[list[Drawn]] = []

    def show(self, drawn: Drawn) -> Any:
        self.outputs.append([drawn])
        return SimpleNamespace(update=self.outputs[-1].append)


def test_one_output_is_drawn_anew_and_stays_as_the_last_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    screen = Screen()
    complete, failed, rejected = sample_trials(1, 1, 1)
    with NotebookDisplay(LATENCY, screen.show) as shown:
        shown.stage("search", 9, 2)
        for row in (complete, rejected, failed, complete):
            clock[0] += 60 if row is not rejected else 0
            shown.trial(row, front_size=1, hypervolume=0.25, best=0.9)
        shown.message("a <b>line</b>")
        shown.warning("beware")
        shown.warning("beware")
    ((*_, last),) = screen.outputs
    assert repr(last) == "search: 5 of 9, 4 minutes left, front of 1, best 90.0 %, hypervolume 0.250"
    html = last._repr_html_()
    ElementTree.fromstring(html.replace("<br>", "<br/>"))
    assert '<progress value="5" max="9">' in html
    assert html.count("<circle") == 2
    assert "a &lt;b&gt;line" in html
    assert html.count("warning: beware") == 1
    assert "diverged: the loss was nan" in html
    assert shown.warnings == ["beware"]


def test_what_an_earlier_process_did_and_what_is_done_now_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    screen = Screen()
    with NotebookDisplay(LATENCY, screen.show) as shown:
        shown.stage("search", 100, 5)
        shown.limit(50)
        shown.earlier(sample_trials(5, 0, 0))
        for _ in range(3):
            clock[0] += 4
            shown.advance()
        shown.now("training two networks")
    ((*_, last),) = screen.outputs
    assert repr(last) == "search: 8 of 100, 38 s left, training two networks"
    assert last._repr_html_().count("<circle") == 5


@pytest.mark.parametrize(
    ("took", "left"),
    [
        ((60, 60), ""),
        ((60, 60, 60), ", 27 minutes left"),
        ((10, 200, 30), ", 0 s to 73 minutes left"),
        ((5, 5, 5.5), ", 2 minutes left"),
    ],
)
def test_a_notebook_says_the_time_left_as_a_terminal_does(
    took: tuple[float, ...], left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    screen = Screen()
    with NotebookDisplay(LATENCY, screen.show) as shown:
        shown.stage("confirm", 27 + len(took))
        for seconds in took:
            clock[0] += seconds
            shown.advance()
    ((*_, last),) = screen.outputs
    assert repr(last) == f"confirm: {len(took)} of {27 + len(took)}{left}"


def test_many_quick_steps_are_drawn_seldom() -> None:
    screen = Screen()
    with NotebookDisplay(LATENCY, screen.show) as shown:
        shown.stage("confirm", 5000)
        for _ in range(5000):
            shown.advance()
    ((*drawn, last),) = screen.outputs
    assert len(drawn) < 500
    assert repr(last) == "confirm: 5000 of 5000"


def test_a_notebook_is_told_from_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for expected in (True, False):
        shell = SimpleNamespace(config={"IPKernelApp": {}} if expected else {})
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert in_notebook() is expected
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


@pytest.mark.parametrize(
    ("dots", "logarithmic"),
    [([Dot(1, 50), Dot(30, 90)], True), ([Dot(1, 50), Dot(3, 90)], False), ([Dot(0, 50)], False)],
)
def test_the_picture_holds_every_network_inside_its_frame(dots: list[Dot], logarithmic: bool) -> None:
    picture = ElementTree.fromstring(front_svg(dots, [Dot(2, 60, "m1", "m1", True)], LATENCY))
    circles = [each for each in picture if each.tag.endswith("circle")]
    assert len(circles) == len(dots) + 1
    for circle in circles:
        assert 46 <= float(circle.get("cx", 0)) <= 406
        assert 12 <= float(circle.get("cy", 0)) <= 194
    assert ("logarithmic" in ElementTree.tostring(picture, "unicode")) is logarithmic


def test_nothing_is_drawn_of_nothing() -> None:
    assert front_svg([], [], LATENCY) == ""
