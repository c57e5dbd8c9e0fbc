"""Whether images are fit for a search, and what would make them fitter."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nas.data.images import imbalance, unjudged
from nas.data.prepare import UNREADABLE_LIMIT
from nas.data.survey.survey import Survey, leaked
from nas.reading.words import listed, short

FEW_TRAINING, FEW_JUDGED = 20, 200
_PLENTY = 1000  # photographs of a class, from which on a search from random weights is worth a try
_LARGE = 96  # pixels, from which on images are photographs
_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """What is the matter and what can be done; of those that `stop` a search each is reason enough."""

    stops: bool
    text: str
    remedy: str


def findings(survey: Survey) -> list[Finding]:
    """What to look at before a search, that which stops it first."""
    found = [*_obstacles(survey), *_copies(survey), *_few(survey), *_odd(survey)]
    return sorted(found, key=lambda each: not each.stops)


def verdict(found: list[Finding]) -> str:
    """Fit or not, in one sentence."""
    stops = sum(each.stops for each in found)
    if stops:
        return f"not fit for a search: {found[0].text}; {found[0].remedy}"
    if not found:
        return "fit for a search"
    return f"fit for a search, with {len(found)} {'thing' if len(found) == 1 else 'things'} to look at first"


def _obstacles(survey: Survey) -> Iterator[Finding]:
    images = sum(survey.images.values())
    asked = images + survey.unreadable
    if survey.unreadable > UNREADABLE_LIMIT * asked:
        yield Finding(True, f"{survey.unreadable} of {asked} images cannot be read", "get them again")
    for split, count in survey.images.items():
        if not count:
            yield Finding(True, f"no image of {split} can be read", "add images")
    if empty := [name for name, count in survey.counts["train"].items() if not count]:
        yield Finding(True, f"no training image of {listed(map(short, empty), 120)}", "add images, or remove the class")
    needs = survey.needs
    if images > needs.most_images:
        yield Finding(
            True,
            f"{images} images of {needs.stored[-1]} pixels take more than may be kept",
            f"set data.limit={needs.most_images * 2 // 3}",
        )


def _copies(survey: Survey) -> Iterator[Finding]:
    across = {split: count for split, count in leaked(survey.duplicates).items() if count}
    if across:
        counts = " and ".join(f"{count} image{'s' * (count > 1)} of {split}" for split, count in across.items())
        verb = "is" if sum(across.values()) == 1 else "are"
        remedy = "look at them with out=FILE.html, and remove the copies, which format=json lists"
        carved = ", before splits are carved anew" if set(across) & set(survey.carved) else ""
        yield Finding(
            False,
            f"{counts} {verb} also in an earlier split, or look alike: accuracy is overstated",
            f"{remedy}{carved}",
        )
    if torn := sum(len(each.classes) > 1 for each in survey.duplicates):
        yield Finding(
            False,
            f"{torn} {'image is' if torn == 1 else 'images are'} in several classes at once, or look alike there",
            "decide on one class for each, or remove them",
        )


def _few(survey: Survey) -> Iterator[Finding]:
    train = survey.counts["train"]
    fewest = min(train, key=lambda name: train[name])
    if 0 < train[fewest] < FEW_TRAINING:
        yield Finding(
            False,
            f"few training images: {train[fewest]} of {short(fewest)}",
            "add images, or start from pretrained weights with init=efficientnet_lite0",
        )
    for split in ("val", "test"):
        count = survey.images[split]
        if 0 < count < FEW_JUDGED:
            points = 100 * 1.96 * math.sqrt(0.09 / count)
            yield Finding(
                False,
                f"{split} has {count} images, which tell an accuracy of 90 % to ±{points:.0f} points",
                f"add images, or raise data.{split}_fraction" if split in survey.carved else f"add images to {split}",
            )
    if any(train.values()) and (uneven := imbalance(train)):
        yield Finding(False, uneven, "add images of the small classes")
    if (unseen := unjudged(survey.counts)) and all(survey.images.values()):
        text, _, remedy = unseen.rpartition("; ")
        yield Finding(False, text, remedy)


def _odd(survey: Survey) -> Iterator[Finding]:
    images = sum(survey.images.values())
    left_out = sum(each.count for each in survey.left_out)
    if left_out > _SHARE * images:
        yield Finding(False, f"{left_out} files take no part", "see what they are, above")
    if survey.long > _SHARE * images:
        yield Finding(
            False,
            f"{survey.long} images are more than twice as long as high or wide: their centre square is less than half",
            "crop them to what matters",
        )
    if survey.needs.native_resolution >= _LARGE and images < _PLENTY * len(survey.counts["train"]):
        yield Finding(
            False,
            "photographs, and not many of a class",
            "start from pretrained weights with init=efficientnet_lite0, 1 or 2",
        )
