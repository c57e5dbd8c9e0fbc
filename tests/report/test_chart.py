"""What a page tells its script: packed numbers, charts of one run and of several; and which network it recommends."""

import base64
import json
import math
import zlib
from dataclasses import replace

import numpy as np
import pytest

from nas.report.blocks import Confusion
from nas.report.curves import fidelity_figure
from nas.report.html import MOST_BYTES, comparison_html, report_html
from nas.report.page.chart import comparison_chart, front_chart
from nas.report.page.comparing import common_reference, comparison, front_hypervolume
from nas.report.page.network import network_page
from nas.report.page.packing import packed_numbers, packed_texts, unpacked_numbers
from nas.report.page.ship import ship
from tests.helpers.run_sample import Points, budget, networks, sample_front, sample_trials
from tests.helpers.several_devices import several_front


@pytest.mark.parametrize("values", [[3.0], [1e-3, 5.0, 1e9], [-2.0, 0.0, 7.5], [0.0, 0.0], [4.0, None, 4.1], [None]])
def test_packed_numbers_keep_three_figures(values: list[float | None]) -> None:
    found = unpacked_numbers(json.loads(json.dumps(packed_numbers(values))))
    spread = max((abs(each) for each in values if each is not None), default=0.0)
    for before, after in zip(values, found, strict=True):
        assert math.isnan(after) if before is None else after == pytest.approx(before, rel=5e-4, abs=2e-5 * spread)


def test_packed_texts_are_deflated_lines() -> None:
    texts = [row.notation or "" for row in sample_trials(300)]
    packed = packed_texts(texts)
    assert zlib.decompress(base64.b64decode(packed)).decode().split("\n") == texts
    assert len(packed) < 0.2 * sum(map(len, texts))


def test_a_chart_has_every_network_and_trial() -> None:
    front, trials = sample_front(), sample_trials(50, rejected=7, failed=2, stopped=4)
    found = front_chart(front, trials, 1000)
    assert [each["short"] for each in found["costs"]][:2] == ["latency", "multiply-accumulates"]
    assert found["costs"][1]["limits"] == [300]
    assert [len(each["points"]) for each in found["series"]] == [4, 4, 2, 6]
    first = found["series"][-1]["points"][0]
    assert (first["label"], first["href"]) == ("m1", f"#{front.front[0].key}")
    assert first["costs"][0] == [5.2, 4.836, 5.564]
    assert [each["count"] for each in found["trials"]] == [50, 4, 7, 2]
    assert [each["shown"] for each in found["trials"]] == [True, False, False, False]
    assert (found["drawn"], found["of"]) == (63, 63)
    evaluated = found["trials"][0]
    known = [row.costs["macs"] for row in trials if row.state == "complete"]
    assert unpacked_numbers(evaluated["costs"][1]) == pytest.approx(np.array(known) * 1e-6, rel=5e-4)
    assert np.isnan(unpacked_numbers(found["trials"][2]["accuracy"])).all()


@pytest.mark.parametrize(("points", "log"), [([(5.0, 0.9), (9.0, 0.95)], False), ([(1.0, 0.9), (9.0, 0.95)], True)])
def test_an_axis_is_logarithmic_where_costs_are_wide(points: Points, log: bool) -> None:
    members = tuple(networks(points))
    front = replace(sample_front(), front=members, confirmed=members, baselines=())
    trials = [replace(row, costs={**row.costs, "latency_ms": 6.0, "macs": 40_000_000}) for row in sample_trials(3)]
    costs = front_chart(front, trials, 10)["costs"]
    assert costs[0]["log"] is log
    assert costs[1]["log"] is False  # 38M MACs beside 40M


def test_of_very_many_trials_those_evaluated_are_drawn_first() -> None:
    found = front_chart(sample_front(), sample_trials(50, rejected=30), 60)
    assert [each["count"] for each in found["trials"]] == [50, 10]
    assert (found["drawn"], found["of"]) == (60, 82)
    assert front_chart(sample_front(), sample_trials(50), 60) == front_chart(sample_front(), sample_trials(50), 60)


def test_a_page_of_very_many_trials_is_small() -> None:
    rows = sample_trials(500)
    many = [replace(rows[n % 500], number=n, notation=f"{n} {rows[n * 7 % 500].notation}") for n in range(60_000)]
    page = report_html(sample_front(), many)
    assert len(page.encode()) < MOST_BYTES
    assert "Of 60,000 trials 20,000 are drawn" in " ".join(page.split())


def test_several_devices_have_an_axis_each() -> None:
    found = front_chart(several_front(), [], 10)
    names = [each["short"] for each in found["costs"]]
    assert names[:2] == ["latency on pixel4", "latency on slow_board"]
    assert "latency" not in names
    costs = found["series"][-1]["points"][0]["costs"]
    assert costs[1][0] == pytest.approx(4 * costs[0][0], rel=1e-3)


# Which to ship

KNEED: Points = [(2.0, 0.80), (4.0, 0.95), (8.0, 0.96), (16.0, 0.97)]


def test_the_page_says_what_to_ship_and_why() -> None:
    members = tuple(replace(each, key=f"{n}" * 16) for n, each in enumerate(networks(KNEED, 0.002)))
    front = replace(sample_front(), front=members, confirmed=members)
    found = ship(front)
    assert found
    assert found.name == "m3 · 96.0 % · 8.0 ms"
    assert found.why == (
        "Of the networks within 300M it is the fastest that loses at most 1 point against the best (m4, 97.0 %), for "
        "50 % of its milliseconds.",
    )
    assert [(each.why.split(",")[0], each.name) for each in found.others] == [
        ("The most accurate", "m4 · 97.0 % · 16 ms"),
        ("The knee", "m2 · 95.0 % · 4.0 ms"),
        ("The fastest", "m1 · 80.0 % · 2.0 ms"),
    ]
    limited = ship(replace(front, budget=budget(("5ms",), latency_ms=5.0)))
    assert limited
    assert (limited.name, limited.why[0]) == (
        "m2 · 95.0 % · 4.0 ms",
        "It is the most accurate network within your limit of 5.0 ms.",
    )
    over = ship(replace(front, budget=budget(("1ms",), latency_ms=1.0)))
    assert over
    assert "costs more than your limit" in over.why[0]
    assert ship(replace(front, learned=False)) is None


def test_doubt_is_told_where_intervals_overlap() -> None:
    members = tuple(networks(KNEED, 0.02))
    found = ship(replace(sample_front(), front=members, confirmed=members))
    assert found
    assert "overlaps with that of the best" in found.why[1]


# One network

CLASSES = tuple(str(digit) for digit in range(10))


def test_a_network_has_its_layers_classes_and_files() -> None:
    front = sample_front()
    found = network_page(front, front.front[0])
    assert found.drawing.count("<rect") == 3  # two blocks and the head
    *layers, whole = found.layers.rows
    assert [row[1] for row in layers][:3] == ["conv 3x3/2 relu6", "depthwise 3x3 relu6", "conv 1x1 relu6"]
    assert whole[0] == "whole network"
    assert found.classes
    assert found.classes.rows[0] == ("3", 32 / 36, "88.9 % (32 of 36)")
    assert found.confusion == Confusion(
        CLASSES, tuple(tuple({(3, 3): 32, (3, 5): 4}.get((i, j), 36 * (i == j)) for j in range(10)) for i in range(10))
    )
    assert found.mistakes
    assert [(shot.true, shot.found, shot.sure) for shot in found.mistakes.shots] == [
        ("3", "5", "99"),
        ("3", "5", "98"),
        ("3", "5", "97"),
    ]
    assert [file.label for file in found.files] == ["onnx fp32", "onnx int8"]
    missing = network_page(front, front.front[2]).files[1]
    assert (missing.path, missing.link, missing.note) == ("not written", "", "ValueError: no ranges")


def test_layers_have_the_milliseconds_of_each_device_that_is_known() -> None:
    front = sample_front()
    known = replace(front, hardware=replace(front.hardware, configuration="1large_fp32"))
    found = network_page(known, known.front[0]).layers
    assert found.columns[-1].heading == "ms pixel4:1large_fp32"
    *parts, whole = (float(str(row[-1])) for row in found.rows)
    assert sum(parts) == pytest.approx(whole, abs=0.01)


def test_of_many_classes_pairs_are_listed() -> None:
    front = sample_front()
    names = tuple(f"class {n}" for n in range(30))
    data = replace(front.data, classes=names, counts={"test": dict.fromkeys(names, 12)})
    found = network_page(replace(front, data=data), front.front[0])
    assert found.confusion is None
    assert found.pairs
    assert found.pairs.rows == (("class 3", "class 5", "4"),)


def test_cheap_accuracies_are_set_beside_the_confirmed() -> None:
    front = sample_front()
    rows = [
        replace(row, key=member.key)
        for row, member in zip(sample_trials(len(front.confirmed)), front.confirmed, strict=False)
    ]
    axes = fidelity_figure(front, rows).axes[0]
    assert list(axes.get_legend_handles_labels()[1]) == ["on the front", "confirmed, beaten in validation"]


# Several runs


def test_only_comparable_runs_share_a_chart() -> None:
    a, b = sample_front(), replace(sample_front(4), seed=1, sampler="pareto")
    elsewhere = replace(a, hardware=replace(a.hardware, name="box"))
    other_images = replace(a, data=replace(a.data, test=99))
    groups = comparison([a, elsewhere, b, other_images], list("abcd"))
    assert [len(group.table.rows) for group in groups] == [2, 1, 1]
    assert [column.heading for column in groups[0].table.columns][1:3] == ["sampler", "seed"]
    assert [row[1:3] for row in groups[0].table.rows] == [("tpe", "0"), ("pareto", "1")]
    assert "budget 300M" in groups[0].common
    series = comparison_chart([a, b], ["one", "two"], ["a", "c"])["series"]
    assert [(each["name"], len(each["points"]), each["step"]) for each in series] == [
        ("one", 6, True),
        ("two", 4, True),
    ]
    assert comparison_html([a, elsewhere], ["a", "b"]).count('<figure class="chart"') == 2


def test_what_differs_is_taken_from_commands_too() -> None:
    a = replace(sample_front(), command="python -m nas.search budget=300M confirm.epochs=3 hydra.run.dir=a")
    b = replace(sample_front(), command="python -m nas.search budget=300M confirm.epochs=6 hydra.run.dir=b")
    (group,) = comparison([a, b], ["a", "b"])
    assert group.table.columns[1].heading == "confirm.epochs"
    assert [row[1] for row in group.table.rows] == ["3", "6"]
    broken = replace(a, command="python 'unclosed")
    assert comparison([broken], ["a"])[0].table.columns[1].heading == "on the front"


def test_hypervolume_is_counted_from_one_point() -> None:
    a = replace(sample_front(), front=tuple(networks([(10.0, 0.6)])))
    b = replace(a, hypervolume=replace(a.hypervolume, reference={"accuracy": 0.2, "latency": 20.0}))
    reference = common_reference([a, b])
    assert reference == {"accuracy": 0.1, "latency": 44.0}
    for front in (a, b):
        assert front_hypervolume(front, reference) == pytest.approx((0.5 / 0.9) * (34 / 44))
    assert front_hypervolume(replace(a, front=()), reference) == 0
    worst = replace(a, objectives=("accuracy", "worst_share"))
    assert front_hypervolume(worst, {"accuracy": 0.1, "worst_share": 1.0}) is None
