"""Where labelled images come from, as uint8 arrays in three splits: one file per source.

The test split is for the final confirmation alone; val is what a search looks at. A split that the
source lacks is carved from train: stratified, and the same for the same seed. Nothing here waits for torch.
"""

from nas.training.images import Images, open_saved
from nas.training.sources.reading import SOURCES, Description, describe, prepare
from nas.training.sources.settings import DataSettings

__all__ = ["SOURCES", "DataSettings", "Description", "Images", "describe", "open_saved", "prepare"]
