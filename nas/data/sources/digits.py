"""`data=digits`: 1,797 scans of handwritten digits, 8 x 8 grey, shipped with scikit-learn.

https://archive.ics.uci.edu/dataset/80
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.catalogue import Catalogue, Source, SourceSettings
from nas.data.splits import Indices

NATIVE_RESOLUTION = 32  # scans of 8 x 8 hold no more


def digits(settings: SourceSettings) -> Catalogue:
    """scikit-learn's digits; they have no splits of their own."""
    pixels, labels = load_digits_images()
    classes = tuple(str(digit) for digit in range(10))
    return Catalogue(
        name="data=digits",
        classes=classes,
        labels={"train": labels},
        open=lambda: lambda split, i: Image.fromarray(pixels[i]),
        stamps=lambda: (),
        channels=1,
        native_resolution=NATIVE_RESOLUTION,
    )


def load_digits_images() -> tuple[NDArray[np.uint8], Indices]:
    """Pixels (uint8, 1797 x 8 x 8, grey 0..255) and labels."""
    from sklearn.datasets import load_digits  # half a second that other sources need not pay

    scans, labels = load_digits(return_X_y=True)
    pixels = np.rint(scans * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)  # grey levels are 0..16
    return pixels, labels.astype(np.int64)


DIGITS = Source(digits, path="none")
