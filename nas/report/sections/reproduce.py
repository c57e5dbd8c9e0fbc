"""The command and the settings that make the run again, and the versions it was made with."""

from collections.abc import Sequence

from nas.report.blocks import Code, Facts, Section, Text, section
from nas.results.front import Front, Init
from nas.results.trials import TrialRow


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section."""
    versions = ", ".join(f"{name} {version}" for name, version in front.versions.items())
    return section(
        "How it was made",
        Code(front.command) if front.command else None,
        Facts(settings(front)),
        Text(versions, "soft") if versions else None,
    )


def settings(front: Front) -> tuple[tuple[str, str], ...]:
    """How the search was run: (name, value)."""
    proxy = ", ".join(f"{name} {value}" for name, value in front.proxy.items() if value is not None)
    return (
        ("search space", front.search_space),
        ("objectives", ", ".join(front.objectives)),
        ("sampler", front.sampler),
        ("rungs", ", ".join(front.rungs)),
        ("proxy", proxy),
        ("seed", str(front.seed)),
        *((("start", _start(front.init)),) if front.init else ()),
    )


def _start(init: Init) -> str:
    """The weights that trainings started from; whoever ships the networks ships what became of them."""
    licence = f"licence {init.licence}" if init.licence else "licence unknown"
    return f"{init.name}, {init.tensors} tensors of {init.source}, {licence}"
