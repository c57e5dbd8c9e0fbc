"""Evaluations that are no trials: each is done once for a study, however often a run is resumed."""

from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict
from typing import Any

from optuna.study import Study

from nas.search.display import Display
from nas.search.executors.base import Executor


def evaluate_once(
    study: Study, executor: Executor, jobs: Mapping[str, tuple[Any, ...]], display: Display, stage: str
) -> dict[str, dict[str, Any]]:
    """Results of `jobs`, which maps a name to (function, *arguments); those left to do are a `stage` of the display.

    Each result (a dataclass) is kept in the study's user attributes under its name, so that a resumed run
    does not repeat it. A job that fails gives {"error": reason}.
    """
    results = {name: study.user_attrs[name] for name in jobs if name in study.user_attrs}
    waiting = [name for name in jobs if name not in results]
    running: dict[Future[Any], str] = {}
    if waiting:
        display.stage(stage, len(waiting))
    while waiting or running:
        while waiting and len(running) < executor.slots:
            name = waiting.pop(0)
            running[executor.submit(*jobs[name])] = name
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            name, error = running.pop(future), future.exception()
            results[name] = asdict(future.result()) if error is None else {"error": f"{type(error).__name__}: {error}"}
            study.set_user_attr(name, results[name])
            display.advance()
    return results
