"""The picture of a profile's validation."""

from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from nas.latency.profile import load_profile
from nas.latency.validation import ErrorTable, validate_left_out
from nas.recording.validation_file import Entry, to_entry
from nas.report.profiles.validation_scatter import validation_figure, validation_png


def made_entry(low: float, high: float, error: float, **counts: int) -> Entry:
    """Networks spread from `low` to `high` ms, predicted `error` too high and too low by turns."""
    networks = []
    for role, count in counts.items():
        for number, ms in enumerate(np.geomspace(low, high, count)):
            networks.append({"role": role, "measured": ms, "predicted": ms * (1 + error * (-1) ** number)})
    table = dict.fromkeys(ErrorTable.__dataclass_fields__, 100 * error)
    tables = {role: {**table, "n": counts[role]} if role in counts else None for role in ROLES}
    return {**tables, "networks": networks}


ROLES = ("left_out", "kept_back", "measured_now")
DRAWN = {
    "one of each": [made_entry(5, 5, 0, left_out=1, kept_back=1, measured_now=1)],
    "hundreds": [made_entry(0.1, 900, 0.03, left_out=600, kept_back=120, measured_now=60)],
    "alike": [made_entry(10, 10.2, 0.01, left_out=4)],
    "far off": [made_entry(1, 9, 0.6, left_out=6)],
    "four": [made_entry(1, 10**n, 0.02, left_out=6, kept_back=n) for n in (1, 2, 3, 4)],
    "seven": [made_entry(0.001, 0.02, 0.02, left_out=6) for _ in range(7)],
}


@pytest.mark.parametrize("what", DRAWN)
def test_every_configuration_has_a_panel_with_readable_ticks(what: str) -> None:
    entries = {f"configuration {number}": entry for number, entry in enumerate(DRAWN[what])}
    figure = validation_figure(load_profile("pixel4"), entries)
    figure.canvas.draw()
    assert len(figure.axes) == 2 * len(entries)
    for axes in figure.axes:
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            places = [tick for tick in axis.get_ticklocs() if low <= tick <= high]
            assert 2 <= len(places) <= 10, (what, places)
        for along, labels in ((0, axes.get_xticklabels()), (1, axes.get_yticklabels())):
            boxes = [label.get_window_extent() for label in labels if label.get_visible() and label.get_text()]
            ends = sorted(tuple(box.get_points()[:, along]) for box in boxes)
            assert all(a[1] < b[0] for a, b in pairwise(ends)), (what, ends)
    box = figure.get_tightbbox()
    assert (box.x0 >= 0, box.y0 >= 0, box.x1 <= figure.get_figwidth(), box.y1 <= figure.get_figheight()) == (True,) * 4


def test_a_panel_shows_every_network_and_the_errors() -> None:
    entry = made_entry(1, 10, 0.02, left_out=5, kept_back=3)
    upper, lower = validation_figure(load_profile("pixel4"), {"1t": entry}).axes
    assert upper.get_title(loc="left") == (
        "left out (5): MAPE 2.0 %, 2 % within 5 %\nkept back (3): MAPE 2.0 %, 2 % within 5 %"
    )
    measured, predicted = zip(*((row["measured"], row["predicted"]) for row in entry["networks"]), strict=True)
    points = np.concatenate([found.get_offsets() for found in upper.collections[1:4]])
    assert np.asarray(points) == pytest.approx(np.column_stack([measured, predicted]))
    errors = np.concatenate([found.get_offsets() for found in lower.collections])
    assert np.abs(np.asarray(errors)[:, 1]) == pytest.approx(np.full(8, 2))
    assert (upper.get_xscale(), upper.get_yscale(), lower.get_xscale()) == ("log", "log", "log")


def test_the_picture_is_a_png_and_repeats() -> None:
    profile = load_profile("pixel4")
    entries = {"1large_fp32": to_entry({"left_out": validate_left_out(profile)}, None)}
    content = validation_png(profile, entries)
    assert content == validation_png(profile, entries)
    with Image.open(BytesIO(content)) as image:
        assert image.format == "PNG"
        assert 500 < image.width < 3000
