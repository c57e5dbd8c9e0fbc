"""What the settings of a search state, checked as far as can be before any work."""

from collections.abc import Mapping
from typing import Any

from nas.data.prepare import describe
from nas.errors import ConfigError
from nas.latency.profile import HardwareProfile, load_profile
from nas.nets.device import device_of
from nas.nets.teacher import OnnxTeacher
from nas.problem import Problem
from nas.proxies.scores import SCORES
from nas.recording.devices.target import Target
from nas.resources import names
from nas.search.confirm.target import DeviceTiming, is_here
from nas.search.evaluations import rung_names
from nas.search.rungs import check_rungs
from nas.search.settings import SearchSettings
from nas.spaces.budget import Budget
from nas.spaces.load import load_space


def checked_problem(settings: SearchSettings) -> tuple[Problem, DeviceTiming | None]:
    """What is looked for, and what measures the confirmed networks in the end, None where nothing does.

    Raises:
        NasError: a setting is wrong, or does not go with another.
    """
    budget = Budget.parse(settings.budget)
    space, profile = load_space(settings.search_space), load_profile(settings.hardware)
    check_rungs(rung_names(settings), tuple(settings.proxy.rungs))
    for name in settings.score.names:
        _require_known("score", name, SCORES)
    device_of(settings.accelerator)
    about = describe(settings.data)
    if settings.training.teacher is not None:
        OnnxTeacher(settings.training.teacher).require(about.channels, len(about.classes))
    problem = Problem(space.with_data(about.channels, len(about.classes)), profile, budget, settings.objectives)
    timing = _timing(settings, profile)
    problem.require_feasible()
    return problem, timing


def _timing(settings: SearchSettings, profile: HardwareProfile) -> DeviceTiming | None:
    kind = settings.device
    if kind == "auto":
        kind = "host" if is_here(profile) else "none"
    target = Target("host" if kind == "none" else kind, settings.reach)
    return None if kind == "none" else DeviceTiming(profile, target)


def _require_known(what: str, value: object, known: Mapping[str, Any]) -> None:
    if value not in known:
        raise ConfigError(f"unknown {what} {value!r}; known: {names(known)}")
