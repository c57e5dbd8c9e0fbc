"""What the settings of a search state, checked as far as can be before any work."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nas.data.prepare import describe
from nas.errors import ConfigError
from nas.exports import require_formats
from nas.latency.profile import HardwareProfile, at_batch, load_profile
from nas.nets.device import device_of
from nas.nets.pretrained import NONE, absolute, auto_space, load
from nas.nets.slices.kept import kept
from nas.nets.teacher import OnnxTeacher
from nas.problem import Problem, on_devices
from nas.proxies.scores import SCORES
from nas.reading.words import short
from nas.recording.devices.target import Target
from nas.resources import names
from nas.search.confirm.baselines import networks_to_compare
from nas.search.confirm.target import DeviceTiming, is_here
from nas.search.evaluations import rung_names
from nas.search.rungs import check_rungs
from nas.search.settings import SearchSettings
from nas.spaces.budget import Budget
from nas.spaces.load import AUTO, load_space


@dataclass(frozen=True, slots=True)
class Checked:
    """What the settings ask for: `timing` measures the confirmed networks in the end, None where nothing does.

    `pixels` is the images' native resolution.
    """

    problem: Problem
    timing: DeviceTiming | None
    pixels: int


def check_settings(settings: SearchSettings) -> Checked:
    """What is looked for, on which images.

    Whether the budget can be met takes longer: `Problem.require_feasible`.

    Raises:
        NasError: a setting is wrong, or does not go with another.
    """
    budget = Budget.parse(settings.budget)
    space = None if settings.search_space == AUTO else load_space(settings.search_space)
    profiles = [load_profile(at_batch(device, settings.batch)) for device in settings.devices]
    check_rungs(rung_names(settings), tuple(settings.proxy.rungs))
    _check_scores(settings.score.names)
    settings.executor.slots(settings.workers)
    if settings.confirm.formats is not None:
        require_formats("confirm.formats", settings.confirm.formats)
    device_of(settings.accelerator)
    about = describe(settings.data)
    if settings.training.teacher is not None:
        OnnxTeacher(settings.training.teacher).require(about.channels, len(about.classes))
    pixels = about.native_resolution
    space = (space or load_space(auto_space(settings.init, pixels))).with_data(
        about.channels, len(about.classes), pixels
    )
    problem = on_devices(space, profiles, budget, settings.objectives, settings.combine)
    timing = _timing(settings, profiles)
    if settings.init != NONE:
        problem = replace(problem, kept=kept(space, load(absolute(settings.init))))
    networks_to_compare(problem, settings.baselines, absolute(settings.init), pixels)
    return Checked(problem, timing, pixels)


def _timing(settings: SearchSettings, profiles: Sequence[HardwareProfile]) -> DeviceTiming | None:
    kind, profile = settings.device, profiles[0]
    if len(profiles) > 1:
        if kind not in ("auto", "none"):
            raise ConfigError(
                f"device={kind} measures on one device, and hardware lists {len(profiles)}; use device=none"
            )
        return None
    if kind == "auto":
        kind = "host" if is_here(profile) else "none"
    target = Target("host" if kind == "none" else kind, settings.reach)
    return None if kind == "none" else DeviceTiming(profile, target)


def _check_scores(chosen: Sequence[str]) -> None:
    if not chosen or len(set(chosen)) < len(chosen):
        raise ConfigError(f"score.names must be one score or more, each once, got {short(list(chosen))}")
    if unknown := [name for name in chosen if name not in SCORES]:
        raise ConfigError(f"unknown score {short(unknown[0])}; known: {names(SCORES)}")
