"""The papers' tables: every count agrees, or the page says why not, and the page is as the code counts."""

import csv

import pytest

from tests.helpers.paths import shared_data
from tools import papers_page
from tools.papers_page import GRID, TABLES, Row

ROWS = [pytest.param(row, id=f"{title.split(':')[0]}-{row.what}") for title, rows in TABLES.items() for row in rows()]
FAR = {"standard 3x3: % of mult-adds"}
"""Misprints."""


@pytest.mark.parametrize("row", ROWS)
def test_a_count_agrees_or_is_explained(row: Row) -> None:
    if row.agrees:
        return
    assert row.why, row
    cut = 0 <= row.ours - float(row.published) < 10.0**-row.decimals
    assert cut or row.what in FAR or row.ours == pytest.approx(float(row.published), rel=1e-3), row


def test_most_counts_agree_to_the_last_digit() -> None:
    rows = [row for rows in TABLES.values() for row in rows()]
    assert sum(row.agrees for row in rows) >= 0.8 * len(rows)


def test_a_wrong_count_does_not_agree() -> None:
    assert Row("a", "41", 41.4).agrees
    assert not Row("a", "41", 41.6).agrees
    assert Row("a", "0.15", 0.1509).agrees
    assert not Row("a", "0.15", 0.156).agrees


def test_the_grid_is_that_of_the_source() -> None:
    with shared_data("published", "reference_nets_params_macs.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"].startswith("tensorflow/models@60c28f91")]
    published = {row["model"].removeprefix("MobileNetV2 "): row["macs_m"] for row in rows}
    assert {f"{width}-{pixels}": macs for width, row in GRID.items() for pixels, macs in row.items()} == published


def test_the_page_is_as_the_code_counts() -> None:
    assert papers_page.PAGE.read_text(encoding="utf-8") == papers_page.page(), "run python -m tools.papers_page"
