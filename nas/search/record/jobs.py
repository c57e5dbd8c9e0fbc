"""Evaluations that are no trials: each is done once for a study, however often a run is resumed."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from optuna.study import Study

from nas.proxies.base import MOST_TRIES, Failed
from nas.results.codec import from_json, to_json
from nas.search.display import Display
from nas.search.executors.base import Executor
from nas.search.executors.pending import Pending
from nas.search.record.notes import note_study, study_notes
from nas.spaces.architecture import Architecture

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Job(Generic[T_co]):
    """Something to be done once: `function(*arguments)`, which returns a dataclass of the kind it `gives`.

    It may take this many seconds. `work` is what it takes against others of its stage.
    """

    gives: type[T_co]
    function: Callable[..., T_co]
    arguments: tuple[Any, ...] = ()
    limit: float | None = None
    work: float = 1.0


def evaluate_once(
    study: Study, executor: Executor, jobs: Mapping[str, Job[T]], display: Display, stage: str
) -> dict[str, T | Failed]:
    """Results of `jobs` by name, in their order; those left to do are a `stage` of the display.

    What takes longest is begun first, so that those who do it end together (Graham 1969,
    https://doi.org/10.1137/0117039).

    Each result, a lasting failure too, is a note of the study under its name, so that a resumed run does not repeat it.
    What fails for a reason that may pass is tried `MOST_TRIES` times, and again by a resumed run.
    """
    kept = study_notes(study)
    results = {name: _read(kept[name], job.gives, name) for name, job in jobs.items() if name in kept}
    waiting = sorted((name for name in jobs if name not in results), key=lambda name: -jobs[name].work)
    work = sum(jobs[name].work for name in waiting)
    failed = Counter[str]()
    pending: Pending[str] = Pending(executor)
    if waiting:
        display.stage(stage, len(waiting))
    while waiting or pending:
        while waiting and pending.has_room:
            name = waiting.pop(0)
            job = jobs[name]
            pending.start(name, job.function, *job.arguments, limit=job.limit)
        display.now(*map(in_words, pending.keys))
        for name, future in pending.finished():
            error = future.exception()
            result = future.result() if error is None else Failed.of(error)
            if not isinstance(result, Failed):
                note_study(study, name, to_json(result))
            elif not result.may_pass:
                note_study(study, name, {"error": result.error})
            else:
                failed[name] += 1
                if failed[name] < MOST_TRIES:
                    waiting.append(name)
                    continue
            results[name] = result
            display.advance(jobs[name].work / work)
    display.now()
    return {name: results[name] for name in jobs}


def earlier_result(study: Study, name: str, gives: type[T]) -> T | Failed | None:
    """What the job of that name gave, None where it is still to be done."""
    kept = study_notes(study).get(name)
    return None if kept is None else _read(kept, gives, name)


def _read(kept: Mapping[str, Any], gives: type[T], name: str) -> T | Failed:
    return Failed(kept["error"]) if kept.keys() == {"error"} else from_json(gives, kept, f"study, {name}")


# The names of jobs, a function a kind; digests are of what makes results comparable.

_WORDS = {
    "trained": "training",
    "tested": "judging",
    "exported": "writing files of",
    "timed": "timing a file",
    "scored": "scoring",
}


def in_words(name: str) -> str:
    """What the job of that name does, for whoever waits for it."""
    kind, found = name.partition(":")[0], re.search(r":([0-9a-f]{8})[0-9a-f]{8}:(\d+)", name)
    words = _WORDS.get(kind, kind.replace("_", " "))
    return f"{words} {found[1]}, seed {found[2]}" if found else words


def trained(training: str, arch: Architecture, seed: int) -> str:
    """A long training with the settings of that digest."""
    return f"trained:{training}:{arch.key}:{seed}"


def tested(training: str, arch: Architecture, seed: int) -> str:
    """The same training judged on the test split."""
    return f"tested:{training}:{arch.key}:{seed}"


def exported(export: str, arch: Architecture, seed: int, attempt: int) -> str:
    """The files of that training; another `attempt` where those of the last were lost."""
    return f"exported:{export}:{arch.key}:{seed}" + f":{attempt}" * (attempt > 0)


def timed(file: str) -> str:
    """One file timed on this machine."""
    return f"timed:{file}"


def prepared(name: str, arch: Architecture) -> str:
    """What a proxy evaluates beforehand, under a name of its own."""
    return f"{name}:{arch.key}"
