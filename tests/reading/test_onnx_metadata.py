"""Metadata of ONNX files: read without the weights, and nothing but a plain error of what is none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from nas.errors import ConfigError
from nas.reading.onnx_metadata import MOST_BYTES, read_metadata
from nas.recording.graph import network_graph
from nas.spaces.architecture import Architecture

TEXTS = {"notation": "16x1 conv3/2-8 fc10", "classes": '["ä", "b"]', "empty": ""}


def content(texts: dict[str, str]) -> bytes:
    model = network_graph(Architecture.from_notation("16x1 conv3/2-8 fc10"))
    helper.set_model_props(model, texts)
    return bytes(model.SerializeToString())


def test_texts_come_back(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    for texts in (TEXTS, {}):
        path.write_bytes(content(texts))
        assert read_metadata(path, ConfigError) == texts


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (b"", "no ONNX file: it is empty"),
        (b"not a model", "no ONNX file"),
        (content(TEXTS)[:-5], "cut short"),
        (content({"big": "x" * (MOST_BYTES + 1)}), "more than 4,000,000 bytes"),
        (b"\xff" * 20, "no protobuf"),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, wrong: bytes, error: str) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(wrong)
    with pytest.raises(ConfigError, match=error) as caught:
        read_metadata(path, ConfigError)
    assert str(caught.value).startswith(str(path))
    with pytest.raises(ConfigError, match="is a folder; give a file"):
        read_metadata(tmp_path, ConfigError)


@given(st.binary(max_size=60), st.integers(0, 300), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, tail: bytes, at: int, to: int) -> None:
    path = tmp_path_factory.mktemp("odd") / "net.onnx"
    changed = bytearray(content(TEXTS))
    changed[-1 - at % len(changed)] = to
    for each in (tail, bytes(changed) + tail):
        path.write_bytes(each)
        try:
            found = read_metadata(path, ConfigError)
        except ConfigError:
            continue
        assert all(isinstance(text, str) for pair in found.items() for text in pair)
