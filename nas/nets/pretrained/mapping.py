"""From a state dict of others to one of ours: by order, role and shape; whatever does not fit is refused."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from nas.errors import ConfigError
from nas.nets.build import build
from nas.nets.pretrained.known import Known, known
from nas.spaces.architecture import Architecture

COUNTED = "num_batches_tracked"
"""Of batch norms: it has no part in what a network computes here, and files of old lack it."""

Tensors = Mapping[str, Tensor]
_Form = tuple[tuple[str, tuple[int, ...]], ...]

_ORDER = (
    *("conv_stem", "first_conv", "conv_pw", "bn1", "features", "layers", "blocks", "inverted_bottleneck", "expand"),
    *("conv_dw", "depth_conv", "depthwise", "se", "squeeze", "excite", "conv_head", "bn2", "conv_pwl", "bn3"),
    *("point_linear", "project", "pointwise", "feature_mix_layer", "classifier", "fc", "conv", "norm", "bn", "linear"),
    *("weight", "bias", "running_mean", "running_var", COUNTED),
)
"""Parts of names in the order in which networks run them, for files that have no order of their own."""


def in_order(names: Iterable[str]) -> list[str]:
    """Names of timm's, torchvision's or our own networks in the order in which the networks run their parts."""
    names = list(names)
    inverted = {name.split(".conv_pwl.")[0] for name in names if ".conv_pwl." in name}

    def key(name: str) -> list[tuple[int, int, str]]:
        if name.rpartition(".conv_")[0] and not any(name.startswith(f"{block}.") for block in inverted):
            swapped = {"conv_dw": "conv_pw", "conv_pw": "conv_dw"}  # timm's plain separable blocks filter first
            name = ".".join(swapped.get(word, word) for word in name.split("."))
        return [_rank(word) for word in name.split(".")]

    return sorted(names, key=key)


def _rank(word: str) -> tuple[int, int, str]:
    if word.isdigit():
        return 0, int(word), ""
    return 1, _ORDER.index(word) if word in _ORDER else len(_ORDER), word


def recognised(tensors: Tensors) -> Known:
    """The published network of these tensors, with their number of classes.

    Raises:
        ConfigError: they are those of none.
    """
    form = _form(tensors)
    body, classes = _split(form)
    for each, expected in _bodies():
        if expected == body:
            return replace(each, arch=replace(each.arch, classes=classes or each.arch.classes))
    kernels = sum(len(shape) == 4 for _, shape in form)
    raise ConfigError(
        f"its {len(form)} tensors, {kernels} convolutions among them, are in order, role and shape those of no network "
        "known here: MobileNetV1, MobileNetV2, MnasNet, Single-Path NAS, ProxylessNAS, FBNet-C, EfficientNet-Lite; of "
        "others, give a 'notation' beside the 'state_dict'"
    )


def mapped(tensors: Tensors, arch: Architecture) -> tuple[dict[str, Tensor], bool]:
    """The state dict of `build(arch)` that `tensors` are, in fp32, and whether the classifier is theirs.

    Without one it is zero.

    Raises:
        ConfigError: some tensor has another role or shape, or holds what is no finite number.
    """
    with torch.device("meta"):
        empty = build(arch).state_dict()
    given = {name: tensor for name, tensor in tensors.items() if not name.endswith(COUNTED)}
    wanted = [name for name in empty if not name.endswith(COUNTED)]
    head = len(given) == len(wanted)
    if len(given) not in (len(wanted), len(wanted) - 2):
        raise ConfigError(f"it has {len(given)} tensors, where {arch.notation[:60]}… has {len(wanted)}")
    state = {name: torch.zeros(tensor.shape, dtype=tensor.dtype, device="cpu") for name, tensor in empty.items()}
    for name, (theirs, tensor) in zip(wanted, given.items(), strict=False):
        if _last(name) != _last(theirs) or tensor.shape != empty[name].shape:
            found, expected = list(tensor.shape), list(empty[name].shape)
            raise ConfigError(f"{theirs[:60]} {found} is not the {_last(name)} {expected} that {name} is")
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise ConfigError(f"{theirs[:60]} holds what is no finite number")
        state[name] = tensor.detach().float().clone()
    return state, head


@lru_cache(maxsize=1)
def _bodies() -> tuple[tuple[Known, _Form], ...]:
    with torch.device("meta"):
        return tuple((each, _split(_form(build(each.arch).state_dict()))[0]) for each in known())


def _form(tensors: Tensors) -> _Form:
    return tuple((_last(name), tuple(each.shape)) for name, each in tensors.items() if not name.endswith(COUNTED))


def _split(form: _Form) -> tuple[_Form, int | None]:
    """A form without its classifier, and the classes of that, None where it has none."""
    if len(form) > 2 and [(role, len(shape)) for role, shape in form[-2:]] == [("weight", 2), ("bias", 1)]:
        return form[:-2], form[-1][1][0]
    return form, None


def _last(name: str) -> str:
    return name.rpartition(".")[2]
