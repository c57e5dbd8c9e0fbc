"""A search whose evaluations sleep, with Ray; workers import what is evaluated from here, so it is no program itself.

What is begun and what is ended is noted in FOLDER/log, a line each: the word, the network, the process, the node.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from nas.proxies.base import Evaluation
from nas.search.loop import Stopping, search
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import make_sampler
from nas.spaces.architecture import Architecture
from tests.helpers.executors import settings_of
from tests.helpers.search import context, evaluate, problem, sampler_settings

SECONDS = 3.0
"""Of an evaluation."""


@dataclass(frozen=True, slots=True)
class Sleeping:
    """Sleeps, then answers what `evaluate` does; `log` is a text, so that it is no path that is shipped."""

    log: str

    def __call__(self, arch: Architecture) -> Evaluation:
        import os

        import ray

        about = f"{arch.key} {os.getpid()} {ray.get_runtime_context().get_node_id()}\n"
        with open(self.log, "a") as file:
            file.write(f"begin {about}")
        time.sleep(SECONDS)
        with open(self.log, "a") as file:
            file.write(f"end {about}")
        return evaluate(arch)


def main(address: str, folder: str, workers: str, trials: str) -> None:
    """Search, begun or resumed, until so many are evaluated."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    wanted, journal = problem(), f"{folder}/study.journal"
    backend = JournalFileBackend(journal, lock_obj=JournalFileOpenLock(journal))
    study = optuna.create_study(
        study_name="search", storage=JournalStorage(backend), directions=list(wanted.directions), load_if_exists=True
    )
    settings = settings_of("ray", {"address": address})
    executor = settings.start(settings.slots(int(workers)))
    try:
        run = replace(context(wanted, study, executor=executor, folder=Path(folder)), trial_time_limit=600.0)
        ladder = Ladder((Rung("short", Sleeping(f"{folder}/log")),))
        search(run, ladder, make_sampler(wanted, sampler_settings("random"), 0), Stopping(int(trials)))
    finally:
        executor.close()
