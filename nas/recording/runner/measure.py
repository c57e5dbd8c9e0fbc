"""Times the models of a plan, on this machine."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from .figures import LAYER_SHARE, PROFILED_RUNS, Row, models_of
from .machine import environment, pin
from .power import Power
from .results import Results
from .schedule import Schedule
from .timing import Cores, Pace, burst, feeds, open_session, profile


def main(here: Path) -> None:
    """Measure what the command line names, else the bundle in the folder `here`."""
    parser = argparse.ArgumentParser(prog="runner.py", description="Measure the models of a bundle of nas.record.")
    parser.add_argument("folder", nargs="?", type=Path, default=here)
    parser.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        plan = json.loads((arguments.folder / "plan.json").read_text(encoding="utf-8"))
        measure(plan, arguments.folder, arguments.parent)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted; finished rows are kept, and the same command goes on from there", file=sys.stderr)
        sys.exit(130)


def measure(plan: Row, folder: Path, parent: int | None = None) -> None:
    """Time the plan's models, for each configuration until its minutes are used up or no model is left."""
    results = Results(folder / "results.jsonl", plan)
    for configuration in plan["configurations"]:
        cores = pin(configuration["cores"])
        every = cores if 1 < len(cores) <= configuration["threads"] and hasattr(os, "sched_setaffinity") else []
        run = ConfigurationRun(plan, configuration, folder / "models", results, Cores(every), parent)
        run.measure({**configuration, "cores": cores})


class ConfigurationRun:
    """One configuration of this machine: how its models are opened, and where their rows go."""

    def __init__(
        self, plan: Row, configuration: Row, models: Path, results: Results, cores: Cores, parent: int | None
    ) -> None:
        self._name, self._burst_s = configuration["name"], plan["burst_s"]
        self._options = {key: configuration[key] for key in ("threads", "optimization", "spinning")}
        self._models: Path = models / models_of(configuration)
        self._results, self._cores, self._parent = results, cores, parent
        self._schedule = Schedule(plan, configuration, results.rows)
        before = [row for rows in self._schedule.bursts.values() for row in rows]
        self._power = Power()
        self._pace = Pace(min((row.get("probe_us", math.inf) for row in before), default=math.inf))

    def measure(self, about: Row) -> None:
        """Time models as long as there is one to be timed; `about` is what the first row and the last say of it."""
        if not self._schedule.next_models():
            _print(self._schedule.line())
            return
        named = {"configuration": self._name, **about}
        idle_watts = {"idle_watts": self._power.idle()} if self._power.known else {}
        self._results.append({"type": "begin", **named, **environment(), **idle_watts})
        self._schedule.follow(self._burst, self._profile, _print, begin_group=self._learn)
        self._results.append({"type": "end", **named, **environment()})

    def _learn(self) -> None:
        self._pace.learn()
        self._cores.learn()

    def _burst(self, model: Row) -> None:
        begun = time.perf_counter()
        session = open_session(self._path(model), **self._options)
        share = 1 if model["kind"] == "network" else LAYER_SHARE
        calm, feed = self._cores.calm(), feeds(session)
        self._power.begin()
        runs, kept = burst(session, feed, share * self._burst_s, self._pace)
        watts = {"watts": self._power.watts()} if self._power.known else {}
        if not (calm and self._cores.calm()):
            kept = []
        quantiles = [round(float(value), 5) for value in np.percentile(kept or runs, [0, 25, 50, 75])]
        counts = {"runs": len(runs), "kept": len(kept), "probe_us": round(self._pace.least_us, 2), **watts}
        self._append("burst", model, begun, {"ms": quantiles, **counts})

    def _profile(self, model: Row) -> None:
        begun = time.perf_counter()
        kernels = profile(self._path(model), PROFILED_RUNS, self._pace, **self._options)
        self._append("profile", model, begun, {"model": model, "kernels": kernels})

    def _append(self, kind: str, model: Row, begun: float, fields: Row) -> None:
        seconds = round(time.perf_counter() - begun, 3)
        row = {"type": kind, "configuration": self._name, "id": model["id"], **fields, "seconds": seconds}
        self._results.append(row)
        self._schedule.count(row)
        if self._parent is not None and os.getppid() != self._parent:
            raise KeyboardInterrupt

    def _path(self, model: Row) -> Path:
        return self._models / f"{model['id']}.onnx"


def _print(line: str) -> None:
    print(line, flush=True)
