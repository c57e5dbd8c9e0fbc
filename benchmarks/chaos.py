"""Whether a search loses, repeats or changes anything when it is killed, finds no room, hangs, or misses its data.

    python -m benchmarks.chaos --kills 200 --disks 12 --hangs 8 --deletions 8

A tiny search on one worker is run unbroken. Then it is run again and again, each a chain: killed by SIGKILL at random
instants (its main process, its worker, or both), on a file system that is full after some bytes, with a worker that is
stopped by SIGSTOP, or with its files deleted under it. The same command is called until it ends by itself and well,
and what it recorded then is compared with the unbroken run: every trial, every long training, every file. A line of
JSON for each chain, and a summary; the exit code is 1 where anything was lost, repeated or unequal.

Processes are forked from one that has the program loaded, since a start of Python with torch costs seconds; `--spawn`
starts workers as users do.
"""

import argparse
import gc
import importlib
import itertools
import json
import multiprocessing
import os
import random
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas import load_architecture
from nas.exports.onnx_fp32 import export_onnx
from nas.nets.build import build
from nas.search.record.notes import study_notes

SEARCH = [
    *("search_space=tiny", "budget=[3M,1.1ms]", "workers=1", "trials=8", "data.limit=400", "warm_start=false"),
    *("proxy.epochs=2", "proxy.resolution=16", "proxy.batch_size=16", "sampler.start=3", "score.population=8"),
    *("confirm.networks=1", "confirm.members=1", "confirm.seeds=1", "confirm.extra=1", "confirm.epochs=1"),
    *("confirm.resolution=32", "confirm.calibration=16", "baselines.widths=[0.25]", "device=none", "hydra.run.dir=run"),
    "trial_time_limit=30",
]
LOADED = (
    *("nas.search.__main__", "nas.training.module", "pytorch_lightning", "onnxruntime.quantization", "scipy.stats"),
    *("matplotlib.pyplot", "torch.utils.data"),
)
"""What a search loads, some of it only when it is needed."""
TIMES = ("seconds", "host_latency_ms")
"""Keys of what differs from run to run."""
STAGES = ("begin", "population", "search", "confirm", "test", "export", "timing", "report")
"""By the last thing that the record tells of."""
WEIGHTS = (1, 1, 4, 2, 2, 1, 1, 1)
"""How often each is chosen for a kill."""
MOST_STARTS = 20
"""A chain that has not ended after so many is one that never does."""
PATIENCE_S = 300.0
"""A process that takes longer hangs."""


@dataclass
class Chain:
    """What was done to a search, after which `stage`, how each of its processes ended, and what came of it."""

    kind: str
    faults: list[dict[str, Any]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    lost: int = 0
    repeated: int = 0
    unequal: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    """Jobs that the unbroken run had no need of, such as the training of another network where one failed twice."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def is_good(self) -> bool:
        return not (self.lost or self.repeated or self.unequal or self.wrong)


# --- one process ----------------------------------------------------------------------------------


class Search:
    """`python -m nas.search`, forked, in `place`/run; `file_bytes` bounds each file that it writes."""

    def __init__(self, place: Path, file_bytes: int | None = None) -> None:
        self.log = place.with_suffix(".log")
        self._begun = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(_search(place, self.log, file_bytes))
        self.code: int | None = None

    def ended(self, within: float) -> bool:
        """Whether it ends within so many seconds."""
        until = time.monotonic() + within
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                return False
            else:
                time.sleep(0.005)
        return True

    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._begun

    def workers(self) -> list[int]:
        """The processes that it has started."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return []
        return [int(child) for child in children]

    def kill(self) -> None:
        """End it and its workers, and wait for that."""
        for pid in (*self.workers(), self.pid):
            _signal(pid, signal.SIGKILL)
        self.ended(PATIENCE_S)


def _search(place: Path, log: Path, file_bytes: int | None) -> int:
    """The search, in the process forked for it."""
    code: Any = 99
    with log.open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    try:
        os.chdir(place)
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))
        sys.argv = ["nas.search", *SEARCH]
        runpy.run_module("nas.search.__main__", run_name="__main__")
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code)


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


# --- what a search recorded -----------------------------------------------------------------------


def recorded(run: Path) -> dict[str, Any]:
    """All that a finished run says, by where it says it, but for times."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(run / "study.journal"))))
    found: dict[str, Any] = {}
    for trial in study.get_trials(deepcopy=False):
        notes = {name: value for name, value in trial.system_attrs.items() if value is not None}
        found[f"trial {trial.number}"] = [trial.state.name, trial.params, trial.values, trial.user_attrs, notes]
    for name, value in study_notes(study).items():
        found[_without_attempt(name)] = None if name.startswith("timed:") else value
    for file in ("front.json", "trials.csv"):
        text = (run / file).read_text()
        found[file] = json.loads(text) if file == "front.json" else [row.split(",")[:5] for row in text.splitlines()]
    found["files"] = sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    return {name: _timeless(value) for name, value in json.loads(json.dumps(found)).items()}


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(each) for key, each in value.items() if key not in TIMES}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def _without_attempt(job: str) -> str:
    """An export is named anew where its files were lost."""
    parts = job.split(":")
    return ":".join(parts[:-1]) if parts[0] == "exported" and len(parts[-1]) == 1 and len(parts[-2]) < 3 else job


def operations(run: Path) -> list[dict[str, Any]]:
    """The whole lines of the journal."""
    path = run / "study.journal"
    content = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines() if line.strip()]


def stage(run: Path) -> str:
    """One of `STAGES`."""
    if (run / "front.json").exists():
        return "report"
    done = operations(run)
    names = [next(iter(each["system_attr"])) for each in done if each["op_code"] == 3]
    kinds = {"scored": "population", "trained": "confirm", "tested": "test", "exported": "export", "timed": "timing"}
    if done and names and names[-1].split(":")[0] in kinds and (names[-1][:6] != "scored" or done[-1]["op_code"] == 2):
        return kinds[names[-1].split(":")[0]]
    return "search" if any("trial_id" in each for each in done) else "begin"


def repeated(run: Path) -> int:
    """How many finished evaluations were done again."""
    done = operations(run)
    rungs = Counter(each["trial_id"] for each in done if each["op_code"] == 9 and "rungs" in each["system_attr"])
    jobs = Counter(next(iter(each["system_attr"])) for each in done if each["op_code"] == 3)
    keys = Counter(
        each["system_attr"]["candidate"]["key"] for each in done if "candidate" in each.get("system_attr", {})
    )
    return sum(sum(count.values()) - len(count) for count in (rungs, jobs, keys))


# --- chains ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unbroken:
    """What the search records when nothing happens, and how long it takes."""

    record: dict[str, Any]
    seconds: float
    bytes: int
    lasts: dict[str, float]
    """Seconds of each stage."""

    def wait(self, search: "Search", run: Path, rng: random.Random, wanted: int | None = None) -> bool:
        """Wait for a random instant of a stage, or of the one that is reached; whether it ended before."""
        wanted = rng.randrange(len(STAGES)) if wanted is None else wanted
        while STAGES.index(stage(run)) < wanted:
            if search.ended(0.02):
                return True
        now, start = stage(run), self.lasts["begin"]
        lasts = self.lasts[now] if now != "begin" and search.age() > start else start + self.lasts[now]
        return search.ended(rng.uniform(0, lasts))


def unbroken(place: Path) -> Unbroken:
    """Run the search in peace."""
    search, lasts, seen = Search(place), dict.fromkeys(STAGES, 0.0), 0.0
    while not search.ended(0.02):
        lasts[stage(place / "run")] += search.age() - seen
        seen = search.age()
    if search.code != 0:
        raise SystemExit(f"the unbroken search ended with {search.code}:\n{search.log.read_text()}")
    size = sum(path.stat().st_size for path in (place / "run").rglob("*") if path.is_file())
    return Unbroken(recorded(place / "run"), search.age(), size, lasts)


def note_end(chain: Chain, search: Search) -> None:
    """Write down how a process ended: well, killed, or with one line."""
    if not search.ended(PATIENCE_S):
        chain.wrong.append("it hangs")
        search.kill()
    text = search.log.read_text()
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    chain.codes.append(search.code or 0)
    chain.said += errors
    if "Traceback" in text or (search.code not in (0, -signal.SIGKILL) and len(errors) != 1):
        chain.wrong.append(text[-2000:])


def finish(chain: Chain, place: Path, reference: Unbroken) -> None:
    """Call the same command until it ends well, and compare."""
    run = place / "run"
    while chain.codes[-1:] != [0] and len(chain.codes) < MOST_STARTS:
        before = operations(run)
        note_end(chain, Search(place))
        chain.lost += operations(run)[: len(before)] != before
    if chain.codes[-1] != 0:
        chain.wrong.append(f"it has not ended after {MOST_STARTS} starts")
        return
    found = recorded(run)
    chain.extra = sorted(
        name for name in found.keys() - reference.record.keys() if name.startswith(("trained", "tested"))
    )
    differing = {name for name in {*found, *reference.record} if found.get(name) != reference.record.get(name)}
    chain.unequal = sorted(differing - {*chain.extra})
    chain.repeated = repeated(run)


def killed(place: Path, reference: Unbroken, rng: random.Random) -> Chain:
    """Kill the search some times."""
    chain = Chain("kill")
    left = sorted(rng.choices(range(len(STAGES)), WEIGHTS, k=rng.randint(2, 8)))
    while left and chain.codes[-1:] != [0]:
        before = operations(place / "run")
        search = Search(place)
        while left and not reference.wait(search, place / "run", rng, left[0]):
            left.pop(0)
            if strike(chain, search, place, rng.choice(["driver", "worker", "both"])):
                break
        note_end(chain, search)
        chain.lost += operations(place / "run")[: len(before)] != before
    finish(chain, place, reference)
    return chain


def strike(chain: Chain, search: Search, place: Path, target: str) -> bool:
    """Kill that process; whether the driver is dead."""
    workers = search.workers()
    target = target if workers else "driver"
    for pid in workers if target != "driver" else []:
        _signal(pid, signal.SIGKILL)
    if target != "worker":
        _signal(search.pid, signal.SIGKILL)
        search.ended(PATIENCE_S)
    chain.faults.append(fault(search, place, target))
    give_up = time.monotonic() + 20
    while target == "driver" and any(Path(f"/proc/{pid}").exists() for pid in workers):
        if time.monotonic() > give_up:
            chain.wrong.append("a worker outlives its driver")
            break
        time.sleep(0.01)
    return target != "worker"


def fault(search: Search, place: Path, target: str) -> dict[str, Any]:
    """What is done to whom, how many seconds after its start, and at which stage."""
    return {"after_s": round(search.age(), 2), "target": target, "stage": stage(place / "run")}


def hung(place: Path, reference: Unbroken, rng: random.Random) -> Chain:
    """Stop a worker, which must be found out and replaced."""
    chain, search = Chain("hang"), Search(place)
    if not reference.wait(search, place / "run", rng):
        while not search.ended(0.01) and not (workers := search.workers()):
            pass
        if search.code is None:
            _signal(workers[0], signal.SIGSTOP)
            chain.faults.append(fault(search, place, "worker"))
    note_end(chain, search)
    if chain.codes != [0]:
        chain.wrong.append("a worker that was stopped ended the search")
    finish(chain, place, reference)
    return chain


def deleted(place: Path, reference: Unbroken, rng: random.Random) -> Chain:
    """Take a folder away from under the search."""
    chain, search = Chain("deletion"), Search(place)
    if not reference.wait(search, place / "run", rng):
        name = rng.choice(["images", "images", "weights", "models"])
        shutil.rmtree(place / "run" / name, ignore_errors=True)
        chain.faults.append(fault(search, place, name))
    note_end(chain, search)
    if (place / "run" / "models").exists():  # whatever was deleted after it was written is made again
        note_end(chain, Search(place))
    finish(chain, place, reference)
    return chain


def full(place: Path, reference: Unbroken, rng: random.Random, share: float) -> Chain:
    """Let the search run on a disk that has room for a `share` of what it writes, then make room."""
    size = max(4096, int(1.2 * share * reference.bytes))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", str(place)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    chain = Chain("full disk")
    chain.faults.append({"target": "file system" if mounted else "size of each file", "bytes": size})
    try:
        note_end(chain, Search(place, file_bytes=None if mounted else size))
        chain.faults[-1]["stage"] = stage(place / "run")
        if mounted:
            subprocess.run(["mount", "-o", f"remount,size={10 * reference.bytes}", str(place)], check=True)
        chain.codes[-1] = chain.codes[-1] or 1  # the run that found no room is not the last
        finish(chain, place, reference)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)
    return chain


# --- the whole ------------------------------------------------------------------------------------


@contextmanager
def loaded(spawn: bool) -> Iterator[None]:
    """This process with the program loaded, and frozen so that children copy little of it."""
    for name in LOADED:
        importlib.import_module(name)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:  # an exporter loads much when it is first used
        arch = load_architecture("mobilenet_v1_w0.25_r32")
        export_onnx(build(arch), arch, Path(folder) / "model.onnx", {})
    if not spawn:
        context = multiprocessing.get_context("fork")
        multiprocessing.get_context = lambda method=None: context  # type: ignore[assignment]
    gc.collect()
    gc.freeze()
    yield


Make = Callable[[Path, Unbroken, random.Random], Chain]


def wanted(arguments: argparse.Namespace) -> Iterator[tuple[str, Make]]:
    """What to do, one chain after another; kills go on until there are enough."""
    yield from (("full disk", partial(full, share=n / arguments.disks)) for n in range(arguments.disks))
    yield from itertools.repeat(("hang", hung), arguments.hangs)
    yield from itertools.repeat(("deletion", deleted), arguments.deletions)
    yield from itertools.repeat(("kill", killed))


def main() -> int:
    """Run the chains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("kills", 200), ("disks", 12), ("hangs", 8), ("deletions", 8), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=Path, help="append the lines to this file, too")
    parser.add_argument("--spawn", action="store_true", help="start workers as users do, which costs seconds each")
    arguments = parser.parse_args()
    chains: list[Chain] = []
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    with loaded(arguments.spawn):
        place = folder / "unbroken"
        place.mkdir()
        reference = unbroken(place)
        for number, (kind, make) in enumerate(wanted(arguments)):
            kills = sum(len(chain.faults) for chain in chains if chain.kind == "kill")
            if kind == "kill" and kills >= arguments.kills:
                break
            place, begun = folder / str(number), time.monotonic()
            place.mkdir()
            chain = make(place, reference, random.Random(f"{arguments.seed} {number}"))
            chain.seconds = round(time.monotonic() - begun, 1)
            chains.append(chain)
            report(json.dumps(asdict(chain)), arguments.out)
            shutil.rmtree(place) if chain.is_good() else print(f"kept: {place}", file=sys.stderr)
    report(json.dumps(summary(chains, reference)), arguments.out)
    return int(not all(chain.is_good() for chain in chains))


def report(line: str, out: Path | None) -> None:
    """Print a line, and keep it."""
    print(line, flush=True)
    if out:
        with out.open("a") as file:
            file.write(line + "\n")


def summary(chains: list[Chain], reference: Unbroken) -> dict[str, Any]:
    """How often what was done, at which stage, and what came of it."""
    faults = [(chain.kind, fault) for chain in chains for fault in chain.faults]
    return {
        "chains": dict(Counter(chain.kind for chain in chains)),
        "faults": dict(Counter(f"{kind}, {fault['target']}" for kind, fault in faults)),
        "stages": dict(Counter(fault["stage"] for _, fault in faults)),
        "lost": sum(chain.lost for chain in chains),
        "repeated": sum(chain.repeated for chain in chains),
        "unequal": sum(bool(chain.unequal) for chain in chains),
        "extra": sum(bool(chain.extra) for chain in chains),
        "wrong": sum(bool(chain.wrong) for chain in chains),
        "unbroken_s": round(reference.seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
