"""`data=imagefolder`: your own images, one folder per class; the layouts are those of `nas.data.folders`."""

from nas.data.catalogue import Catalogue, Source, SourceSettings, folder_of
from nas.data.folders import list_images


def imagefolder(settings: SourceSettings) -> Catalogue:
    """The image files <class>/<image> of a folder, or train/<class>/<image> with val/ and test/ beside it.

    Raises:
        DataError: the folder is missing or inconsistent.
    """
    folder = folder_of(settings)
    listing = list_images(folder)
    return Catalogue(
        name=str(folder),
        classes=listing.classes,
        labels={split: files.labels for split, files in listing.splits.items()},
        open=lambda: lambda split, i: listing.splits[split].paths[i],
        stamps=listing.stamps,
        left_out=listing.left_out,
    )


IMAGEFOLDER = Source(imagefolder, path="required", path_help="data.path=FOLDER, a folder with one folder per class")
