"""Where labelled images come from, as uint8 arrays in three splits: one file per source.

The test split is for the final confirmation alone; val is what a search looks at. A split that the
source lacks is carved from train: stratified, and the same for the same seed. Nothing here waits for torch.
"""

from collections.abc import Callable, Mapping

from nas.data.catalogue import Catalogue
from nas.data.settings import DataSettings
from nas.data.sources.cifar10 import cifar10
from nas.data.sources.digits import digits
from nas.data.sources.fashion_mnist import fashion_mnist
from nas.data.sources.hf import hf
from nas.data.sources.imagefolder import imagefolder

SOURCES: Mapping[str, Callable[[DataSettings], Catalogue]] = {
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "imagefolder": imagefolder,
    "hf": hf,
}
