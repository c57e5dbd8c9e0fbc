"""A network layer by layer: parts add up to the whole, as a table, JSON and a picture."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nas.latency.anatomy import anatomy
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.report.anatomy.table import grouped, shares
from nas.spaces.baselines import load_architecture
from nas.spaces.cost import cost
from tests.helpers.calls import call, check_refused
from tests.helpers.processes import python

NETWORKS = ("mobilenet_v2", "mobilenet_v1_w0.5_r160", "64x3 conv3/2-16 mb5e3/2-24x2 conv1-64 fc7")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("hardware", ["pixel4", "pixel4:1large_int8", "host_x86", "host_x86:1t_int8"])
def test_layers_add_up_to_the_network(name: str, hardware: str) -> None:
    arch, profile = load_architecture(name), load_profile(hardware)
    found = anatomy(arch, [profile], profile.precision)
    costs, predicted = cost(arch, profile.precision), latency(arch, profile)
    assert sum(part.layer.macs for part in found.parts) == costs.macs
    assert sum(part.weight_bytes for part in found.parts) == costs.weight_bytes
    assert max(part.activation_bytes for part in found.parts) == costs.peak_activation_bytes
    (device,) = found.devices
    assert device.latency == predicted
    assert sum(part.ms[0] for part in found.parts) + device.beside_ms == pytest.approx(predicted.ms, rel=1e-9)
    assert min(part.ms[0] for part in found.parts) >= 0
    by_kind = shares(found)
    assert sum(each["macs"] for each in by_kind.values()) == pytest.approx(1)
    assert sum(each["params"] for each in by_kind.values()) == pytest.approx(1)


def test_stages_are_those_of_the_paper() -> None:
    found = anatomy(load_architecture("mobilenet_v2"), [])
    stages = dict(grouped(found.parts, "stages"))
    assert list(stages) == [*(f"stage{n}" for n in range(1, 10)), "head"]
    blocks = dict(grouped(found.parts, "blocks"))
    assert [sum(name.startswith(f"stage{n}.") for name in blocks) for n in range(1, 10)] == [1, 1, 2, 3, 4, 3, 3, 1, 1]
    share = shares(found)
    assert share["1x1 convolution"]["macs"] == pytest.approx(0.891, abs=1e-3)
    assert share["classifier"]["params"] == pytest.approx(1281000 / 3504872)
    assert share["standard convolution"]["macs"] == pytest.approx(27 * 32 * 112**2 / 300774272)


def test_the_command_prints_tables_json_and_a_picture(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert call(monkeypatch, "describe", "arch=mobilenet_v2", "hardware=[pixel4,host_x86]") == 0
    table = capsys.readouterr().out
    assert table.startswith("mobilenet_v2: 3 x 224 x 224 in, 1000 classes, 301M MACs, 3.50M params, 14.0 MB of weights")
    assert "stage9" in table
    assert "pixel4:1large_fp32: 27.51 ms" in table
    assert call(monkeypatch, "describe", "arch=mobilenet_v2", "rows=layers", "hardware=null") == 0
    assert capsys.readouterr().out.count("dw 3x3") == 17
    assert call(monkeypatch, "describe", "arch=mobilenet_v2", "format=json", "precision=int8") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["macs"], found["weight_bytes"], len(found["layers"])) == (300774272, 3504872, 64)
    ms = sum(each["latency_ms"]["pixel4:1large_fp32"] for each in found["layers"])
    device = found["latency_ms"]["pixel4:1large_fp32"]
    assert ms + device["beside_layers"] == pytest.approx(device["value"])
    asked = "'64x3 conv3/2-16 sep3-24 fc7'"
    assert call(monkeypatch, "describe", f"arch={asked}", "format=svg", "file=net.svg") == 0
    assert capsys.readouterr().out == "net.svg\n"
    picture = ElementTree.parse(here / "net.svg").getroot()
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"stage1.block1", "head", "MACs", "ms pixel4:1large_fp32"} <= set(texts)
    assert call(monkeypatch, "describe", "arch=mobilenet_v1_w0.25", "format=svg") == 0
    assert (here / "mobilenet_v1_w0.25.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "arch is not set"),
        (["arch=resnet"], "unknown network 'resnet'"),
        (["arch=mobilenet_v2", "hardware=phone"], "unknown hardware 'phone'"),
        (["arch=mobilenet_v2", "hardware=[pixel4,pixel4]"], "hardware must be at most 8 profiles, each once"),
        (["arch=mobilenet_v2", "rows=all"], "rows: input should be 'stages', 'blocks' or 'layers'"),
        (["arch=mobilenet_v2", "open=maybe"], "open: input should be 'yes' or 'no'"),
        (["arch=mobilenet_v2", "format=svg", "file=no/net.svg"], "cannot write no/net.svg: No such file"),
    ],
)
def test_what_cannot_be_described_is_refused(
    here: Path,
    arguments: list[str],
    error: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check_refused(monkeypatch, capsys, "describe", arguments, error)


def test_commands_that_train_nothing_load_no_torch(tmp_path: Path) -> None:
    code = "import sys, nas.describe, nas.bench, nas.predict; print({'torch', 'optuna'} & set(sys.modules))"
    done = python("-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
