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


def precisions_of_devices() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for label in known_configurations():
        profile = load_profile(label)
        found.setdefault(profile.name, set()).add(profile.precision)
    return found


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("arch", [COMMON, TINY], ids=["common", "tiny"])
def test_every_device_is_told_as_it_is_predicted(arch: Architecture, precision: str) -> None:
    seen, of_precision, known = [], 0, precisions_of_devices()
    for device, label, ms, interval, error in on_shelf(arch, (), precision).rows:
        profile = load_profile(label)
        expected = latency(arch, profile)
        assert profile.device == device
        assert ms == f"{expected.ms:.3g}{'' if expected.in_range else '*'}"
        assert interval == f"{expected.low:.3g} to {expected.high:.3g}"
        assert 0 < float(error) < 30
        seen.append(profile.name)
        of_precision += profile.precision == precision
        assert profile.precision == precision or precision not in known[profile.name]
    assert sorted(seen) == sorted(known)
    assert of_precision > len(seen) / 2


def test_the_devices_of_the_run_come_first_and_each_has_a_row() -> None:
    labels = [row[1] for row in on_shelf(COMMON, ["raspberry_pi4", "pixel4"], "int8").rows]
    assert [label.partition(":")[0] for label in labels[:2]] == ["pixel4", "raspberry_pi4"]
    assert len({label.partition(":")[0] for label in labels}) == len(labels)


def cells(found: OnShelf) -> list[tuple[str, str]]:
    """Milliseconds and interval of every row."""
    return [(ms, interval) for _, _, ms, interval, _ in found.rows]


def test_what_is_extrapolated_is_counted_and_marked() -> None:
    common, tiny = on_shelf(COMMON, (), "fp32"), on_shelf(TINY, (), "fp32")
    marked = [ms for ms, _ in cells(common) if ms.endswith("*")]
    assert len(marked) < len(cells(common)) / 2
    assert common.title.endswith(f"; extrapolated on {len(marked)}" if marked else "predicted")
    assert tiny.title.endswith("; extrapolated on all")
    assert "too narrow to rely on" in tiny.legend


def test_a_network_of_layers_that_were_not_measured_has_no_figure_there() -> None:
    gated = on_shelf(load_architecture("mobilenet_v3_small"), (), "fp32")
    assert set(cells(gated)) == {("not measured", "")}
    assert gated.title.endswith("predicted; no figure on all")
    assert "no measurement of an op" in gated.legend
    assert "no measurement of an op" not in on_shelf(COMMON, (), "fp32").legend


def test_every_member_has_the_table_and_the_page_stays_small() -> None:
    front = sample_front(12)
    page = report_html(front, sample_trials(3000))
    networks = {member.key for member in (*front.confirmed, *front.front)}
    assert page.count('<details class="shelf">') == len(networks)
    assert page.count(">raspberry_pi4:4t_fp32<") == len(networks)
    assert len(page.encode()) < MOST_BYTES
