"""The executor `submitit`: a job of a Slurm cluster for each evaluation, or, to try it, processes of this machine.

Evaluations that wait together are handed over as one job array. Jobs read and write the run folder and the folder of
their own files, which therefore lie on storage that all machines share. A job whose search is gone ends by itself.
"""

import os
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from nas.errors import ConfigError, RunError
from nas.reading.words import cut, short
from nas.resources import replace_file
from nas.search.executors.base import Executor, at_most
from nas.search.executors.inline import InlineExecutor
from nas.search.executors.machine import usable_cores
from nas.search.executors.worker_process import start_worker, through_pickle
from nas.search.executors.workers import Workers

MOST = 4096
"""Jobs of one search at a time."""
LOOK_S = {"slurm": 2.0, "local": 0.1}
"""How often new evaluations are handed over, and the files of running jobs looked at."""
ALIVE_S = 300.0
"""A job ends itself when the search has shown no life for so long."""


@dataclass(frozen=True, slots=True)
class SubmititSettings:
    """Jobs of a Slurm cluster."""

    name: Literal["submitit"]
    cluster: Literal["slurm", "local", "debug"]
    """slurm; or, to try it: local, processes of this machine, or debug, this process, one at a time."""
    partition: str | None
    """Of the cluster, such as gpu; null: its default."""
    cpus: Annotated[int, Ge(1), Le(1024)]
    """CPUs of a job, and its threads."""
    gpus: Annotated[int, Ge(0), Le(64)]
    """GPUs of a job."""
    memory_gb: Annotated[float, Gt(0), Le(100_000)] | None
    """Memory of a job, such as 8; null: the cluster's default."""
    minutes: Annotated[int, Ge(1), Le(525_600)]
    """After which the cluster ends a job; a long training takes up to ten times `trial_time_limit`."""
    array_parallelism: Annotated[int, Ge(1), Le(MOST)] | None
    """Jobs of one array that run at a time, such as 16; null: as many as there are workers."""
    setup: tuple[str, ...]
    """Lines of shell that a job begins with, such as [source venv/bin/activate]."""
    options: tuple[str, ...]
    """More options of sbatch by their long names, such as [account:vision,qos:low]."""
    folder: str
    """Of jobs and their logs, on storage that all machines share."""

    def slots(self, workers: int | None) -> int:
        """As many as are asked for: on a cluster a number must be.

        Raises:
            ConfigError: submitit is not installed, there is no Slurm here, or these are too many.
        """
        if find_spec("submitit") is None:
            raise ConfigError("executor=submitit needs the library submitit: pip install 'sepconv-nas[submitit]'")
        if wrong := [option for option in self.options if not option.partition(":")[2]]:
            raise ConfigError(f"executor.options must be like [account:vision], got {short(wrong[0])}")
        if self.cluster == "debug":
            return at_most(workers or 1, 1, self.name, "executor.cluster=debug runs one at a time")
        if self.cluster == "local":
            cores = usable_cores()
            return at_most(workers or cores, 8 * cores, self.name, "null is one for each core")
        if missing := [program for program in ("sbatch", "srun") if shutil.which(program) is None]:
            raise ConfigError(f"executor.cluster=slurm: there is no {missing[0]} here; run it where jobs are submitted")
        if workers is None:
            raise ConfigError("executor=submitit needs workers=N: how many jobs run at a time")
        return at_most(workers, MOST, self.name, "start several searches on one storage")

    def start(self, slots: int) -> Executor:
        """Nothing yet: jobs are submitted as evaluations come.

        Raises:
            RunError: the folder cannot be written, or submitit refuses a setting.
        """
        if self.cluster == "debug":
            return InDebugger()
        place = Path(self.folder).expanduser().absolute() / secrets.token_hex(4)
        try:
            place.mkdir(parents=True)
            jobs = _Jobs(self._submitter(place, slots), place, self)
        except Exception as error:  # whatever submitit raises
            raise RunError(f"executor=submitit cannot start: {cut(str(error), 300)}") from None
        shared = self.cluster == "local"
        return Workers(slots, lambda _: _Job(jobs), patience=None, shared_files=shared, ended=jobs.close)

    def _submitter(self, place: Path, slots: int) -> Any:
        import submitit

        submitter = submitit.AutoExecutor(place, cluster=self.cluster)
        wanted = {
            "name": "sepconv-nas",
            "timeout_min": self.minutes,
            "cpus_per_task": self.cpus,
            "gpus_per_node": self.gpus,
            "mem_gb": self.memory_gb,
            "slurm_partition": self.partition,
            "slurm_array_parallelism": self.array_parallelism or slots,
            "slurm_setup": list(self.setup) or None,
            "slurm_additional_parameters": dict(option.split(":", 1) for option in self.options) or None,
        }
        submitter.update_parameters(**{name: value for name, value in wanted.items() if value is not None})
        return submitter


class InDebugger:
    """Runs each evaluation in the calling thread as submitit's debug executor does, at once."""

    slots = 1
    shared_files = True

    def __init__(self) -> None:
        self._inline = InlineExecutor()

    def submit(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Future[Any]:
        """Run `function(*args)`, however long it takes; the future is finished on return."""
        import submitit

        job = submitit.DebugExecutor(Path.cwd()).submit(partial(self._inline.submit, function, *args))
        return job.submission().result()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Nothing to end."""


class JobLost(Exception):
    """A job ended without a result."""


@dataclass(eq=False, slots=True)
class _Call:
    """An evaluation, waiting or in the cluster as a `job`."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    ready: Future[None] = field(default_factory=Future)
    result: Future[Any] = field(default_factory=Future)
    job: Any = None


class _Job:
    """A place for one job at a time."""

    def __init__(self, jobs: "_Jobs") -> None:
        self._jobs = jobs
        self._call: _Call | None = None

    def start(self, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Future[Any], Future[Any]]:
        """Have it submitted with the next array; it is ready when it runs."""
        self._call = _Call(function, args)
        self._jobs.add(self._call)
        return self._call.ready, self._call.result

    def loss(self, error: BaseException) -> str | None:
        """What was found in place of a result."""
        return str(error) if isinstance(error, JobLost) else None

    def kill(self) -> None:
        """Cancel the job."""
        if self._call is not None:
            self._jobs.cancel(self._call)

    def join(self) -> None:
        """`_Jobs.close` waits for all."""


class _Jobs:
    """Submits what waits, and looks after what runs, in a thread of its own."""

    def __init__(self, submitter: Any, place: Path, settings: SubmititSettings) -> None:
        self._submitter, self._place, self._threads = submitter, place, settings.cpus
        self._look_s, self._local = LOOK_S[settings.cluster], settings.cluster == "local"
        self._alive = place / "alive"
        self._alive.touch()
        self._lock = threading.Lock()
        self._waiting: list[_Call] = []
        self._running: list[_Call] = []
        self._cancelled: list[Any] = []
        self._kept = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def add(self, call: _Call) -> None:
        """Submit it with the next array."""
        with self._lock:
            self._waiting.append(call)

    def cancel(self, call: _Call) -> None:
        """End it, wherever it is."""
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
            elif call in self._running:
                self._running.remove(call)
                self._end(call)
            else:
                return
        call.result.set_exception(JobLost("the job was cancelled"))

    def close(self) -> None:
        """Wait for what was cancelled on this machine; remove all files but the logs of jobs that were lost."""
        self._closing.set()
        self._thread.join()
        self._alive.unlink(missing_ok=True)
        for job in self._cancelled if self._local else []:
            job._process.wait()
        if not self._kept:
            shutil.rmtree(self._place, ignore_errors=True)

    def _end(self, call: _Call) -> None:
        """Cancel its job; on this machine kill it, since a process may be deaf to what submitit sends."""
        self._cancelled.append(call.job)
        if not self._local:
            call.job.cancel(check=False)
            return
        with suppress(OSError):  # not begun, or ended
            os.kill(int((self._place / call.name).read_text()), signal.SIGKILL)
        call.job._process.kill()

    def _watch(self) -> None:
        while not self._closing.wait(self._look_s):
            self._alive.touch()
            with self._lock:
                calls, self._waiting = self._waiting, []
                self._submit(calls)
                running = list(self._running)
            for call in running:
                self._look(call)

    def _submit(self, calls: list[_Call]) -> None:
        tasks = [
            partial(perform_job, self._place, call.name, self._threads, call.function, call.args) for call in calls
        ]
        try:
            jobs = self._submitter.submit_array(tasks) if tasks else []
        except Exception as error:  # sbatch's, or that of a pickle or a disk
            for call in calls:
                call.result.set_exception(OSError(f"cannot submit: {cut(str(error), 200)}"))
            return
        for call, job in zip(calls, jobs, strict=True):
            call.job = job
        self._running += calls

    def _look(self, call: _Call) -> None:
        if not call.ready.done() and (self._place / call.name).exists():
            call.ready.set_result(None)
        if not call.job.done():
            return
        outcome = self._outcome(call.job)
        with self._lock:
            if call not in self._running:  # cancelled meanwhile
                return
            self._running.remove(call)
        if isinstance(outcome, Exception):
            call.result.set_exception(outcome)
        else:
            call.result.set_result(outcome)

    def _outcome(self, job: Any) -> Any:
        """The result, or what was raised; files of a job that gave either are removed."""
        from submitit.core.utils import FailedJobError, UncompletedJobError

        paths = job.paths
        try:
            if self._local and not paths.result_pickle.exists():
                raise UncompletedJobError
            outcome = job.result()
        except (UncompletedJobError, FailedJobError, OSError, EOFError):
            self._kept = True
            return JobLost(f"the worker process died (killed, or out of memory); see {cut(str(paths.stderr), 120)}")
        for path in (paths.submitted_pickle, paths.result_pickle, paths.stdout, paths.stderr):
            path.unlink(missing_ok=True)
        return outcome


def perform_job(place: Path, name: str, threads: int, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What a job does: `function(*args)`, or what it raised."""
    start_worker(0, threads=threads)
    threading.Thread(target=_die_with_search, args=(place / "alive",), daemon=True).start()
    replace_file(place / name, str(os.getpid()).encode())
    try:
        return function(*args)
    except Exception as error:  # an evaluation may fail in any way
        return through_pickle(error)


def _die_with_search(alive: Path) -> None:
    """End this process when the file is gone, or its time has not changed for long, by the clock of this machine."""
    known, since = 0, time.monotonic()
    while time.monotonic() - since < ALIVE_S:
        time.sleep(min(10.0, ALIVE_S / 3))
        try:
            now = alive.stat().st_mtime_ns
        except FileNotFoundError:  # the search is closed
            break
        except OSError:  # the disk is away
            continue
        if now != known:
            known, since = now, time.monotonic()
    os._exit(1)
