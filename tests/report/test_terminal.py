"""nas.report.terminal: what the final table shows of a made-up run."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from nas.report.page.ship import ship
from nas.report.terminal import print_front, to_ship
from tests.helpers.run_sample import sample_front


def shown(*, terminal: bool, width: int = 80) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=width, color_system=None, legacy_windows=False), text


def test_final_table_fits_80_columns() -> None:
    console, text = shown(terminal=False)
    print_front(console, sample_front())
    lines = text.getvalue().splitlines()
    assert len(lines) == 2 + 6 + 2 + 2
    assert "means of the seeds" in lines[-4]
    assert lines[2].split() == ["1", "90.5", "(88.7-91.9)", "5.20*", "(4.84-5.56)", "3.12", "38.0M", "f000000000000000"]
    assert "…" not in text.getvalue()
    assert "extrapolates" in lines[-3]
    assert tuple(lines[-2:]) == sample_front().gain.sentences


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_no_figure_is_cut_however_narrow_the_terminal(width: int) -> None:
    console, text = shown(terminal=False, width=width)
    print_front(console, sample_front())
    assert "…" not in text.getvalue()
    for figure in ("90.5 (88.7-91.9)", "5.20* (4.84-5.56)", "22.20 (20.65-23.75)", "38.0M", "f000000000000005"):
        assert figure in text.getvalue()


def test_the_end_of_a_search_says_what_to_ship() -> None:
    front = sample_front()
    (first, second) = to_ship(front, Path("runs/a"))
    found = ship(front)
    assert found is not None
    assert first == f"ship {found.name} ({found.key}): {found.why[0]}"
    assert second.endswith(f"runs/a/models/{found.key}.md")
    assert not list(to_ship(replace(front, front=()), Path("runs/a")))
