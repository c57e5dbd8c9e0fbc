"""nas.bench: what it measures, and what it says of it."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from nas.recording.graph import file_at, network_graph
from nas.spaces.architecture import Architecture
from tests.helpers.calls import call, check_refused

ARCH = Architecture.from_notation("16x1 conv3/2-8 sep3/2-16 fc10")


@pytest.fixture
def free(here: Path) -> Path:
    """A file that leaves the batch and the pixels free."""
    model = network_graph(ARCH)
    for axis in (0, 2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"n{axis}"
    flat = next(each for each in model.graph.initializer if each.name == "flat")
    flat.CopyFrom(onnx.numpy_helper.from_array(np.array([-1, 16]), "flat"))
    del model.graph.output[0].type.tensor_type.shape.dim[0]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    path = here / "free.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_graphs_take_any_batch(batch: int, precision: str) -> None:
    session = onnxruntime.InferenceSession(network_graph(ARCH, precision, batch=batch).SerializeToString())
    (found,) = session.run(None, {"images": np.zeros((batch, 1, 16, 16), np.float32)})
    assert found.shape == (batch, 10)


def test_free_dimensions_of_a_file_are_fixed(free: Path) -> None:
    session = onnxruntime.InferenceSession(file_at(free.read_bytes(), 2, 24))
    assert session.get_inputs()[0].shape == [2, 1, 24, 24]
    assert session.run(None, {"images": np.zeros((2, 1, 24, 24), np.float32)})[0].shape == (2, 10)


def test_every_combination_is_measured(
    free: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ("seconds=0.01", "format=json")
    asked = (f"arch='{ARCH.notation}'", "precision=[fp32,int8]", "batch=[1,2]")
    assert call(monkeypatch, "bench", *asked, *quick) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["precision"], row["batch"]) for row in rows] == [("fp32", 1), ("int8", 1), ("fp32", 2), ("int8", 2)]
    for row in rows:
        assert row["low"] <= row["ms"] <= row["high"]
        assert row["images_a_second"] == pytest.approx(1000 * row["batch"] / row["ms"])
        assert row["bursts"] >= 1
        assert row["runs"] >= 3
    assert not list(free.parent.glob("[!f]*"))


def test_a_file_is_timed_itself(
    free: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "bench", "arch=free.onnx", "batch=2", "pixels=16", "seconds=0.01") == 0
    said = capsys.readouterr().out
    assert said.startswith("free.onnx on this host, ONNX Runtime ")
    assert "random weights" not in said
    assert "of warm-up" in said


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["arch=resnet"], "unknown network 'resnet'"),
        (["arch=none.onnx"], "none.onnx: cannot be read"),
        (["arch=text.onnx"], "text.onnx: no ONNX file"),
        (["arch=fixed.onnx", "batch=2"], "fixed.onnx: it takes 1 images at a time; give batch=1"),
        (["arch=free.onnx", "precision=int8"], "precision='int8': an ONNX file has its own"),
        (["arch=mobilenet_v2", "threads=999"], "threads must be at most "),
        (["arch=mobilenet_v2", "threads=[]"], "threads x precision x batch must be 1 to 64 combinations, got 0"),
        (["arch=mobilenet_v2", "batch=0"], "batch"),
        (["arch=mobilenet_v2", "seconds=0"], "seconds: input should be greater than 0"),
        (["arch=mobilenet_v2", "device=ssh"], "device=ssh needs host=…"),
        (["arch=mobilenet_v2", "reach.host=pi"], "host goes with device=ssh"),
        (["arch=mobilenet_v2", "device=bundle"], "device: input should be 'host', 'ssh' or 'adb'"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    free: Path,
    arguments: list[str],
    error: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (free.parent / "text.onnx").write_text("no model")
    (free.parent / "fixed.onnx").write_bytes(network_graph(ARCH).SerializeToString())
    check_refused(monkeypatch, capsys, "bench", arguments, error)
