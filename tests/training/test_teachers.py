"""Learning from another network's logits: the loss, and files that can or cannot teach."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper
from scipy import special, stats
from torch import nn

from nas.data.views import ImageView
from nas.errors import ConfigError
from nas.exports.onnx_fp32 import export_onnx
from nas.nets.build import build
from nas.nets.teacher import OnnxTeacher, teacher_digest
from nas.training.distillation import divergence
from nas.training.fit import fit
from nas.training.metrics import judge
from nas.training.module import Classifier
from nas.training.recipe import Distillation, Recipe
from tests.helpers.trainings import PIXELS, RECIPE, SMALL, step, weights

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """A network of random weights, its batch norm in use, and its ONNX file, of 32 pixels."""
    torch.manual_seed(3)
    net = build(SMALL)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    path = tmp_path_factory.mktemp("teacher") / "teacher.onnx"
    export_onnx(net, SMALL, path, {})
    return net, path


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_divergence_is_hintons(temperature: float) -> None:
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(5, 10)), rng.normal(size=(5, 10))
    p, q = (special.softmax(x / temperature, axis=1) for x in (teacher, student))
    expected = temperature**2 * np.mean([stats.entropy(a, b) for a, b in zip(p, q, strict=True)])
    logits = torch.from_numpy(student).float()
    found = divergence(lambda images: torch.from_numpy(teacher), torch.zeros(5, 1, 2, 2), logits, temperature)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert float(divergence(lambda images: logits, torch.zeros(5, 1, 2, 2), logits, temperature)) == pytest.approx(0)


def test_the_loss_mixes_labels_and_teacher(taught: tuple[nn.Module, Path]) -> None:
    net, teacher = copy.deepcopy(taught[0]), copy.deepcopy(taught[0]).train()
    images, labels = torch.randn(8, 1, PIXELS, PIXELS), torch.arange(8)
    recipe = Recipe(1, distillation=Distillation(alpha=0.3, temperature=2.0))
    alone = step(Classifier(net.train(), recipe), images, labels)
    loss = step(Classifier(net.train(), recipe, teacher), images, labels)
    assert not teacher.training
    kl = divergence(teacher, images, net(images), 2.0)
    torch.testing.assert_close(loss, 0.7 * alone + 0.3 * kl)
    loss.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert {id(p) for p in Classifier(net, recipe, teacher).parameters()} == {id(p) for p in net.parameters()}


def test_a_student_comes_nearer_to_its_teacher(pictures: ImageView) -> None:
    data = pictures.at(PIXELS, 16, 0)
    master = fit(SMALL, data, Recipe(epochs=6, batch_size=16, learning_rate=0.2), 1).net
    recipe = Recipe(epochs=3, batch_size=16, learning_rate=0.2, distillation=Distillation(alpha=0.9, temperature=2.0))

    def distance(net: nn.Module) -> float:
        with torch.no_grad():
            return float(np.mean([float(divergence(master, x, net(x), 1.0)) for x, _ in data.val_dataloader()]))

    plain, student = fit(SMALL, data, recipe, 2), fit(SMALL, data, recipe, 2, teacher=master)
    assert distance(student.net) < distance(plain.net)
    val = data.val_dataloader()
    assert judge(student.net, val).loss < judge(plain.net, val).loss


def test_an_onnx_teacher_gives_its_modules_logits(taught: tuple[nn.Module, Path]) -> None:
    net, path = taught
    teacher = OnnxTeacher(path)
    assert (teacher.channels, teacher.classes) == (1, 10)
    images = torch.randn(5, 1, 32, 32).to(memory_format=torch.channels_last)
    with torch.no_grad():
        torch.testing.assert_close(teacher(images), net(images), atol=1e-4, rtol=1e-4)
        small = torch.randn(3, 1, PIXELS, PIXELS)
        resized = F.interpolate(small, (32, 32), mode="bilinear", align_corners=False, antialias=True)
        torch.testing.assert_close(teacher(small.bfloat16()), net(resized), atol=0.05, rtol=0.05)
        torch.testing.assert_close(teacher(small), net(resized), atol=1e-4, rtol=1e-4)


def test_a_recipe_may_name_its_teacher(taught: tuple[nn.Module, Path], few: ImageView) -> None:
    data, options = few.at(PIXELS, 16, 0), {"epochs": 1, "batch_size": 16, "precision": "fp32"}
    named = Recipe(**options, distillation=Distillation(teacher=taught[1]))  # type: ignore[arg-type]
    by_file = fit(SMALL, data, pickle.loads(pickle.dumps(named)), 0)
    given = fit(SMALL, data, Recipe(**options), 0, teacher=OnnxTeacher(taught[1]))  # type: ignore[arg-type]
    assert torch.equal(weights(by_file.net), weights(given.net))
    alone = fit(SMALL, data, Recipe(**options), 0)  # type: ignore[arg-type]
    assert not torch.equal(weights(by_file.net), weights(alone.net))


def test_a_teacher_of_other_classes_or_channels_is_refused(taught: tuple[nn.Module, Path], few: ImageView) -> None:
    data = few.at(PIXELS, 16, 0)
    with pytest.raises(ConfigError, match=r"the teacher gives 3 classes where the data have 10; use a teacher"):
        fit(SMALL, data, RECIPE, 0, teacher=lambda images: torch.zeros(len(images), 3))
    teacher = OnnxTeacher(taught[1])
    with pytest.raises(ConfigError, match="has 10 classes, the data 7; use another one"):
        teacher.require(1, 7)
    with pytest.raises(ConfigError, match="has 1 channels, the data 3; use another one"):
        teacher.require(3, 10)


def saved(path: Path, inputs: list[Any], outputs: list[Any], kind: int = TensorProto.FLOAT) -> Path:
    """An ONNX file that passes its input on, whatever shape it says that has."""
    source, result = helper.make_tensor_value_info("x", kind, inputs), helper.make_tensor_value_info("y", kind, outputs)
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [source], [result])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_a_file_that_cannot_teach_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^there is no teacher '.*none.onnx'; give an ONNX file$"):
        OnnxTeacher(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ConfigError, match=r"^cannot open the teacher '.*text.onnx': [^\n]*$"):
        OnnxTeacher(tmp_path / "text.onnx")
    with pytest.raises(ConfigError, match=r"must have one input, float N x C x H x W, .* got \[\['n', 4\]\]"):
        OnnxTeacher(saved(tmp_path / "flat.onnx", ["n", 4], ["n", 4]))
    with pytest.raises(ConfigError, match="must have one input, float"):
        OnnxTeacher(saved(tmp_path / "bytes.onnx", ["n", 4], ["n", 4], TensorProto.UINT8))


def with_weights_beside(taught: Path, folder: Path) -> Path:
    """The teacher in `folder`, its weights in the file `weights.bin` beside it."""
    folder.mkdir()
    model = onnx.load(taught)
    onnx.save(model, folder / "teacher.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    return folder / "teacher.onnx"


def test_a_teacher_is_its_file_and_the_weights_beside_it(taught: tuple[nn.Module, Path], tmp_path: Path) -> None:
    first, second = (with_weights_beside(taught[1], tmp_path / name) for name in ("a", "b"))
    assert teacher_digest(first) == teacher_digest(second) != teacher_digest(taught[1])
    weights = bytearray((tmp_path / "b" / "weights.bin").read_bytes())
    weights[0] ^= 1
    (tmp_path / "b" / "weights.bin").write_bytes(weights)
    assert second.read_bytes() == first.read_bytes()
    assert teacher_digest(first) != teacher_digest(second)


def test_a_teacher_whose_weights_lie_elsewhere_is_refused(taught: tuple[nn.Module, Path], tmp_path: Path) -> None:
    path = with_weights_beside(taught[1], tmp_path / "a")
    (tmp_path / "a" / "weights.bin").rename(tmp_path / "weights.bin")
    elsewhere = r"^the teacher .* has weights in 'weights\.bin', which is no file in its folder$"
    with pytest.raises(ConfigError, match=elsewhere):
        teacher_digest(path)
    (tmp_path / "a" / "weights.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(ConfigError, match=elsewhere):
        teacher_digest(path)
    for location in ("../weights.bin", str(tmp_path / "weights.bin"), "/etc/passwd", ".", "weights.bin\0"):
        model = onnx.load(path, load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                entry.value = location if entry.key == "location" else entry.value
        (tmp_path / "a" / "other.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(ConfigError, match="teacher"):
            teacher_digest(tmp_path / "a" / "other.onnx")
        with pytest.raises(ConfigError, match="cannot open the teacher"):
            OnnxTeacher(tmp_path / "a" / "other.onnx")


def test_what_is_no_teacher_has_no_digest(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    for name in ("text.onnx", "none.onnx"):
        with pytest.raises(ConfigError, match=f"cannot open the teacher .*{name}"):
            teacher_digest(tmp_path / name)
