"""A dry run says what a search would take, having tried it, and keeps nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.report.outlook import outlook_lines, seconds
from nas.search.dry_run.estimate import Estimate, Step, reaching
from tests.helpers.calls import call
from tests.helpers.search import problem

FOUND = Estimate("32x3 fc10", 1, 2, 5.0, (Step("s", 1, 4),), (Step("a", 2, 10), Step("b", 8, 3)), (), 1, 2, 3, None)


def test_seconds_add_up_over_the_workers() -> None:
    assert FOUND.trial_s == 10
    assert FOUND.preparation_s == 5 + 1 * 2
    assert FOUND.search_s == 2 * 5 + 8 * 2
    assert FOUND.total_s == 7 + 26
    assert FOUND.total_bytes == 6
    assert replace(FOUND, workers=1).search_s == 2 * 10 + 8 * 3
    assert replace(FOUND, time_limit=3.0).search_s == 3 + 10


def test_fewer_networks_reach_a_later_rung() -> None:
    assert reaching(90, 1 / 3, 3) == pytest.approx([90, 30, 10])


@pytest.mark.parametrize(("amount", "shown"), [(0.123, "0.12 s"), (42.3, "42 s"), (318, "5.3 min"), (7560, "2.1 h")])
def test_durations_are_short(amount: float, shown: str) -> None:
    assert seconds(amount) == shown


def test_it_says_whether_the_folder_is_there(tmp_path: Path) -> None:
    for name, said in (
        ("new", "would be made"),
        ("", "is there: a run with these settings goes on, another is refused"),
    ):
        (line,) = (each for each in outlook_lines(FOUND, problem(), tmp_path / name, None) if "folder  " in each)
        assert line.endswith(f", which {said}")


def test_it_tries_the_search_and_keeps_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search_space=tiny", "data.limit=60", "proxy.correction=0", "proxy.epochs=1", "baselines.widths=[]"]
    assert call(monkeypatch, "search", "dry_run=true", *words) == 0
    said = capsys.readouterr().out
    assert said.startswith("dry run: nothing is kept\nspace         tiny: 1,536 networks, ")
    assert "one trial" in said
    assert f"folder        {here / 'runs'}" in said
    assert not list(here.iterdir())
