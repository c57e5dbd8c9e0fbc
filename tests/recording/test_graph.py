"""The graphs that are measured: the kernels, the cost and the numbers of the networks they stand for."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, shape_inference

from nas.errors import ConfigError
from nas.latency.profile_tables import layer_cells, read_layer
from nas.recording.bundle import graph_bytes
from nas.recording.graph import PRECISIONS, network_graph
from nas.recording.host_timing import time_model
from nas.recording.runner.figures import LEAST_RUNS
from nas.recording.runner.timing import Pace, feeds, open_session, profile
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.cost import cost
from nas.spaces.layers import Layer, layers
from tests.helpers.recordings import EVERY_OP, SEPARABLE

SAMPLES = [SEPARABLE.architecture(row) for row in SEPARABLE.sample(np.random.default_rng(3), 6)]


def optimised(model: onnx.ModelProto | Path, folder: Path) -> onnx.ModelProto:
    """The graph ONNX Runtime runs."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    content = str(model) if isinstance(model, Path) else model.SerializeToString()
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx")


def kernels(model: onnx.ModelProto) -> Counter[tuple[str, str]]:
    return Counter((node.domain, node.op_type) for node in model.graph.node)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EVERY_OP as users get it: torch's exporter."""
    from nas.exports.onnx_fp32 import export_onnx
    from nas.nets import build

    path = tmp_path_factory.mktemp("exported") / "exported.onnx"
    export_onnx(build(EVERY_OP), EVERY_OP, path, {})
    return path


def test_a_graph_runs_the_kernels_of_the_exported_network(exported: Path, tmp_path: Path) -> None:
    found = kernels(optimised(network_graph(EVERY_OP), tmp_path))
    assert found == kernels(optimised(exported, tmp_path))
    assert found["com.microsoft.nchwc", "Conv"] + found["", "Conv"] + found["com.microsoft", "FusedConv"] == sum(
        layer.op in ("conv", "depthwise") for layer in layers(EVERY_OP)
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_int8_graph_runs_the_kernels_of_the_quantised_network(exported: Path, tmp_path: Path) -> None:
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            rng = np.random.default_rng(0)
            self._images = iter([{"images": rng.standard_normal((1, 3, 48, 48), dtype=np.float32)}])

        def get_next(self) -> Any:
            return next(self._images, None)

    quant_pre_process(exported, tmp_path / "prepared.onnx", skip_symbolic_shape=True)
    quantization.quantize_static(
        tmp_path / "prepared.onnx",
        tmp_path / "int8.onnx",
        Images(),
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )
    assert kernels(optimised(network_graph(EVERY_OP, "int8"), tmp_path)) == kernels(
        optimised(tmp_path / "int8.onnx", tmp_path)
    )


@pytest.mark.parametrize("arch", [*SAMPLES[:3], baseline("mobilenet_v2")], ids=lambda arch: arch.key)
def test_int8_convolutions_are_all_fused(arch: Architecture, tmp_path: Path) -> None:
    found = kernels(optimised(network_graph(arch, "int8"), tmp_path))
    count = Counter(layer.op for layer in layers(arch))
    assert found["com.microsoft", "QLinearConv"] + found["", "QLinearConv"] == count["conv"] + count["depthwise"]
    assert found["com.microsoft", "QLinearAdd"] == count["add"]
    assert found["com.microsoft", "QGemm"] == 1
    assert not {op for _, op in found} & {"Conv", "FusedConv", "Add", "Gemm", "Clip", "Relu", "Tile"}


def sizes(model: onnx.ModelProto) -> tuple[int, int]:
    """MACs and stored weights, biases included, of a graph, from the shapes of its tensors."""
    inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    shapes = {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*inferred.graph.value_info, *inferred.graph.output, *inferred.graph.input)
    }
    macs = params = 0
    for node in inferred.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            macs += int(np.prod(shapes[node.output[0]]) * np.prod(shapes[node.input[1]][1:]))
            params += sum(int(np.prod(shapes[name])) for name in node.input[1:])
    return macs, params


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("arch", [EVERY_OP, *SAMPLES], ids=lambda arch: arch.key)
def test_a_graph_costs_what_nas_cost_says(arch: Architecture, precision: str) -> None:
    model = network_graph(arch, precision)
    onnx.checker.check_model(model, full_check=True)
    folded = sum(layer.out_channels for layer in layers(arch) if layer.norm)  # two vectors of a batch norm, one bias
    assert sizes(model) == (cost(arch).macs, cost(arch).params - folded)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("arch", [EVERY_OP, SAMPLES[0]], ids=lambda arch: arch.key)
def test_activations_neither_grow_nor_fade(arch: Architecture, precision: str) -> None:
    model = shape_inference.infer_shapes(network_graph(arch, precision))
    floats = [value for value in model.graph.value_info if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT]
    steps = [value for value in floats if ".weights" not in value.name and ".bias" not in value.name]
    model.graph.output.extend(steps)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((1, 3, arch.resolution, arch.resolution), dtype=np.float32)
    for found in session.run(None, {"images": image}):
        largest = np.abs(found).max()
        assert 1e-7 < largest < 30
        assert not ((found != 0) & (np.abs(found) < 1e-30)).any()  # no denormals


def test_graphs_repeat_and_are_small() -> None:
    arch = baseline("mobilenet_v2")
    assert graph_bytes(arch, "fp32") == graph_bytes(arch, "fp32")
    assert network_graph(arch, seed=1) != network_graph(arch)
    assert len(graph_bytes(arch, "int8")) < 200_000


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="precision must be one of fp32, int8, got 'fp16'"):
        network_graph(EVERY_OP, "fp16")


KINDS = list({(layer.op, layer.kernel, layer.activation): layer for layer in layers(EVERY_OP)}.values())


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("layer", KINDS, ids=str)
def test_a_layer_alone(layer: Layer, precision: str, tmp_path: Path) -> None:
    path = tmp_path / "layer.onnx"
    path.write_bytes(graph_bytes(layer, precision))
    session = open_session(path, threads=1)
    (found,) = session.run(None, feeds(session))
    shape = (1, layer.out_channels) + (() if layer.op == "linear" else (layer.out_size,) * 2)
    assert found.shape == shape
    assert np.isfinite(found).all()
    found_kernels = profile(path, 3, Pace(), threads=1)
    assert any(name.startswith("000.") for name, _, _ in found_kernels), found_kernels


def test_a_layer_goes_through_a_table_and_back() -> None:
    for arch in (EVERY_OP, *SAMPLES):
        for layer in layers(arch):
            cells = {key: str(value) for key, value in layer_cells(layer).items()}
            assert read_layer("here", cells) == replace(layer, held=0)


def test_pieces_of_weights_are_small() -> None:
    pieces = [numpy_helper.to_array(tensor) for tensor in network_graph(SAMPLES[0]).graph.initializer]
    assert max(piece.size for piece in pieces) <= 8 * 16 * 49


def test_the_profile_splits_a_network_over_its_layers(tmp_path: Path) -> None:
    for precision in PRECISIONS:
        (tmp_path / "model.onnx").write_bytes(graph_bytes(EVERY_OP, precision))
        found = profile(tmp_path / "model.onnx", 3, Pace(), threads=1)
        assert all(ms >= 0 for _, _, ms in found)
        named = {int(name[:3]) for name, _, _ in found if name[3:4] == "."}
        ops = [layer.op for layer in layers(EVERY_OP)]
        fused = {index for index, op in enumerate(ops) if op == "add"} if precision == "fp32" else set()
        assert named == set(range(len(ops))) - fused


def test_time_model_times_a_graph(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(graph_bytes(EVERY_OP, "fp32"))
    found = time_model(tmp_path / "model.onnx", 48, seconds=0.02)
    assert 0 < found.low <= found.median <= found.high
    assert found.repeats >= LEAST_RUNS
    assert found.runtime == f"onnxruntime {onnxruntime.__version__}"
