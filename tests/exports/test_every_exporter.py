"""What holds for any format that is added to `EXPORTERS`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from nas.errors import NasError
from nas.exports import EXPORTERS
from nas.exports.base import TrainedNetwork
from tests.helpers.networks import ARCH, noise, trained_like

TRAINED_AT = 32
METADATA = {"key": ARCH.key, "macs": "12345", "classes": ["a", "ß"], "latency_ms": {"value": 1.5, "low": 1.4}}


def onnx_metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


READERS: Mapping[str, Callable[[Path], Mapping[str, str]]] = {"onnx": onnx_metadata}
"""What reads the metadata of a file, by its format."""


def trained(net: nn.Module) -> TrainedNetwork:
    return TrainedNetwork(net, ARCH, TRAINED_AT, METADATA, lambda: noise(40))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return trained_like(ARCH).eval()


@pytest.fixture(scope="module")
def files(net: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each format, by its name."""
    folder = tmp_path_factory.mktemp("models")
    written: dict[str, Path] = {}
    for name, exporter in EXPORTERS.items():
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


@pytest.mark.parametrize("name", EXPORTERS)
class TestEveryExporter:
    """A file runs like the network it is of, and says which that is."""

    def test_a_file_runs_at_any_batch_and_at_both_resolutions(self, name: str, files: dict[str, Path]) -> None:
        run = EXPORTERS[name].open(files[name])
        for batch in (noise(1), noise(3), noise(50), noise(3, pixels=ARCH.resolution)):
            assert run(batch).shape == (len(batch), ARCH.classes)

    def test_a_file_agrees_with_torch(self, name: str, files: dict[str, Path], net: nn.Module) -> None:
        images = noise(200)
        with torch.no_grad():
            expected = net(torch.from_numpy(images)).numpy()
        got = EXPORTERS[name].open(files[name])(images)
        assert np.corrcoef(expected.ravel(), got.ravel())[0, 1] > 0.97
        differing = (expected.argmax(1) != got.argmax(1)).mean()
        assert differing <= (0.15 if EXPORTERS[name].disagreement is None else EXPORTERS[name].disagreement)

    def test_a_file_says_what_it_is(self, name: str, files: dict[str, Path]) -> None:
        exporter = EXPORTERS[name]
        said = READERS[exporter.format](files[name])
        assert said == {
            **{key: value if isinstance(value, str) else json.dumps(value) for key, value in METADATA.items()},
            "precision": exporter.precision,
        }

    def test_what_a_file_says_is_added_to_and_replaced(self, name: str, files: dict[str, Path], tmp_path: Path) -> None:
        exporter, path = EXPORTERS[name], tmp_path / files[name].name
        path.write_bytes(files[name].read_bytes())
        before = exporter.open(path)(noise(3))
        exporter.describe(path, {"classes": ["c"], "accuracy": {"value": 0.5}})
        said = READERS[exporter.format](path)
        assert said == {**READERS[exporter.format](files[name]), "classes": '["c"]', "accuracy": '{"value": 0.5}'}
        assert (exporter.open(path)(noise(3)) == before).all()

    def test_a_file_is_timed_here(self, name: str, files: dict[str, Path]) -> None:
        found = EXPORTERS[name].time(files[name], TRAINED_AT)
        assert 0 < found.low <= found.median <= found.high
        assert (found.threads, found.repeats > 0) == (1, True)

    def test_a_network_that_gives_no_numbers_leaves_no_file(self, name: str, tmp_path: Path) -> None:
        broken = trained_like(ARCH)
        with torch.no_grad():
            next(broken.parameters()).fill_(float("nan"))
        with pytest.raises((NasError, KeyError)):
            EXPORTERS[name].write(trained(broken), tmp_path / "net", {})
        assert list(tmp_path.iterdir()) == []
