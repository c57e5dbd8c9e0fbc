"""The executor `ray`: workers anywhere in a Ray cluster, which need nothing of this machine's disk.

A worker is an actor, made when it is first needed and given its CPUs, GPUs and memory by Ray: it waits for them, and a
cluster that grows sees what is wanted. One that is lost, alone or with its machine, is replaced by another anywhere.
What is started here listens on the loopback alone.
"""

import os
import socket
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from nas.errors import ConfigError, RunFailed
from nas.nets.device import visible_gpus
from nas.reading.words import cut, short
from nas.search.executors.base import Executor, at_most
from nas.search.executors.machine import usable_cores
from nas.search.executors.shipped import Mirror, Outcome, Parcel, Shipping
from nas.search.executors.worker_process import start_worker
from nas.search.executors.workers import Workers

STARTS = 3
"""So often a cluster of this machine is tried to be started."""
MOST = 4096
"""Workers of one search."""

LONGEST_HOME = 24
"""Bytes of a folder of temporary files below which the sockets of Ray fit, whose paths have 107 at most."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns; a worker hides the GPUs that it was not given
}
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Makes a node take the loopback for its address, as Ray does on laptops; all it starts then listens there alone."""


@dataclass(frozen=True, slots=True)
class RaySettings:
    """Workers of a Ray cluster."""

    name: Literal["ray"]
    address: str | None
    """The head of a cluster, such as auto: HOST:PORT from one of its machines, ray://HOST:PORT from elsewhere, or auto
    for the one that this machine is in; null: one of this machine alone, started for the run."""
    cpus: Annotated[int, Ge(1), Le(1024)]
    """CPUs of an evaluation, and its threads."""
    gpus: Annotated[float, Ge(0), Le(64)]
    """GPUs of an evaluation; a fraction such as 0.25 puts several on one."""
    memory_gb: Annotated[float, Gt(0), Le(100_000)] | None
    """Memory that an evaluation is given room for, such as 4; null: any."""
    wait: Annotated[float, Gt(0)] | None
    """Seconds, such as 600, that an evaluation waits for a worker, as while a cluster grows, before it fails; null: for
    ever."""
    dashboard: bool
    """Start Ray's dashboard with a cluster of its own, on the loopback; whoever reaches it can run anything."""

    def slots(self, workers: int | None) -> int:
        """As many as this machine has CPUs and GPUs for; of another cluster what is asked for.

        Raises:
            ConfigError: Ray is not installed, the cluster does not answer, or this is more than it can do.
        """
        if find_spec("ray") is None:
            raise ConfigError("executor=ray needs the library ray: pip install 'sepconv-nas[ray]'")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ConfigError(f"executor.gpus={self.gpus:g} must be a whole number, or a fraction of one GPU")
        if self.address is not None:
            _require_answer(self.address)
            if workers is None:
                raise ConfigError("executor.address needs workers=N: how many evaluations run at a time")
            return at_most(workers, MOST, self.name, "start several searches on one storage")
        if self.gpus:
            found = len(visible_gpus())
            if self.gpus > found:
                raise ConfigError(f"executor.gpus={self.gpus:g} is more than the {found} GPUs here; give fewer, or 0")
            most = int(found / self.gpus)
            return at_most(workers or most, most, self.name, f"lower executor.gpus={self.gpus:g}")
        cores = usable_cores()
        most = max(1, 8 * cores // self.cpus)
        return at_most(workers or max(1, cores // self.cpus), most, self.name, "null is one for each core")

    def start(self, slots: int) -> Executor:
        """Connect to the cluster, or start one with room for this many.

        Raises:
            RunFailed: Ray does not do it.
        """
        os.environ.update(_QUIET)
        if self.address is None:
            os.environ.update(_ALONE)
        import ray

        try:
            ended, folder = _connect(self, slots)
        except Exception as error:  # whatever Ray raises
            raise RunFailed(f"executor=ray cannot start: {cut(str(error).strip() or repr(error), 300)}") from None
        options = {
            "num_cpus": self.cpus,
            "num_gpus": self.gpus,
            "memory": None if self.memory_gb is None else int(self.memory_gb * 1e9),
            "max_restarts": 0,
        }
        actor = ray.remote(RayWorker).options(**{name: value for name, value in options.items() if value is not None})
        shipping, receiving = Shipping(ray.put), ThreadPoolExecutor(1)

        def make(number: int) -> _Remote:
            return _Remote(lambda: actor.remote(number, self.cpus, self.gpus > 0, folder), shipping, receiving)

        def end() -> None:
            receiving.shutdown()
            ended()

        return Workers(slots, make, patience=self.wait, ended=end)


class RayWorker:
    """What runs in the cluster: one evaluation after the other, and no state but copies of files, below a `folder`."""

    def __init__(self, number: int, threads: int, on_gpu: bool, folder: str | None) -> None:
        import ray

        start_worker(number, None if on_gpu else (), threads)
        self._mirror = Mirror(ray.get, folder)

    def ready(self) -> None:
        """It has started."""

    def perform(self, parcel: Parcel) -> Outcome:
        """Do the call."""
        return self._mirror.perform(parcel)


class _Remote:
    """This process's end of a `RayWorker`; results come in by the thread `receiving`, since Ray's own must not wait."""

    def __init__(self, begin: Callable[[], Any], shipping: Shipping, receiving: ThreadPoolExecutor) -> None:
        self._begin, self._shipping, self._receiving = begin, shipping, receiving
        self._actor: Any = None
        self._ready: Future[Any] | None = None

    def start(self, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Future[Any], Future[Any]]:
        """Send the call, and write what comes back before its result is there."""
        parcel = self._shipping.pack(function, args)
        if self._ready is None:
            self._actor = self._begin()
            self._ready = self._actor.ready.remote().future()
        result: Future[Any] = Future()

        def received(sent: Future[Outcome]) -> None:
            try:
                result.set_result(self._shipping.receive(sent.result()))
            except Exception as error:  # Ray's, the evaluation's, or that of a full disk here
                result.set_exception(error)

        sent = self._actor.perform.remote(parcel).future()
        sent.add_done_callback(lambda done: self._receiving.submit(received, done))
        return self._ready, result

    def loss(self, error: BaseException) -> str | None:
        """Why Ray has lost the worker."""
        from ray.exceptions import RayError

        if not isinstance(error, RayError):
            return None
        told = str(error)
        if "node" in told and ("node has died" in told or "node died" in told or "node was terminated" in told):
            return "the worker was lost with its machine"
        if "creation task" in told:
            return f"the worker could not start: {cut(told.strip().splitlines()[-1], 200)}"
        return "the worker process died (killed, or out of memory)"

    def kill(self) -> None:
        """Take the worker from Ray, which ends its process."""
        if self._actor is not None:
            import ray

            ray.kill(self._actor)

    def join(self) -> None:
        """Nothing is left here."""


def _connect(settings: RaySettings, slots: int) -> tuple[Callable[[], None], str | None]:
    """Connect this process to Ray, unless it is; what ends that, and the folder that goes with it, if one does."""
    import ray

    if ray.is_initialized():
        return lambda: None, None
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    ray._private.worker.print_to_stdstream = lambda *_, **__: None  # it tells of every worker that is lost
    if settings.address is not None:
        ray.init(address=settings.address, **quiet)
        return ray.shutdown, None
    for _ in range(STARTS - 1):
        with suppress(Exception):  # Ray gives itself 30 s, which a busy machine may exceed
            return _start_alone(settings, slots, quiet)
    return _start_alone(settings, slots, quiet)


def _start_alone(settings: RaySettings, slots: int, quiet: dict[str, Any]) -> tuple[Callable[[], None], str]:
    """Start a cluster of this machine alone; what ends it, and its folder."""
    import ray

    home = None if len(os.fsencode(tempfile.gettempdir())) <= LONGEST_HOME else "/tmp"
    place = tempfile.TemporaryDirectory(prefix="ray-", dir=home, ignore_cleanup_errors=True)

    def end() -> None:
        ray.shutdown()
        place.cleanup()

    try:
        ray.init(
            address="local",
            num_cpus=slots * settings.cpus,
            include_dashboard=settings.dashboard,
            dashboard_host="127.0.0.1",
            _temp_dir=place.name,
            **quiet,
        )
    except BaseException:
        end()
        raise
    return end, place.name


def _require_answer(address: str) -> None:
    """Refuse the address of a cluster that nobody answers at.

    Raises:
        ConfigError: it is no address, or nothing listens there.
    """
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"executor.address must be HOST:PORT, ray://HOST:PORT or auto, got {short(address)}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError as error:
        why = cut(str(error.strerror or error), 100)
        raise ConfigError(f"executor.address={short(address)}: no Ray cluster answers there ({why})") from None
