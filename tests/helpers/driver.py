"""A driver of a shared study in a process of its own: made-up evaluations that take a while, and are written down.

`python -m tests.helpers.driver FOLDER URL TRIALS SECONDS`; each evaluation adds a line to FOLDER/evaluated. It begins
when there is a file `go` beside FOLDER, so that several begin together.
"""

import functools
import sys
import time
from pathlib import Path

from nas.proxies.base import Evaluation
from nas.search.loop import Stopping, search
from nas.search.record import drivers, mirror
from nas.search.record.drivers import Elsewhere, driving
from nas.search.record.study import open_study
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import make_sampler
from nas.spaces.architecture import Architecture
from tests.helpers.search import Threads, context, evaluate, problem, sampler_settings

STUDY = "together"


def slow(folder: Path, seconds: float, arch: Architecture) -> Evaluation:
    time.sleep(seconds)
    with (folder / "evaluated").open("a") as file:
        file.write(f"{arch.key}\n")
    return evaluate(arch)


def main(folder: Path, url: str, trials: int, seconds: float) -> None:
    drivers.BEAT_S, drivers.MISSED, mirror.PAUSE_S, mirror.FRESH_S = 0.2, 10, 0.2, 0.1
    wanted = problem()
    study = open_study(folder, url, wanted.directions, {"seed": 0}, None, STUDY, print)
    with driving(study, folder) as driver:
        run = context(wanted, study, executor=Threads(2), folder=folder, driver=driver)
        ladder = Ladder((Rung("short", functools.partial(slow, folder, seconds)),))
        print("started", flush=True)
        while not (folder.parent / "go").exists():
            time.sleep(0.05)
        print(search(run, ladder, make_sampler(wanted, sampler_settings("random"), 0), Stopping(trials)))
        try:
            driver.require_finish()
        except Elsewhere as elsewhere:
            print(f"elsewhere: {elsewhere}")
        else:
            print("finishes")
            driver.finished()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
