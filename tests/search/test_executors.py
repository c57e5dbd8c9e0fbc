"""Where evaluations run: what holds for every executor, and how processes of this machine come and go."""

import errno
import multiprocessing
import operator
import os
import pickle
import signal
import threading
import time
import typing
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from nas.errors import ConfigError, RunError
from nas.resources import data_dir
from nas.search.executors import EXECUTORS
from nas.search.executors.base import Executor, TookTooLong, WorkerDied
from nas.search.executors.inline import InlineExecutor
from nas.search.executors.local import local_executor
from tests.helpers.docs import field_texts
from tests.helpers.executors import DEBUG, INLINE, NAMES, Starter, settings_of, starter, wait_for
from tests.helpers.processes import python
from tests.helpers.refusal import refusal


def outcome(future: Future[Any]) -> Any:
    return future.result(timeout=600)


def about_this_process() -> tuple[int, int, Any, str]:
    """Process, threads, what Ctrl-C does, and the GPUs it sees."""
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "unset")
    return os.getpid(), torch.get_num_threads(), signal.getsignal(signal.SIGINT), gpus


@pytest.fixture(scope="module")
def starters(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Starter]]:
    """What starts the executors of a name."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("OMP_NUM_THREADS", "2")  # that a worker has one thread is its own doing

        @cache
        def made(name: str) -> Starter:
            folder = tmp_path_factory.mktemp("executor")
            return stack.enter_context(contextmanager(starter)(request, [name], folder))

        yield made


@pytest.fixture
def start(name: str, starters: Callable[[str], Starter]) -> Starter:
    return starters(name)


@pytest.fixture
def executor(name: str, start: Starter) -> Executor:
    """Of one worker, the same for all tests: it must go on whatever becomes of an evaluation."""
    return start.made[0] if start.made else start(name, 1)


@pytest.mark.parametrize("name", [INLINE, DEBUG, *NAMES], scope="class")
class TestEveryExecutor:
    """Results, and errors where they belong, one evaluation after the other."""

    def test_results_and_errors_come_with_their_future(self, name: str, executor: Executor) -> None:
        assert executor.slots == 1
        assert outcome(executor.submit(operator.add, 1, 2)) == 3
        with pytest.raises(ZeroDivisionError):
            outcome(executor.submit(operator.truediv, 1, 0))

    def test_files_are_there_under_their_path(self, name: str, executor: Executor, tmp_path: Path) -> None:
        (tmp_path / "here").write_text("seen")
        assert executor.shared_files
        assert outcome(executor.submit(Path.read_text, tmp_path / "here")) == "seen"
        outcome(executor.submit(Path.write_text, tmp_path / "there", "back"))
        assert (tmp_path / "there").read_text() == "back"

    def test_closed_twice_is_closed_though_nothing_ran(self, name: str, executor: Executor, start: Starter) -> None:
        other = start(name, 1)
        assert other is not executor
        other.close()
        other.close()


@pytest.mark.parametrize("name", NAMES, scope="class")
class TestEveryExecutorOfWorkers:
    """Workers run elsewhere, several at once, and may die."""

    def test_it_is_chosen_by_its_name_and_says_what_each_setting_does(self, name: str) -> None:
        defaults = yaml.safe_load((data_dir("conf") / "executor" / f"{name}.yaml").read_text(encoding="utf-8"))
        texts = field_texts(EXECUTORS[name])
        assert set(defaults) == set(texts)
        assert all(text for field, text in texts.items() if field != "name")
        assert typing.get_args(typing.get_type_hints(EXECUTORS[name])["name"]) == (name,)
        assert pickle.loads(pickle.dumps(settings_of(name))).name == name

    def test_a_worker_is_another_process_of_one_thread_deaf_to_interrupts(self, name: str, executor: Executor) -> None:
        pid, threads, interrupted, _ = outcome(executor.submit(about_this_process))
        assert (pid != os.getpid(), threads, interrupted) == (True, 1, signal.SIG_IGN)

    def test_a_worker_that_dies_fails_its_evaluation_and_is_replaced(self, name: str, executor: Executor) -> None:
        with pytest.raises(WorkerDied, match="killed, or out of memory"):
            outcome(executor.submit(signal.raise_signal, signal.SIGKILL))
        assert outcome(executor.submit(os.getpid)) != os.getpid()

    def test_a_worker_that_hangs_is_ended_and_replaced(self, name: str, executor: Executor) -> None:
        with pytest.raises(TookTooLong, match=r"over the time limit of 0\.5 s"):
            outcome(executor.submit(time.sleep, 10_000, limit=0.5))
        lost = (TookTooLong, WorkerDied) if name == "ray" else TookTooLong  # Ray may find a stopped process lost first
        with pytest.raises(lost):
            outcome(executor.submit(signal.raise_signal, signal.SIGSTOP, limit=0.5))
        assert outcome(executor.submit(abs, -1, limit=600)) == 1


@pytest.mark.parametrize("name", NAMES, scope="class")
class TestSeveralWorkers:
    """More than one at a time."""

    def test_several_at_once_end_in_any_order_and_close_abandons_them(
        self, name: str, executor: Executor, start: Starter
    ) -> None:
        executor.close()
        executor.close()  # twice is once; its worker's place is free now
        executor = start(name, 2)
        assert executor.slots == 2
        endless = executor.submit(time.sleep, 10_000)
        assert [outcome(executor.submit(abs, -number)) for number in range(2)] == [0, 1]
        assert not endless.done()
        closing = threading.Thread(target=executor.close)
        closing.start()
        closing.join(600)
        assert not closing.is_alive()
        assert isinstance(endless.exception(timeout=600), WorkerDied)


def test_inline_runs_here_and_lets_an_interrupt_through() -> None:
    executor = InlineExecutor()
    assert executor.submit(os.getpid).result() == os.getpid()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            executor.submit(signal.raise_signal, signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_local_replaces_a_worker_killed_while_idle_and_leaves_no_process() -> None:
    executor = local_executor(1)
    first = outcome(executor.submit(os.getpid))
    with pytest.raises(ZeroDivisionError):
        outcome(executor.submit(operator.truediv, 1, 0))
    assert outcome(executor.submit(os.getpid)) == first  # an error costs no worker
    (child,) = multiprocessing.active_children()
    assert child.pid == first
    child.kill()
    child.join(60)
    worker: Any = executor._idle[0][1]
    assert wait_for(lambda: worker.pool._broken)
    sleeping = executor.submit(time.sleep, 1000)
    assert len(multiprocessing.active_children()) == 1
    executor.close()
    assert not multiprocessing.active_children()
    assert isinstance(sleeping.exception(timeout=60), WorkerDied)


def test_local_closes_over_a_stopped_worker_that_has_nothing_to_do() -> None:
    executor = local_executor(1)
    os.kill(outcome(executor.submit(os.getpid)), signal.SIGSTOP)
    with pytest.raises(TookTooLong):
        outcome(executor.submit(abs, -1, limit=0.5))
    os.kill(outcome(executor.submit(os.getpid)), signal.SIGSTOP)
    executor.close()
    assert not multiprocessing.active_children()


def test_local_workers_do_not_run_again_the_script_that_started_them(tmp_path: Path) -> None:
    """A user's, which has no `if __name__ == "__main__"`."""
    script = tmp_path / "script.py"
    script.write_text(
        "from nas.search.executors.local import local_executor\n"
        "print('begun', flush=True)\n"
        "executor = local_executor(1)\n"
        "print(executor.submit(abs, -3).result())\n"
        "executor.close()\n"
    )
    done = python(str(script), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "begun\n3\n"), done.stderr


def test_local_says_in_one_line_that_the_system_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("nas.search.executors.local.ProcessPoolExecutor", full)
    assert "/dev/shm" in refusal(RunError, settings_of("local").start, 2)


def test_local_deals_out_gpus_among_workers_and_takes_several_trials_on_each(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("local", {"gpus": (0, "GPU-8e2"), "trials_per_gpu": 2})
    assert settings.slots(None) == 4
    assert refusal(ConfigError, settings.slots, 5).startswith("workers=5 is more than executor=local starts here, 4; ")
    executor = replace(settings, trials_per_gpu=1).start(2)
    try:
        first, second = (executor.submit(about_this_process) for _ in range(2))
        assert {outcome(future)[3] for future in (first, second)} == {"0", "GPU-8e2"}
    finally:
        executor.close()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    assert replace(settings, gpus=None).slots(None) == 6
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert "needs GPUs" in refusal(ConfigError, replace(settings, gpus=None).slots, None)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system keeps no process to some of its cores")
def test_workers_are_as_many_as_the_cores_that_this_process_may_use() -> None:
    settings, before = settings_of("local"), os.sched_getaffinity(0)
    assert settings.slots(None) == len(before)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert settings.slots(None) == 1
        assert "starts here, 8" in refusal(ConfigError, settings.slots, 9)
    finally:
        os.sched_setaffinity(0, before)
