"""Where networks are trained, and in which precision."""

import itertools
import os

import pytest
import torch
from torch import nn

from nas.errors import ConfigError
from nas.nets.depthwise import Depthwise
from nas.nets.device import device_of, use_one_gpu
from nas.training.precision import lightning_precision


@pytest.mark.parametrize(("cuda", "expected"), [(None, "32-true"), (True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_bf16_on_gpus_that_compute_in_it(
    cuda: bool | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda is not None)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: cuda)
    used = device_of("auto")
    assert (used.type, lightning_precision("auto", used)) == ("cpu" if cuda is None else "cuda", expected)
    assert (lightning_precision("fp32", used), lightning_precision("bf16", used)) == ("32-true", "bf16-mixed")
    assert lightning_precision("auto", device_of("cpu")) == "32-true"


def test_an_accelerator_is_a_device_or_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [device_of(name).type for name in ("auto", "gpu", "cpu")] == ["cuda", "cuda", "cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [device_of(name).type for name in ("auto", "cpu")] == ["cpu", "cpu"]
    with pytest.raises(ConfigError, match=r"^accelerator=gpu: torch finds no NVIDIA GPU here; use accelerator=auto or"):
        device_of("gpu")
    with pytest.raises(ConfigError, match=r"^unknown accelerator 'tpu'; known: auto, cpu, gpu$"):
        device_of("tpu")


@pytest.mark.parametrize(
    ("count", "before", "expected"),
    [
        *((2, None, ["0", "1", "0"]), (2, "4,GPU-8e2", ["4", "GPU-8e2", "4"])),
        *((1, None, [None] * 3), (1, "3", ["3"] * 3), (0, "", [""] * 3)),
    ],
)
def test_several_gpus_are_dealt_out(
    count: int, before: str | None, expected: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    found = []
    for number in range(3):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before or "")
        if before is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        use_one_gpu(number)
        found.append(os.environ.get("CUDA_VISIBLE_DEVICES"))
    assert found == expected


def test_depthwise_convolutions_without_a_quick_bf16_kernel_stay_fp32() -> None:
    def dtype(net: nn.Module, pixels: int) -> torch.dtype:
        with torch.autocast("cpu", torch.bfloat16):
            return net(torch.randn(2, 8, pixels, pixels))[0].dtype

    nets = {
        (kernel, stride): Depthwise(8, 8, kernel, stride, kernel // 2, groups=8)
        for kernel, stride in itertools.product((3, 5), (1, 2))
    }
    assert {key: dtype(net, 8) for key, net in nets.items()} == {
        (3, 1): torch.bfloat16,
        **dict.fromkeys([(3, 2), (5, 1), (5, 2)], torch.float32),
    }
    assert dtype(nets[3, 1], 2) == torch.float32
    images = torch.randn(2, 8, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        guarded = nets[5, 2](images)
    assert torch.equal(guarded, nets[5, 2](images))
    with torch.no_grad():  # forward alone is fast
        assert {dtype(net, 8) for net in nets.values()} == {torch.bfloat16}
