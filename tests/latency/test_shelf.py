"""The shelf: what it promises of its devices, its tables and its page, that are made from the profiles."""

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml

import nas
from benchmarks.unlike_networks import left_out
from nas.errors import ProfileError
from nas.latency.features import outside
from nas.latency.models.known_devices import COLUMNS, expected_costs
from nas.latency.models.linear import fit_linear, observed, twins
from nas.latency.predictor import predictor
from nas.latency.profile import known_labels, known_profiles, load_profile
from nas.latency.shelf import on_shelf, shelf, shelved
from nas.resources import data_dir
from nas.spaces.architecture import Architecture
from nas.spaces.load import load_space
from tests.helpers.calls import call
from tests.helpers.paths import ROOT, shared_data
from tools import devices_page
from tools.shelf import SPECIFICATION, cost_rows, shape_rows, whole_networks
from tools.shelf_sources import all_rows

SHELF = list(shelf())
LITERATURE = [each for each in SHELF if each.name != "host_x86"]


def table(name: str) -> list[list[str]]:
    """The rows of a table beside the profiles, its heading first."""
    with (data_dir("hardware_profiles") / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_there_are_eighteen_devices_and_ninety_configurations_within_five_percent() -> None:
    good = [each for each in SHELF if each.mape_percent <= 5]
    assert len({each.name for each in good}) >= 18
    assert len(good) >= 90
    assert all(each.mape_percent <= 5 for each in LITERATURE)
    assert np.mean([each.mape_percent for each in good]) <= 3.0
    assert np.mean([each.spearman for each in LITERATURE]) >= 0.992


def test_intervals_cover_nine_tenths_of_what_is_left_out_on_every_device() -> None:
    for name in {each.name for each in LITERATURE}:
        rows = [each for each in LITERATURE if each.name == name]
        covered = np.average([each.coverage_percent for each in rows], weights=[each.networks for each in rows])
        assert 85 <= covered <= 95, name


def test_the_shelf_has_every_configuration_that_is_there() -> None:
    assert [each.label for each in SHELF] == known_labels()


@pytest.mark.parametrize(
    "label", ["pixel4:2med_int8", "iphone_xs:1small_fp32", "odroid_n2plus:mali_fp32", "aws_c5:xnnpack_fp32"]
)
def test_errors_are_those_of_the_profiles(label: str) -> None:
    stored = next(each for each in SHELF if each.label == label)
    found = shelved(load_profile(label))
    for key in ("mape_percent", "max_percent", "coverage_percent", "spearman", "yardstick_ms"):
        assert getattr(found, key) == pytest.approx(getattr(stored, key), rel=1e-3), key
    assert replace(
        found, **{key: getattr(stored, key) for key in ("mape_percent", "max_percent", "coverage_percent")}
    ) == (replace(stored, spearman=found.spearman, yardstick_ms=found.yardstick_ms))


def text(rows: Iterable[Iterable[object]]) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in rows]


def test_what_devices_have_in_common_is_that_of_the_profiles() -> None:
    profiles = [load_profile(each.label) for each in LITERATURE]
    assert all(map(whole_networks, profiles))
    assert table("known_shapes.csv")[1:] == text(shape_rows(profiles))
    found, stored = text(cost_rows(profiles)), table("known_devices.csv")
    assert stored[0] == list(COLUMNS)
    assert [row[:3] for row in stored[1:]] == [row[:3] for row in found]
    numbers = [np.array([[float(cell) for cell in row[3:]] for row in rows]) for rows in (stored[1:], found)]
    np.testing.assert_allclose(numbers[0], numbers[1], rtol=2e-3, atol=1e-6)


def test_a_device_borrows_nothing_from_itself() -> None:
    pixel = "Google Pixel 4"
    own = sum(row[0] == pixel and row[2] == "fp32" for row in table("known_devices.csv"))
    assert own > 0
    assert len(expected_costs("fp32", pixel)) == len(expected_costs("fp32")) - own


def test_every_profile_says_where_it_is_from() -> None:
    for name in {each.name for each in LITERATURE}:
        profile = load_profile(name)
        assert "https://" in profile.source
        assert "transcribed" in profile.license
        assert profile.notes


def test_figures_equal_the_sources() -> None:
    data = shared_data("mlperf_v3")
    sets = {
        (name, f"{key}_{precision}"): (*(settings.get("from") or (device["from"], key)), precision)
        for name, device in devices_of_the_specification().items()
        for key, settings in device["sets"].items()
        for precision in ("fp32", "int8")
    }
    rows = all_rows(data.parent, {row.name for row in load_profile("pixel4").measurements})
    for each in LITERATURE:
        found = rows[sets[each.name, each.configuration]]
        for row in load_profile(each.label).measurements:
            assert (row.ms, row.spread_ms) == found[row.name], (each.label, row.name)


def devices_of_the_specification() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(SPECIFICATION.read_text())["devices"]
    return found


# Where a profile runs out


def test_resolutions_left_out_err_by_less_than_five_percent_and_are_covered() -> None:
    found = [each for shelved in LITERATURE for each in left_out(load_profile(shelved.label), "a resolution")]
    assert len(found) > 300
    assert np.mean([each.error for each in found]) < 0.05
    assert 0.85 <= np.mean([each.covered for each in found]) <= 0.95


def test_few_of_the_default_space_lie_beyond_what_pixel4_and_others_measured() -> None:
    space, profile = load_space("separable"), load_profile("pixel4")
    scores = nas.costs(space, space.sample(np.random.default_rng(0), 1500), profile)
    small = scores.macs < 300e6
    assert np.mean(~scores.in_range[small]) < 0.1
    assert scores.latency_high_ms is not None
    assert np.all(scores.latency_high_ms > scores.latency_ms)


def test_intervals_widen_where_a_network_is_unlike_the_measured() -> None:
    profile = load_profile("pixel4")
    forecast = predictor(profile)

    def width(notation: str) -> float:
        found = forecast(Architecture.from_notation(notation))
        return found.high / found.ms - 1

    known = width(profile.measurements[0].architecture.notation)
    odd = width("224x3 conv3/2-32 mb7e6/2-256x3 mb7e6/2-256x3 fc10")
    assert odd > 1.5 * known


def test_networks_beyond_a_profile_but_within_others_are_covered_on_a_device_that_measured_them() -> None:
    """Linear models of 20 networks within pixel4's own shapes, on host_x86, which measured the space all over."""
    ground = predictor(load_profile("pixel4")).ground
    host = load_profile("host_x86:1t_fp32")
    rows = [replace(row, layers_ms=()) for row in host.measurements]
    own = [row for row in rows if not outside(row.architecture, replace(ground, borrows=False))]
    borrowed = [row for row in rows if row not in own and not outside(row.architecture, ground)]
    assert len(borrowed) > 20
    rng, covered = np.random.default_rng(0), list[bool]()
    for _ in range(4):
        chosen = tuple(own[index] for index in rng.permutation(len(own))[:20])
        forecast = predictor(replace(host, measurements=chosen, layer_times=()))
        found = [(forecast(row.architecture), row.ms) for row in borrowed]
        covered += [each.low <= ms <= each.high for each, ms in found]
    assert np.mean(covered) >= 0.85


@pytest.mark.parametrize(("label", "indices"), [("raspberry_pi4:4t_fp32", (0, 5, 12)), ("pixel4", (0, 4, 6))])
def test_left_out_leverage_is_that_of_a_fit_without_the_network_and_its_twins(
    label: str, indices: tuple[int, ...]
) -> None:
    profile = load_profile(label)
    _, found = fit_linear(profile)
    features, ms, _ = observed(profile)
    for index in indices:
        rest = tuple(row for row, gone in zip(profile.measurements, found.together[index], strict=True) if not gone)
        model, _ = fit_linear(replace(profile, measurements=rest))
        counts = [round(1e6 * value) for value in features[index][:-1]]
        assert 1 + model.leverage(counts, ms[index]) == pytest.approx(1 + found.leverage[index], rel=0.3)
        assert model.milliseconds(counts) == pytest.approx(found.ms[index])


def test_networks_that_cost_the_same_are_left_out_together() -> None:
    profile = load_profile("pixel4")
    names = [row.name for row in profile.measurements]
    together = twins(observed(profile)[0])
    pairs = {(names[a], names[b]) for a, b in zip(*np.nonzero(together), strict=True) if a < b}
    assert pairs == {(f"mobilenet_{width}", f"mobilenetb_{width}") for width in ("w1", "wd2", "wd4")}
    assert twins(np.array([[1.0, 2.0], [1.01, 2.0], [1.01, 2.0]])).sum() == 3  # who would be left to fit?


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_intervals_cover_nine_tenths_of_whole_families_left_out_on_the_shelf(precision: str) -> None:
    chosen = [each.label for each in LITERATURE if each.precision == precision]
    covered = [each.covered for label in chosen for each in left_out(load_profile(label), "a family")]
    assert len(covered) > 800
    assert 0.87 <= np.mean(covered) <= 0.93


# The command and the page


@pytest.mark.parametrize("columns", ["80", "200"])
def test_the_table_names_every_device_in_one_piece(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert call(monkeypatch, "devices") == 0
    shown = capsys.readouterr().out
    for name in known_profiles():
        assert f" {name} " in shown
    assert f"{len(known_profiles())} devices, {len(SHELF)} configurations." in shown
    table = shown.split("\n19 devices")[0].splitlines()
    assert len(table) == 2 + len(known_profiles())
    assert max(map(len, table)) <= int(columns)
    assert ("Snapdragon" in shown) == (columns == "200")


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("name", ["pixel4", "raspberry_pi4", "host_x86"])
def test_every_configuration_can_be_copied(
    columns: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert call(monkeypatch, "devices", f"hardware={name}") == 0
    lines = capsys.readouterr().out.splitlines()
    for each in on_shelf(name):
        assert any(line.startswith(f" {each.configuration} ") for line in lines)


def test_one_device_says_where_its_figures_come_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert call(monkeypatch, "devices", "hardware=raspberry_pi4") == 0
    shown, profile = capsys.readouterr().out, load_profile("raspberry_pi4")
    assert f"without one it is {profile.configuration}." in shown
    for said in (profile.source, profile.license, *profile.notes):
        assert said in shown


def test_json_has_each_configuration(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "devices", "format=json") == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(found) == set(known_profiles())
    (first, *_) = [each for each in found["pixel4"]["configurations"] if each["configuration"] == "1large_fp32"]
    assert first["networks"] == 18
    assert "latency" in first["objectives"]
    assert first["yardstick_ms"] == pytest.approx(27.4, rel=0.02)
    assert not any(isinstance(value, float) and math.isnan(value) for value in first.values())


@pytest.mark.parametrize(("hardware", "rows"), [("iphone7", 3), ("pixel4:3med_fp32", 1)])
def test_one_device_has_a_row_for_each_configuration(hardware: str, rows: int) -> None:
    assert len(on_shelf(hardware)) == rows


def test_a_path_to_a_shipped_folder_is_its_name() -> None:
    found = on_shelf(str(known_profiles()["iphone7"]))
    assert found == on_shelf("iphone7")


def test_a_wrong_name_is_answered_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "devices", "hardware=iphone_sx") == 2
    assert capsys.readouterr().err.rstrip().endswith("Did you mean iphone_xs?")
    with pytest.raises(ProfileError, match="has no configuration"):
        on_shelf("pixel4:9huge")


def test_the_page_is_that_of_the_shelf() -> None:
    assert devices_page.PAGE.read_text(encoding="utf-8") == devices_page.page()
    pictures = {path.stem: path.stat().st_size for path in devices_page.PICTURES.iterdir()}
    assert set(pictures) == set(known_profiles())
    assert sum(pictures.values()) < 1_500_000
    assert (ROOT / "docs" / "devices.md").exists()
