"""`data=imagefolder`: your own images, one folder per class; the layouts are those of `nas.data.folders`."""

from pathlib import Path

from nas.data.catalogue import Catalogue
from nas.data.folders import list_images
from nas.data.settings import DataSettings


def imagefolder(settings: DataSettings) -> Catalogue:
    """The image files of a folder, in the split folders it has.

    Raises:
        DataError: the folder is missing or inconsistent.
    """
    listing = list_images(Path(settings.path or "").expanduser())
    return Catalogue(
        name=str(settings.path),
        classes=listing.classes,
        labels={split: files.labels for split, files in listing.splits.items()},
        open=lambda: lambda split, i: listing.splits[split].paths[i],
        stamps=listing.stamps,
    )
