"""What holds for any format that is added to `EXPORTERS`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from nas.errors import NasError
from nas.exports import EXPORTERS
from nas.exports.base import TrainedNetwork
from nas.exports.files import lacks, write_file
from nas.exports.int8.ladder import ANY, Asked
from nas.exports.lite.file import tflite_metadata
from tests.helpers.networks import ARCH, noise, trained_like

TRAINED_AT = 32
METADATA = {"key": ARCH.key, "macs": "12345", "classes": ["a", "ß"], "latency_ms": {"value": 1.5, "low": 1.4}}


def onnx_metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


READERS: Mapping[str, Callable[[Path], Mapping[str, str]]] = {"onnx": onnx_metadata, "tflite": tflite_metadata}
"""What reads the metadata of a file, by its format; others are not added to."""

HERE = [name for name, exporter in EXPORTERS.items() if lacks(exporter) is None]
RUNNING = [name for name in HERE if EXPORTERS[name].open is not None]
DESCRIBED = [name for name in RUNNING if EXPORTERS[name].describe is not None]
TIMED = [name for name in RUNNING if EXPORTERS[name].time is not None]


def trained(net: nn.Module, batch: int | None = None) -> TrainedNetwork:
    return TrainedNetwork(net, ARCH, TRAINED_AT, METADATA, lambda: noise(40), batch, Asked(ANY))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return trained_like(ARCH).eval()


@pytest.fixture(scope="module")
def files(net: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each format, by its name."""
    folder = tmp_path_factory.mktemp("models")
    written: dict[str, Path] = {}
    for name in HERE:
        exporter = EXPORTERS[name]
        path = folder / f"{ARCH.key}{exporter.suffix}"
        exporter.write(trained(net), path, dict(written))
        written[name] = path
    assert set(folder.iterdir()) == set(written.values())  # nothing beside them
    return written


def test_formats_and_their_files_have_names_of_their_own() -> None:
    assert len({exporter.suffix for exporter in EXPORTERS.values()}) == len(EXPORTERS)
    assert len({(exporter.format, exporter.precision) for exporter in EXPORTERS.values()}) == len(EXPORTERS)
    assert EXPORTERS["onnx"] == next(iter(EXPORTERS.values()))  # in fp32: others are compared with it
    assert EXPORTERS["onnx"].required


@pytest.mark.parametrize("name", [name for name in EXPORTERS if name not in HERE] or ["none"])
def test_what_is_not_installed_is_named_with_its_remedy(name: str, net: nn.Module, tmp_path: Path) -> None:
    exporter = replace(EXPORTERS["onnx"], needs="no_such_package", extra="odd") if name == "none" else EXPORTERS[name]
    with pytest.raises(NasError, match=rf"needs {exporter.needs}: pip install 'sepconv-nas\[{exporter.extra}\]'$"):
        write_file(exporter, trained(net), tmp_path / "net", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", RUNNING)
class TestEveryExporterThatRunsHere:
    """A file runs like the network it is of."""

    def test_a_file_runs_at_any_batch_and_at_its_pixels_alone(self, name: str, files: dict[str, Path]) -> None:
        run = EXPORTERS[name].open(files[name])
        for batch in (noise(1), noise(3), noise(50)):
            assert run(batch).shape == (len(batch), ARCH.classes)
        with pytest.raises(Exception, match=r"."):  # each runtime has its own
            run(noise(3, pixels=ARCH.resolution))

    def test_a_batch_may_be_fixed(self, name: str, files: dict[str, Path], net: nn.Module, tmp_path: Path) -> None:
        exporter, path = EXPORTERS[name], tmp_path / "net"
        earlier = {"onnx": tmp_path / "earlier"}
        EXPORTERS["onnx"].write(trained(net, batch=2), earlier["onnx"], {})
        exporter.write(trained(net, batch=2), path, earlier)
        assert exporter.open(path)(noise(2)) == pytest.approx(exporter.open(files[name])(noise(2)), abs=1e-4)

    def test_a_file_agrees_with_torch(self, name: str, files: dict[str, Path], net: nn.Module) -> None:
        images = noise(200)
        with torch.no_grad():
            expected = net(torch.from_numpy(images)).numpy()
        got = EXPORTERS[name].open(files[name])(images)
        assert np.corrcoef(expected.ravel(), got.ravel())[0, 1] > 0.97
        differing = (expected.argmax(1) != got.argmax(1)).mean()
        assert differing <= (0.15 if EXPORTERS[name].disagreement is None else EXPORTERS[name].disagreement)


@pytest.mark.parametrize("name", DESCRIBED)
class TestEveryExporterThatTells:
    """A file says which network it is of."""

    def test_a_file_says_what_it_is(self, name: str, files: dict[str, Path]) -> None:
        exporter = EXPORTERS[name]
        said = READERS[exporter.format](files[name])
        how = {"int8"} if exporter.precision == "int8" else set()
        assert {key: text for key, text in said.items() if key not in how} == {
            **{key: value if isinstance(value, str) else json.dumps(value) for key, value in METADATA.items()},
            "precision": exporter.precision,
        }
        assert how <= said.keys()

    def test_what_a_file_says_is_added_to_and_replaced(self, name: str, files: dict[str, Path], tmp_path: Path) -> None:
        exporter, path = EXPORTERS[name], tmp_path / files[name].name
        path.write_bytes(files[name].read_bytes())
        before = exporter.open(path)(noise(3))
        exporter.describe(path, {"classes": ["c"], "accuracy": {"value": 0.5}})
        said = READERS[exporter.format](path)
        assert said == {**READERS[exporter.format](files[name]), "classes": '["c"]', "accuracy": '{"value": 0.5}'}
        assert (exporter.open(path)(noise(3)) == before).all()


@pytest.mark.parametrize("name", TIMED)
def test_a_file_is_timed_here(name: str, files: dict[str, Path]) -> None:
    found = EXPORTERS[name].time(files[name], TRAINED_AT)
    assert 0 < found.low <= found.median <= found.high
    assert (found.threads, found.repeats > 0) == (1, True)


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_network_that_gives_no_numbers_leaves_no_file(name: str, tmp_path: Path) -> None:
    broken = trained_like(ARCH)
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    with pytest.raises((NasError, KeyError)):
        EXPORTERS[name].write(trained(broken), tmp_path / "net", {})
    assert list(tmp_path.iterdir()) == []
