"""Recording: the graphs, the design, results and profiles, and `nas.record` killed, resumed, bundled and imported."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from onnx import numpy_helper, shape_inference

from nas.errors import ConfigError, NasError, ProfileError
from nas.latency.predictor import latency
from nas.latency.profile import layer_cells, load_profile, read_layer
from nas.latency.validation import leave_one_out
from nas.recording.bundle import configuration, graph_bytes, write_bundle
from nas.recording.design import LAYERS, NETWORKS, burst_seconds, chunks, enough_chunks
from nas.recording.devices.reach import run_here
from nas.recording.graph import PRECISIONS, network_graph
from nas.recording.host_timing import time_model
from nas.recording.runner.figures import LEAST_RUNS
from nas.recording.runner.timing import Pace, feeds, open_session, profile
from nas.recording.writer import read_results, write_profile
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import reference
from nas.spaces.cost import cost
from nas.spaces.layers import Layer, layers
from nas.spaces.load import load_space
from tests.helpers.paths import ROOT
from tests.helpers.recordings import PLAN, QUICK, call, check_measured_once, rows_of, start, wait_for

EVERY_OP = Architecture.from_notation(
    "48x3 conv3/2-16 sep3-32 mb3e3/2-24x2 mb5e3-24:hswish:se0.25 mb3e3-24:elu sep3-20:relu sep3-30:nobn conv1-128 fc10"
)
SEPARABLE, TINY = load_space("separable"), load_space("tiny")
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


# Graphs


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EVERY_OP as users get it: torch's exporter."""
    from nas.exports.onnx_fp32 import export
    from nas.nets import build

    path = tmp_path_factory.mktemp("exported") / "exported.onnx"
    export(build(EVERY_OP), EVERY_OP, path, {})
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

    class Images(quantization.CalibrationDataReader):  # type: ignore[misc]
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


@pytest.mark.parametrize("arch", [*SAMPLES[:3], reference("mobilenet_v2")], ids=lambda arch: arch.key)
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
    arch = reference("mobilenet_v2")
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


# What to measure


def networks_of(chunk: Any) -> list[Any]:
    return [planned for planned in chunk if isinstance(planned.model, Architecture)]


def test_the_sequence_is_the_same_for_a_seed_and_new_in_every_chunk() -> None:
    first = list(islice(chunks(SEPARABLE, 4), 3))
    assert first == list(islice(chunks(SEPARABLE, 4), 3))
    assert first != list(islice(chunks(SEPARABLE, 5), 3))
    every = [planned for chunk in first for planned in chunk]
    assert len({planned.id for planned in every}) == len({planned.model for planned in every}) == len(every)
    assert len(every) == 3 * (NETWORKS + LAYERS)


def test_networks_are_of_the_space_spread_and_partly_kept_back() -> None:
    found = [planned for chunk in islice(chunks(SEPARABLE, 0), 5) for planned in networks_of(chunk)]
    assert all(SEPARABLE.contains(planned.model) for planned in found)
    assert Counter(planned.role for planned in found) == {"fit": 8 * 5, "validate": 2 * 5}
    macs = np.array([cost(planned.model).macs for planned in found])
    assert macs[0] == cost(SEPARABLE.smallest(lambda arch: cost(arch).macs)).macs == macs.min()
    edges = np.geomspace(macs.min(), macs.max(), 6)
    assert (np.histogram(macs, edges)[0] >= 2).all()
    kept = [cost(planned.model).macs for planned in found if planned.role == "validate"]
    assert max(kept) > 10 * min(kept)


def test_layers_alone_are_shapes_that_no_network_before_had() -> None:
    seen: set[Layer] = set()
    for chunk in islice(chunks(SEPARABLE, 1), 3):
        seen |= {replace(layer, held=0) for planned in networks_of(chunk) for layer in layers(planned.model)}
        alone = [planned.model for planned in chunk if isinstance(planned.model, Layer)]
        assert len(alone) == LAYERS
        assert not seen & set(alone)
        assert {planned.role for planned in chunk if isinstance(planned.model, Layer)} == {"fit"}
        seen |= set(alone)


def test_a_small_space_is_exhausted() -> None:
    only = replace(
        TINY,
        stages=tuple(
            replace(stage, fields={k: v[:1] for k, v in stage.fields.items()}, depth=(1,)) for stage in TINY.stages
        ),
    )
    found = [planned.id for chunk in chunks(only, 0) for planned in networks_of(chunk)]
    assert 0 < len(found) <= only.size


def test_few_minutes_shorten_the_bursts_and_many_lengthen_the_sequence() -> None:
    assert burst_seconds(20) == burst_seconds(60) == 0.06
    assert burst_seconds(0.05) < 0.05
    assert enough_chunks(60) == pytest.approx(3 * enough_chunks(20), abs=3)
    assert enough_chunks(0.05) == 2


# Timing


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


# Bundles


def models_of(folder: Path) -> set[str]:
    return {path.relative_to(folder / "models").with_suffix("").as_posix() for path in folder.rglob("*.onnx")}


def test_a_bundle_has_the_models_that_its_results_leave(tmp_path: Path) -> None:
    ways = [configuration(1, "fp32"), configuration(2, "fp32"), configuration(1, "int8")]
    planned = {**PLAN, "configurations": ways, "chunks": [chunk[:3] for chunk in PLAN["chunks"]]}
    first, second = ([model["id"] for model in chunk] for chunk in planned["chunks"])
    write_bundle(tmp_path / "a", planned)
    assert models_of(tmp_path / "a") == {f"{kind}/{model}" for kind in ("fp32", "int8") for model in (*first, *second)}

    def done(way: int, models: list[str], seconds: float) -> str:
        name = ways[way]["name"]
        rows = [{"type": "profile", "configuration": name, "id": model, "seconds": seconds} for model in models]
        return "".join(json.dumps(row) + "\n" for row in rows)

    header = {"type": "plan", "schema": 1} | {key: planned[key] for key in ("search_space", "seed", "burst_s")}
    some = json.dumps(header) + "\n" + done(0, first, 0.1) + done(1, second, 0.1) + done(2, second[:1], 0.1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "results.jsonl").write_text(some)
    write_bundle(tmp_path / "b", planned)
    # one thread still lacks the second chunk in fp32, two threads the first
    assert models_of(tmp_path / "a") - models_of(tmp_path / "b") == {f"int8/{second[0]}"}
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "results.jsonl").write_text(some + done(1, first, 0.1) + done(2, first, 1.0))
    write_bundle(tmp_path / "c", planned)
    # the minutes of int8 are used up
    assert models_of(tmp_path / "c") == {f"fp32/{model}" for model in second}
    with pytest.raises(NasError, match="has seed 0, not 1; move it away"):
        write_bundle(tmp_path / "c", {**planned, "seed": 1})


def test_a_failure_of_the_runner_is_one_line(tmp_path: Path) -> None:
    write_bundle(tmp_path, {**PLAN, "chunks": PLAN["chunks"][:1]})
    next((tmp_path / "models" / "fp32").iterdir()).unlink()
    with pytest.raises(NasError, match=r"measuring failed: .*onnx") as caught:
        run_here(tmp_path, lambda line: None)
    assert "\n" not in str(caught.value)


# From results to a profile

MACHINE = {
    **{"cpu": "Fast CPU", "machine": "x86_64", "logical_cores": 2, "governor": "performance", "os": "Linux"},
    **{"python": "3.11", "runtime": "ONNX Runtime", "runtime_version": "1.31.1", "celsius": None, "load": [0, 0, 0]},
    "date": "2026-01-02T03:04:05+00:00",
}


def made_up(path: Path, settings: dict[str, Any], count: int = 16, **machine: Any) -> Path:
    """A results file as of a machine whose time is 1 ns per MAC, plus one model that never settled."""
    about = {**settings, "cores": [0, 1], **MACHINE, **machine}
    name = settings["name"]
    rows: list[dict[str, Any]] = [
        {"type": "plan", "schema": 1, "search_space": "tiny", "seed": 0, "burst_s": 0.1},
        {"type": "begin", "configuration": name, **about},
    ]
    for number, entry in enumerate([entry for chunk in PLAN["chunks"] for entry in chunk][:count]):
        model = Architecture.from_notation(entry["notation"]) if "notation" in entry else None
        ms = cost(model).macs / 1e6 if model else 0.01
        for n in range(20):
            figure = ms * (1 + (n - 9.5) / (20 if number == 1 else 1000))
            burst = {"ms": [figure] * 4, "runs": 9, "kept": 8, "probe_us": 50.0, "seconds": 0.5}
            rows.append({"type": "burst", "configuration": name, "id": entry["id"], **burst})
        nodes = [[f"{i:03d}.conv", "Conv", 0.01 * i] for i in range(len(list(layers(model))) if model else 1)]
        split = {"kernels": [*nodes, ["ReorderOutput", "ReorderOutput", 0.5]], "seconds": 0.1}
        rows.append({"type": "profile", "configuration": name, "id": entry["id"], "model": entry, **split})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_results_become_a_profile(tmp_path: Path) -> None:
    write_profile(tmp_path / "box", read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"))))
    profile = load_profile(tmp_path / "box")
    assert (profile.label, profile.threads, profile.precision, profile.cores) == ("box:1t_fp32", 1, "fp32", "all")
    assert (len(profile.measurements), len(profile.held_out), len(profile.layer_times)) == (7, 2, 6)
    for row in (*profile.measurements, *profile.held_out):
        assert row.name == row.architecture.key
        assert row.ms == pytest.approx(cost(row.architecture).macs / 1e6, rel=1e-3)
        assert row.spread_ms == pytest.approx(1.4826 * 5e-3 * row.ms, rel=0.1)
        assert row.layers_ms == pytest.approx([0.01 * i for i in range(len(list(layers(row.architecture))))])
        assert row.other_ms == 0.5
    assert (tmp_path / "box" / "latency.csv").read_text().startswith("configuration,name,mean_ms,spread_ms,role,")
    facts = yaml.safe_load((tmp_path / "box" / "profile.yaml").read_text())["configurations"]["1t_fp32"]["recorded"]
    assert facts["governor"] == "performance"
    assert facts["unsettled"] == 1
    assert leave_one_out(profile).n == 7
    assert json.dumps(profile.provenance())


def test_rows_of_a_device_that_has_no_probe_are_results_too(tmp_path: Path) -> None:
    path = made_up(tmp_path / "r.jsonl", configuration(1, "fp32"))
    recordings = read_results(path)
    assert read_results(edited(path, lambda rows: [row.pop("probe_us", None) for row in rows])) == recordings
    assert recordings["1t_fp32"].unsettled == 1


def test_a_second_configuration_joins_and_the_same_one_is_replaced(tmp_path: Path) -> None:
    box = tmp_path / "box"
    write_profile(box, read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"))))
    before = load_profile(box)
    write_profile(box, read_results(made_up(tmp_path / "r.jsonl", configuration(2, "int8"))))
    assert load_profile(box) == before
    assert load_profile(f"{box}:2t_int8").measurements[0].architecture == before.measurements[0].architecture
    write_profile(box, read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"), count=9)))
    assert len(load_profile(box).measurements) == 6
    assert len(load_profile(f"{box}:2t_int8").measurements) == 7


def test_another_machine_or_a_shipped_profile_is_not_written_over(tmp_path: Path) -> None:
    box = tmp_path / "box"
    write_profile(box, read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"))))
    other = read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"), cpu="Slow CPU"))
    with pytest.raises(ProfileError, match="was recorded with soc Fast CPU, not Slow CPU; choose another hardware"):
        write_profile(box, other)
    shutil.copytree(ROOT / "hardware_profiles" / "pixel4", tmp_path / "pixel4")
    with pytest.raises(ProfileError, match=r"pixel4 holds a profile that nas\.record did not measure"):
        write_profile(tmp_path / "pixel4", other)


def test_a_recording_too_small_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    small = read_results(made_up(tmp_path / "r.jsonl", configuration(2, "fp32"), count=4))
    large = read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32")))
    with pytest.raises(ProfileError, match="2t_fp32 has 2 networks to fit and 1 models that did not settle; 4 are"):
        write_profile(tmp_path / "box", small | large)
    assert len(load_profile(tmp_path / "box").measurements) == 7
    with pytest.raises(ProfileError, match="has no configuration '2t_fp32'; known: 1t_fp32"):
        load_profile(f"{tmp_path / 'box'}:2t_fp32")


def edited(path: Path, edit: Callable[[list[dict[str, Any]]], Any]) -> Path:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    edit(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda rows: rows.clear(), "r.jsonl: not a results file of this version"),
        (lambda rows: rows[0].update(schema=9), "r.jsonl: not a results file of this version"),
        (lambda rows: rows.insert(3, {"a": 1}), "r.jsonl:4: not a row of nas.record's results"),
        (lambda rows: rows.pop(0), "r.jsonl:1: not a row of nas.record's results"),
        (lambda rows: rows.__delitem__(slice(1, None)), "r.jsonl: nothing was measured yet"),
        (lambda rows: rows.append({**rows[1], "cpu": "Slow CPU"}), "r.jsonl: rows of two machines or runtimes: Fast"),
        (lambda rows: rows[2].pop("ms"), "r.jsonl:3: the burst row lacks 'ms'"),
        (lambda rows: rows[1].pop("cpu"), "r.jsonl:2: the begin row lacks 'cpu'"),
        (lambda rows: rows[22]["model"].pop("notation"), "r.jsonl: the model {'id': "),
        (lambda rows: rows[22]["model"].update(notation="nix"), "r.jsonl: cannot read 'nix'"),
        (lambda rows: rows[22]["model"].update(role="nix"), "r.jsonl: role must be one of fit, validate, got 'nix'"),
    ],
)
def test_wrong_results_are_named(edit: Callable[[list[dict[str, Any]]], Any], message: str, tmp_path: Path) -> None:
    path = edited(made_up(tmp_path / "r.jsonl", configuration(1, "fp32")), edit)
    with pytest.raises(ProfileError) as caught:
        read_results(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# The command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "hardware is not set; give hardware=…"),
        (("hardware=my box",), "hardware must be a name of letters, digits and -_. or a path, got 'my box'"),
        (("hardware=x", "minutes=0"), "minutes must be above 0, got 0"),
        (("hardware=x", "minutes=long"), "minutes: input should be a valid number"),
        (("hardware=x", "threads=0"), "threads must be 1 or more, or a list of such numbers, got 0"),
        (("hardware=x", "threads=[1,4096]"), "threads must be at most"),
        (("hardware=x", "precision=fp16"), "precision: input should be 'fp32' or 'int8', got 'fp16'"),
        (("hardware=x", "precision=[]"), "precision must be fp32, int8, or a list of them, got []"),
        (("hardware=x", "cores=[4096]"), "cores must be among those of this host"),
        (("hardware=x", "cores=[]"), "cores must be a list of cores' numbers, or null for all, got []"),
        (("hardware=x", "seed=-1"), "seed must be 0 or above, got -1"),
        (("hardware=x", "device=phone"), "device: input should be 'host', 'ssh', 'adb' or 'bundle', got 'phone'"),
        (("hardware=x", "search_space=nix"), "unknown search space 'nix'; known: "),
        (("hardware=x", "import=nix.jsonl"), "cannot read the results nix.jsonl: No such file or directory"),
        (("hardware=x", "import=[1]"), "import: input should be a valid string"),
        (("hardware=x", "speed=1"), "unknown setting 'speed'; known: cores, device, "),
        (("hardware=/proc/x", *QUICK[1:]), "cannot make the profile folder /proc/x"),
    ],
)
def test_wrong_settings_are_one_line(
    arguments: tuple[str, ...],
    message: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, *arguments) == 2
    found = capsys.readouterr().err
    assert found.startswith(f"error: {message}")
    assert found.count("\n") == 1
    assert os.listdir(here) == []


def test_stopped_killed_and_resumed_loses_and_repeats_nothing(tmp_path: Path) -> None:
    results = tmp_path / "runs" / "record-my_box" / "results.jsonl"
    process = start(tmp_path)
    wait_for(lambda: len(rows_of(results)) > 5)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert f"python -m nas.record {' '.join(QUICK)}" in errors
    assert "Traceback" not in errors
    stopped = rows_of(results)

    process = start(tmp_path)
    wait_for(lambda: len(rows_of(results)) > len(stopped) + 5)
    os.kill(process.pid, signal.SIGKILL)  # the runner, its child, goes by itself
    process.communicate()
    killed = rows_of(results)
    assert killed[: len(stopped)] == stopped
    assert not (tmp_path / "hardware_profiles" / "my_box" / "profile.yaml").exists()

    process = start(tmp_path)
    output, errors = process.communicate()
    rows = rows_of(results)
    assert rows[: len(killed)] == killed
    read = [json.loads(row) for row in rows]
    check_measured_once(read)
    if process.returncode == 2:  # so busy a machine that too little settled; the rows above are right nevertheless
        assert "networks to fit and" in errors
        return
    assert (process.returncode, errors) == (0, "")
    assert "python -m nas.predict hardware=./hardware_profiles/my_box" in output
    profile = load_profile(tmp_path / "hardware_profiles" / "my_box")
    assert latency(profile.measurements[0].architecture, profile).ms > 0
    assert leave_one_out(profile).n == len(profile.measurements) >= 4


def test_two_commands_do_not_measure_at_once(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from filelock import FileLock

    (here / "runs" / "record-my_box").mkdir(parents=True)
    with FileLock(here / "runs" / "record-my_box" / ".lock"):
        assert call(monkeypatch, *QUICK) == 2
    assert "another nas.record is measuring in runs/record-my_box" in capsys.readouterr().err


def test_a_bundle_runs_anywhere_and_comes_back(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert call(monkeypatch, *QUICK, "device=bundle", "precision=int8") == 0
    assert "python -m nas.record hardware=my_box import=results.jsonl" in capsys.readouterr().out
    zipfile.ZipFile(here / "my_box.bundle.zip").extractall(here / "phone")
    found = {path.name for path in (here / "phone").iterdir()}
    assert found == {"README.txt", "plan.json", "runner.py", "measuring", "models"}
    assert len((here / "phone" / "README.txt").read_text().splitlines()) == 3
    planned = json.loads((here / "phone" / "plan.json").read_text())
    short = {**planned, "chunks": [planned["chunks"][0]], "minutes": 0.001}
    (here / "phone" / "plan.json").write_text(json.dumps(short))
    # -I: neither this project's folder nor PYTHONPATH; and no nas where it is installed
    code = "import runpy, sys; sys.modules['nas'] = None; runpy.run_path('runner.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=here / "phone", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1t_int8: " in done.stdout
    results = here / "phone" / "results.jsonl"
    first = results.read_bytes()
    again = subprocess.run([sys.executable, "-I", "runner.py"], cwd=here / "phone", capture_output=True, text=True)
    assert again.returncode == 0
    assert results.read_bytes() == first  # nothing was left to do
    code = call(monkeypatch, "hardware=my_phone", f"import={results}")
    if code == 2:  # as above
        assert "networks to fit and" in capsys.readouterr().err
        return
    profile = load_profile(here / "hardware_profiles" / "my_phone")
    assert (profile.configuration, profile.precision) == ("1t_int8", "int8")
    names = {entry["id"] for entry in short["chunks"][0]}
    assert {row.name for row in (*profile.measurements, *profile.held_out)} <= names


def test_pieces_of_weights_are_small() -> None:
    pieces = [numpy_helper.to_array(tensor) for tensor in network_graph(SAMPLES[0]).graph.initializer]
    assert max(piece.size for piece in pieces) <= 8 * 16 * 49
