"""What front.json says of the settings of a run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nas.data.images import Images
from nas.identity import source_version
from nas.nets.pretrained import NONE, absolute, load
from nas.nets.start import FromWeights
from nas.problem import Problem
from nas.reading.plain import readable
from nas.results.costs import DeviceFigure
from nas.results.front import DataFacts, Init, Scalar
from nas.search.evaluations import rung_names
from nas.search.settings import SearchSettings
from nas.spaces.architecture import Architecture


@dataclass(frozen=True, slots=True)
class About:
    """What the result only passes on.

    `proxy` are its settings, `how`, the name of the last rung, and `own_resolution`: the pixels of the networks that
    it sees at its `resolution`.
    """

    seed: int
    data: DataFacts
    sampler: str
    proxy: Mapping[str, Scalar]
    rungs: tuple[str, ...]
    command: str
    init: Init | None = None


def data_facts(settings: SearchSettings, images: Images) -> DataFacts:
    """What there is to learn from."""
    return DataFacts(
        source=settings.data.source,
        path=readable(settings.data.path) if settings.data.path else None,
        classes=tuple(map(readable, images.classes)),
        **{name: len(split) for name, split in images.splits.items()},
        counts={name: {readable(each): n for each, n in split.items()} for name, split in images.counts.items()},
        native_resolution=images.native_resolution,
        left_out=images.left_out,
    )


def about_settings(settings: SearchSettings, problem: Problem, data: DataFacts, command: str) -> About:
    """What to say of these settings; `command` is what makes the run again."""
    rungs = rung_names(settings)
    proxy = {**asdict(settings.proxy), "resolution": settings.proxy_pixels, "how": rungs[-1]}
    proxy |= {"own_resolution": max(problem.space.resolution)}
    return About(settings.seed, data, settings.sampler.name, proxy, rungs, command, init_facts(settings.init))


def init_facts(init: str, arch: Architecture | None = None) -> Init | None:
    """What trainings start from; of `arch`, which may be a network of the family that has weights of its own."""
    if init == NONE:
        return None
    weights = FromWeights.of_family(absolute(init)).own(arch) if arch else load(absolute(init))
    return Init(readable(weights.name), readable(weights.source), weights.licence, weights.taken)


def origin(init: str, arch: Architecture) -> dict[str, Any]:
    """What a file of `arch` says of where its weights come from: what they started from, under which licence, and what
    made them.
    """
    found = init_facts(init, arch)
    start = {"init": asdict(found)} if found else {}
    return {"licence": _licence(found), "version": source_version(), **start}


def latency_facts(figure: DeviceFigure, hardware: str, arch: Architecture) -> dict[str, Any]:
    """What a file of `arch` says of its milliseconds on the device that is called `hardware`."""
    said = {name: getattr(figure, name) for name in ("value", "low", "high", "how", "in_range")}
    return said | {"hardware": hardware, "resolution": arch.resolution}


def _licence(init: Init | None) -> str:
    """Under which terms the weights stand."""
    if init is None:
        return "trained from random weights: what the licence of your images says holds for the weights"
    known = init.licence or "unknown, ask who gave them"
    return f"trained from {init.name}, whose licence is {known}; what the licence of your images says holds too"
