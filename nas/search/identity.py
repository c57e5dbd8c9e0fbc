"""What must agree for two processes to work on one study."""

from dataclasses import replace
from typing import Any

from nas.identity import agreeing, digest
from nas.nets.pretrained import NONE, absolute, load
from nas.nets.teacher import teacher_digest
from nas.problem import Problem
from nas.results.front import DataFacts
from nas.search.settings import IDENTITY_VERSION, SearchSettings


def identity(settings: SearchSettings, problem: Problem, data: DataFacts) -> dict[str, Any]:
    """What makes results comparable, by setting; files count by what they hold, wherever they lie."""
    teacher = settings.training.teacher
    return {
        "version": IDENTITY_VERSION,
        **agreeing(settings.canonical()),
        "hardware": ", ".join(f"{profile.label} ({digest(profile, IDENTITY_VERSION)})" for profile in problem.profiles),
        "budget": str(problem.budget),
        "search_space": f"{problem.space.name} ({digest(problem.space, IDENTITY_VERSION)})",
        "data": f"{data.source} ({digest(replace(data, path=None, left_out=()), IDENTITY_VERSION)})",
        **({"training.distillation.teacher": teacher_digest(teacher)} if teacher else {}),
        **({"init": load(absolute(settings.init)).digest} if settings.init != NONE else {}),
    }
