"""int8 files: real QDQ nodes, any batch and size, close to the fp32 they were made from."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from nas.errors import NasError
from nas.exports.onnx_file import describe_onnx, open_onnx, time_onnx
from nas.exports.onnx_fp32 import export_onnx
from nas.exports.onnx_int8 import BATCH, quantize
from tests.helpers.networks import ARCH, noise, trained_like


@pytest.mark.parametrize(("activation", "se"), [("relu6", 0), ("hswish", 0.25)])
def test_int8_is_close_to_fp32_at_any_batch_and_size(tmp_path: Path, activation: str, se: float) -> None:
    blocks = tuple(replace(b, activation=activation, se=se if b.op != "conv" else 0) for b in ARCH.blocks)
    arch, full, small = replace(ARCH, blocks=blocks), tmp_path / "net.onnx", tmp_path / "net.int8.onnx"
    export_onnx(trained_like(arch), arch, full, {"key": arch.key, "classes": ["a", "ß"]}, trained_at=32)
    quantize(full, small, noise(BATCH + 8))
    assert {path.name for path in tmp_path.iterdir()} == {"net.onnx", "net.int8.onnx"}
    fp32, int8 = open_onnx(full), open_onnx(small)
    for batch in (noise(1), noise(3), noise(50), noise(3, pixels=64)):
        expected, got = fp32(batch), int8(batch)
        assert got.shape == expected.shape
        assert np.corrcoef(expected.ravel(), got.ravel())[0, 1] > 0.97
    model = onnx.load(small)
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        entry.key: entry.value for entry in onnx.load(full).metadata_props
    }


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_files_in_a_folder_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    full, small = folder / "net.onnx", folder / "net.int8.onnx"
    export_onnx(trained_like(ARCH), ARCH, full, {"key": ARCH.key}, trained_at=32)
    quantize(full, small, noise(BATCH))
    assert {path.name for path in folder.iterdir()} == {"net.onnx", "net.int8.onnx"}
    for path in (full, small):
        describe_onnx(path, {"more": "1"})
        assert open_onnx(path)(noise(2)).shape == (2, ARCH.classes)
        assert time_onnx(path, 32).repeats > 0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """`ARCH` in fp32 and in int8."""
    folder = tmp_path_factory.mktemp("files")
    full, small = folder / "net.onnx", folder / "net.int8.onnx"
    export_onnx(trained_like(ARCH), ARCH, full, {"a": "1", "b": {"c": 2}}, trained_at=32)
    quantize(full, small, noise(16))
    return full, small


def test_convolutions_read_int8_weights_with_a_scale_per_channel(files: tuple[Path, Path]) -> None:
    full, small = files
    model = onnx.load(small)
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made = {output: node for node in model.graph.node for output in node.output}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 1 + 2 + 3 + 3 + 1
    for node in convolutions:
        pixels, weights = made[node.input[0]], made[node.input[1]]
        assert (pixels.op_type, weights.op_type) == ("DequantizeLinear", "DequantizeLinear")
        assert constants[pixels.input[2]].dtype == np.uint8
        values, scales = constants[weights.input[0]], constants[weights.input[1]]
        assert values.dtype == np.int8
        assert scales.shape == (len(values),)
    assert not {"Clip", "Relu"} & {node.op_type for node in model.graph.node}  # the range of what is quantised
    assert small.stat().st_size < full.stat().st_size


def test_metadata_are_added_and_replaced(files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(files[0].read_bytes())
    describe_onnx(path, {"b": [3], "d": "4"})
    assert {entry.key: entry.value for entry in onnx.load(path).metadata_props} == {"a": "1", "b": "[3]", "d": "4"}


def test_a_model_without_anything_to_quantise_is_refused(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Tanh", ["images"], ["logits"])],
        "identity",
        [value("images", onnx.TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [value("logits", onnx.TensorProto.FLOAT, ["batch", 3, 8, 8])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(NasError, match=r"^small\.onnx: the quantiser left no operation in int8$"):
        quantize(tmp_path / "net.onnx", tmp_path / "small.onnx", noise(2, pixels=8))
    assert not (tmp_path / "small.onnx").exists()
