"""What a search says before it begins."""

from nas.data.left_out import left_out_text
from nas.problem import Problem
from nas.report.text import population
from nas.results.front import DataFacts


def opening_lines(problem: Problem, data: DataFacts) -> list[str]:
    """What the user should know before the search begins."""
    inside, every = problem.networks()
    room = f"{population(inside.estimate)} of {population(every)} networks fit"
    room = room if problem.budget.limits else f"{population(every)} networks"
    lines = [
        f"{', '.join(profile.label for profile in problem.profiles)}, "
        f"budget {problem.budget}, space {problem.space.name} "
        f"({room}), data {data.source}: {len(data.classes)} classes, "
        f"{data.train} train, {data.val} val, {data.test} test images"
    ]
    if data.left_out:
        lines.append(left_out_text(data.left_out))
    return lines
