"""Batches: models for several images, configurations named after them, and how commands choose them."""

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from nas.errors import ProfileError
from nas.latency.profile import at_batch, load_profile
from nas.predict import PredictSettings
from nas.predict import main as predict
from nas.recording.bundle import configuration, plan, write_bundle
from nas.recording.graph import layer_graph, network_graph
from nas.recording.profile_writer import write_profile
from nas.recording.recordings import read_results
from nas.recording.runner.measure import measure
from nas.spaces.layers import layers
from tests.helpers.calls import check_refused
from tests.helpers.recordings import EVERY_OP, TINY, made_up


def outputs(model: bytes) -> list[np.ndarray]:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    feed = {each.name: rng.standard_normal(each.shape, dtype=np.float32) for each in session.get_inputs()}
    return list(session.run(None, feed))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_graphs_take_as_many_images(precision: str) -> None:
    assert outputs(network_graph(EVERY_OP, precision, batch=3).SerializeToString())[0].shape == (3, 10)
    for layer in dict.fromkeys(layers(EVERY_OP)):
        found = outputs(layer_graph(layer, precision, batch=2).SerializeToString())[0]
        assert found.shape[:2] == (2, layer.out_channels), layer


def test_a_batch_of_one_is_the_graph_that_it_was() -> None:
    assert network_graph(EVERY_OP, batch=1) == network_graph(EVERY_OP)
    assert configuration(1, "fp32", batch=1) == configuration(1, "fp32")
    assert configuration(2, "int8", (0, 1), batch=8)["name"] == "2t_int8_cores0-1_b8"


def test_both_batches_are_measured_side_by_side(tmp_path: Path) -> None:
    ways = [configuration(1, "fp32"), configuration(1, "fp32", batch=4)]
    planned = plan(TINY, 0, 0.001, ways)
    planned["chunks"] = [planned["chunks"][0][:1]]
    write_bundle(tmp_path, planned)
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"fp32", "fp32_b4"}
    measure(json.loads((tmp_path / "plan.json").read_text()), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    batches = {row["configuration"]: row.get("batch", 1) for row in rows if row["type"] == "begin"}
    assert batches == {"1t_fp32": 1, "1t_fp32_b4": 4}
    assert {row["configuration"] for row in rows if row["type"] == "burst"} == set(batches)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A profile with two configurations alike but for the batch."""
    for number, batch in enumerate((1, 8)):
        path = made_up(tmp_path / f"{number}.jsonl", configuration(1, "fp32", batch=batch), count=60)
        write_profile(tmp_path / "box", read_results(path))
    return tmp_path / "box"


def test_a_profile_is_chosen_by_its_batch(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_profile(box).batch == 1
    assert load_profile(at_batch(box, 8)).configuration == "1t_fp32_b8"
    assert load_profile(at_batch(f"{box}:1t_fp32_b8", 1)).configuration == "1t_fp32"
    assert at_batch(box, None) == str(box)
    with pytest.raises(ProfileError, match=r"like it at batch 4; known: 1t_fp32, 1t_fp32_b8\. Measure"):
        at_batch(box, 4)
    network = load_profile(box).measurements[0].architecture.notation
    predict(PredictSettings(str(box), network, "text", batch=8), None)
    predict(PredictSettings(str(box), network, "text"), None)
    many, one = capsys.readouterr().out.splitlines()
    assert " ms for 8 images (90 %" in many
    assert "images" not in one


@pytest.mark.parametrize("batch", ["0", "[]", "[1,-8]", "5000"])
def test_a_wrong_batch_is_refused(
    batch: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refused(monkeypatch, capsys, "record", ("hardware=x", f"batch={batch}"), "batch must be from 1 to 1024")
