"""Our files of weights: read back whole, and refused in one line where they are anything else."""

import json
from pathlib import Path

import pytest
import torch

from nas.errors import RunError
from nas.nets.build import build
from nas.nets.safetensors_file import read_safetensors, write_safetensors
from tests.helpers.networks import ARCH, trained_like


def test_weights_are_read_back(tmp_path: Path) -> None:
    path, net = tmp_path / "net.safetensors", trained_like(ARCH)
    write_safetensors(path, net.state_dict(), {"notation": ARCH.notation, "ß": "é"})
    state, beside = read_safetensors(path)
    assert list(state) == list(net.state_dict())
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in state.items())
    assert all(tensor.dtype == net.state_dict()[name].dtype for name, tensor in state.items())
    assert beside == {"notation": ARCH.notation, "ß": "é"}
    build(ARCH).load_state_dict(state)


def test_the_library_reads_them(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.torch", reason="pip install safetensors")
    write_safetensors(tmp_path / "net.safetensors", trained_like(ARCH).state_dict(), {"a": "b"})
    found = library.load_file(tmp_path / "net.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in trained_like(ARCH).state_dict().items())


def header(text: str, length: int | None = None) -> bytes:
    return (len(text) if length is None else length).to_bytes(8, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        header("[]"),
        header("{"),
        header("{}", 2**62),
        header("[" * 100_000),
        header(json.dumps({"a": 1})),
        header(json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})),
        header(json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})) + bytes(8),
        header(json.dumps({"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}})) + bytes(8),
        header(json.dumps({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}})) + bytes(8),
        header(json.dumps({"__metadata__": {"a": 1}})),
    ],
)
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"net\.safetensors is no file of weights \(.*\); restore it$") as caught:
        read_safetensors(path)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
