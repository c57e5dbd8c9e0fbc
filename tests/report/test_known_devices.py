"""What a network's page says of every configuration that ships."""

import pytest

from nas.latency.predictor import latency
from nas.latency.profile import known_configurations, load_profile
from nas.report.blocks import OnShelf
from nas.report.html import MOST_BYTES, report_html
from nas.report.page.shelf import on_shelf
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from tests.helpers.run_sample import sample_front, sample_trials

COMMON = load_architecture("mobilenet_v2")
TINY = Architecture.from_notation("32x1 conv3/2-16 sep3/2-24 sep5/2-32 mb3e3-64 conv1-128 fc10")


@pytest.mark.parametrize("arch", [COMMON, TINY], ids=["common", "tiny"])
def test_every_configuration_is_told_as_it_is_predicted(arch: Architecture) -> None:
    seen = []
    for device, rows in on_shelf(arch, ()).devices:
        full, name = device.split(" · ")
        for configuration, ms, interval, error in rows:
            profile = load_profile(f"{name}:{configuration}")
            expected = latency(arch, profile)
            assert profile.device == full
            assert ms == f"{expected.ms:.3g}{'' if expected.in_range else '*'}"
            assert interval == f"{expected.low:.3g} to {expected.high:.3g}"
            assert 0 < float(error) < 30
            seen.append(profile.label)
    assert sorted(seen) == sorted(known_configurations())


def test_the_devices_of_the_run_come_first_and_the_others_stay_in_order() -> None:
    usual = [device for device, _ in on_shelf(COMMON, ()).devices]
    found = [device for device, _ in on_shelf(COMMON, ["raspberry_pi4", "pixel4"]).devices]
    assert found[:2] == ["Google Pixel 4 · pixel4", "Raspberry Pi 4 Model B with a fan · raspberry_pi4"]
    assert found[2:] == [device for device in usual if device not in found[:2]]


def cells(found: OnShelf) -> list[tuple[str, str]]:
    """Milliseconds and interval of every row."""
    return [(row[1], row[2]) for _, rows in found.devices for row in rows]


def test_what_is_extrapolated_is_counted_and_marked() -> None:
    common, tiny = on_shelf(COMMON, ()), on_shelf(TINY, ())
    marked = [ms for ms, _ in cells(common) if ms.endswith("*")]
    assert len(marked) < len(cells(common)) / 2
    assert common.title.endswith(f"; extrapolated on {len(marked)}" if marked else "predicted")
    assert tiny.title.endswith("; extrapolated on all")
    assert "too narrow to rely on" in tiny.legend


def test_a_network_of_layers_that_were_not_measured_has_no_figure_there() -> None:
    gated = on_shelf(load_architecture("mobilenet_v3_small"), ())
    assert set(cells(gated)) == {("not measured", "")}
    assert gated.title.endswith("predicted; no figure on all")
    assert "no measurement of an op" in gated.legend
    assert "no measurement of an op" not in on_shelf(COMMON, ()).legend


def test_every_member_has_the_table_and_the_page_stays_small() -> None:
    front = sample_front(12)
    page = report_html(front, sample_trials(3000))
    networks = {member.key for member in (*front.confirmed, *front.front)}
    assert page.count('<details class="shelf">') == len(networks)
    assert page.count(">1large1med_fp32<") == len(networks)
    assert len(page.encode()) < MOST_BYTES
