"""What a network makes of the test images class by class, and the images it gets wrong most surely, as one picture."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.images import Images
from nas.data.survey.row import row_of_images
from nas.exports.files import Reference
from nas.resources import replace_file
from nas.results.member import ByClass, Mistake

PICTURE = ".mistakes.jpg"
"""Of the name of the picture, beside the network's files."""

MOST = 12
"""Images that are kept: as a page shows them, some 25 kB."""


def by_class(file: Path, reference: Reference, images: Images) -> ByClass:
    """What the network of `file` makes of the test split, which `reference` is of.

    The picture is written beside it, where there is a mistake.

    Raises:
        OSError: the picture cannot be written.
    """
    logits = np.concatenate(list(reference.logits))
    right = reference.labels[logits.argmax(1) == reference.labels]
    mistakes = surest_mistakes(logits, reference.labels)
    path = file.with_name(file.name.removesuffix(file.suffix) + PICTURE)
    path.unlink(missing_ok=True)
    if mistakes:
        replace_file(path, row_of_images([images.test.pixels[each.image] for each in mistakes]))
    counts = np.bincount(right, minlength=len(images.classes))
    return ByClass(tuple(counts.tolist()), mistakes, f"{path.parent.name}/{path.name}" if mistakes else None)


def surest_mistakes(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> tuple[Mistake, ...]:
    """The images (n, classes) whose most probable class is not their own, by its probability; at most `MOST`."""
    found = logits.argmax(1)
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    sure = 1 / np.exp(shifted).sum(1)
    wrong = np.flatnonzero(found != labels)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")][:MOST]
    return tuple(Mistake(int(i), int(labels[i]), int(found[i]), round(float(sure[i]), 4)) for i in chosen)
