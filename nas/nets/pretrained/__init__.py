"""Weights to start from, a file each kind of source."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache

from nas.errors import ConfigError
from nas.nets.pretrained import efficientnet_lite, file, hub
from nas.nets.pretrained.base import Pretrained
from nas.nets.pretrained.reading import SUFFIXES
from nas.reading.words import short
from nas.spaces.load import space_for

NONE = "none"

NAMED: Mapping[str, Callable[[str], Pretrained]] = dict.fromkeys(efficientnet_lite.NETWORKS, efficientnet_lite.load)
"""Networks whose weights a package brings."""

FAMILIES: tuple[tuple[str, ...], ...] = (efficientnet_lite.NETWORKS,)
"""Networks of one kind, each with weights of its own: where a search begins with one, the others are compared with it,
and start from theirs."""

SPACES: Mapping[str, str] = dict.fromkeys(efficientnet_lite.NETWORKS, "lite")
"""The shipped space that is made of the weights."""


_PROVIDED: dict[str, Callable[[], Pretrained]] = {}


def provide(init: str, weights: Callable[[], Pretrained]) -> None:
    """Let `load` of this process ask `weights` for those that `init` names: where they are sent, not installed."""
    _PROVIDED[init] = weights


@lru_cache(maxsize=4)
def load(init: str) -> Pretrained:
    """The weights that `init` names: a network of `NAMED`, hub:NAME, or a file; read once in each process.

    Raises:
        ConfigError: there are none of that name, or they cannot be used.
    """
    if init in _PROVIDED:
        return _PROVIDED[init]()
    if init in NAMED:
        return NAMED[init](init)
    if init.startswith(hub.PREFIX):
        return hub.load(init)
    if not init.endswith(SUFFIXES) and not os.path.exists(os.path.expanduser(init)):
        known = ", ".join((NONE, *NAMED))
        raise ConfigError(f"unknown init {short(init)}; known: {known}, hub:NAME, or a file .pth, .pt, .safetensors")
    return file.load(init)


def auto_space(init: str, pixels: int) -> str:
    """The shipped space that `search_space=auto` is: made of the weights of `init`, or for images of so many pixels."""
    return SPACES.get(init) or space_for(pixels)


def is_file(init: str) -> bool:
    """Whether `init` names a file, and not what is known by name."""
    return not (init == NONE or init in NAMED or init.startswith(hub.PREFIX))


def absolute(init: str) -> str:
    """`init` as `load` takes it in any folder; a file that is not there is as it is."""
    path = os.path.expanduser(init)
    return os.path.abspath(path) if is_file(init) and os.path.exists(path) else init


def family(init: str) -> tuple[str, ...]:
    """`init` and the networks it is one of a kind with."""
    return next((names for names in FAMILIES if init in names), (init,))
