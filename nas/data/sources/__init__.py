"""Where labelled images come from, as uint8 arrays in three splits: one file per source.

The test split is for the final confirmation alone; val is what a search looks at. A split that the
source lacks is carved from train: stratified, and the same for the same seed. Nothing here waits for torch.
"""

from collections.abc import Mapping

from nas.data.catalogue import Source
from nas.data.sources.cifar10 import CIFAR10
from nas.data.sources.digits import DIGITS
from nas.data.sources.fashion_mnist import FASHION_MNIST
from nas.data.sources.hf import HF
from nas.data.sources.imagefolder import IMAGEFOLDER

SOURCES: Mapping[str, Source] = {
    "digits": DIGITS,
    "fashion_mnist": FASHION_MNIST,
    "cifar10": CIFAR10,
    "imagefolder": IMAGEFOLDER,
    "hf": HF,
}
"""Sources by name (conf/data)."""
