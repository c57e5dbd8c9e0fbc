"""Backbones, embeddings, and the examples that use them."""

import runpy
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from nas.errors import ConfigError
from nas.nets.build import build
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from tests.helpers.paths import ROOT

SMALL = "64x3 conv3/2-8 mb3e3/2-8x2 sep3/2-16 mb3e3/2-24x2 mb3e3/2-32 conv1-64 fc10"


@pytest.mark.parametrize(
    ("name", "channels", "strides"),
    [
        ("mobilenet_v2_w0.25_r64", (8, 8, 24, 1280), (4, 8, 16, 32)),
        (SMALL, (8, 16, 24, 64), (4, 8, 16, 32)),
        ("mobilenet_v1_w0.25_s8_r32", (128, 256), (4, 8)),
    ],
)
def test_maps_have_the_channels_and_strides_that_are_said(
    name: str, channels: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    arch = load_architecture(name)
    net = build(arch, features_only=True).eval()
    assert (net.channels, net.strides) == (channels, strides)
    with torch.no_grad():
        maps = net(torch.randn(2, 3, arch.resolution, arch.resolution))
    size = [arch.resolution // stride for stride in strides]
    assert [tuple(each.shape) for each in maps] == [(2, c, s, s) for c, s in zip(channels, size, strict=True)]


def test_weights_of_a_classifier_fit_and_give_its_features() -> None:
    arch = Architecture.from_notation(SMALL)
    classifier = build(arch).eval()
    images = torch.randn(2, 3, 64, 64)
    backbone = build(arch, features_only=True).eval()
    backbone.load_state_dict(classifier.state_dict(), strict=False)
    embedding = build(arch, head="embedding", embedding=5).eval()
    missing, _ = embedding.load_state_dict(classifier.state_dict(), strict=False)
    assert missing == ["project.weight", "project.bias"]
    with torch.no_grad():
        torch.testing.assert_close(backbone(images)[-1], classifier[: len(arch.blocks)](images))
        vectors = embedding(images)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
        expected = torch.nn.functional.normalize(embedding.project(classifier[:-1](images)))
    torch.testing.assert_close(vectors, expected)


def test_what_cannot_be_built_is_refused() -> None:
    arch = Architecture.from_notation(SMALL)
    with pytest.raises(ConfigError, match="unknown head 'tail'; known: classifier, embedding"):
        build(arch, head="tail")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="features_only has no head"):
        build(arch, features_only=True, head="embedding")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="at least 1 number, got 0"):
        build(arch, head="embedding", embedding=0)
    with pytest.raises(ConfigError, match="no map at strides 4 to 32: its total stride is 2"):
        build(Architecture.from_notation("8x1 conv3/2-8 fc2"), features_only=True)


@pytest.mark.filterwarnings("ignore")  # what torch's exporter warns of itself
@pytest.mark.parametrize(("example", "outputs"), [("backbone", 4), ("embedding", 1)])
def test_the_examples_train_and_export(
    example: str, outputs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.onnx"
    runpy.run_path(str(ROOT / "examples" / f"{example}.py"))["main"](SMALL, str(path))
    assert "loss " in capsys.readouterr().out
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"images": np.zeros((1, 3, 64, 64), np.float32)})
    assert len(found) == outputs
