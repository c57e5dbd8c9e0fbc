"""What trackers are told of a search before it begins."""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from nas.identity import plain
from nas.latency.profile import profile_folder
from nas.problem import Problem
from nas.reading.passwords import hide
from nas.report.trackers.base import Choice, Tracked, flat
from nas.results.trials import TrialRow
from nas.search.parameters import encode
from nas.search.result.about import About
from nas.search.settings import SearchSettings
from nas.spaces.architecture import Architecture


def tracked_search(settings: SearchSettings, about: About, problem: Problem, folder: Path) -> Tracked:
    """The search of these settings; no password is among them."""
    devices = ", ".join(profile.label for profile in problem.profiles)
    asked = asdict(settings) | {"storage": settings.storage and hide(settings.storage)}
    found = {"device_label": devices, "space": problem.space.name, "command": about.command}
    images = {
        "train": about.data.train,
        "val": about.data.val,
        "test": about.data.test,
        "classes": len(about.data.classes),
    }
    space = problem.space

    def choices(row: TrialRow) -> Mapping[str, Choice]:
        return encode(space, space.genotype(Architecture.from_notation(row.notation or "")))

    return Tracked(
        folder=folder,
        config={name: plain(value) for name, value in flat({**asked, **found, "images": images})},
        choices=choices,
        tags=(*(profile.name for profile in problem.profiles), about.data.source, problem.space.name),
        group=_group(about.command),
        notes=f"{about.command}\n{devices}, budget {problem.budget}",
        profiles=tuple(dict.fromkeys(profile_folder(device)[0] for device in settings.devices)),
    )


def _group(command: str) -> str | None:
    """The same for all runs of a multirun; None for a single one."""
    if not {"-m", "--multirun"} & set(shlex.split(command)[3:]):
        return None
    return f"multirun-{hashlib.blake2b(command.encode(), digest_size=4).hexdigest()}"
