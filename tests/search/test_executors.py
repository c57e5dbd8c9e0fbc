"""Where evaluations run: errors stay with their evaluation, and workers are replaced."""

import multiprocessing
import operator
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import torch

from nas.search.executors.base import WorkerDied
from nas.search.executors.inline import InlineExecutor
from nas.search.executors.local import LocalExecutor


def wait_for(condition: Callable[[], Any]) -> bool:
    """Whether `condition` comes true; the limit is a safety net."""
    give_up = time.monotonic() + 120
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True


def outcome(future: Future[Any]) -> Any:
    return future.result(timeout=120)


@pytest.fixture
def one_worker() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(1)
    yield executor
    executor.close()


def test_inline_executor_keeps_errors_in_the_future() -> None:
    executor = InlineExecutor()
    assert executor.submit(os.getpid).result() == os.getpid()
    assert isinstance(executor.submit(operator.truediv, 1, 0).exception(), ZeroDivisionError)
    with pytest.raises(KeyboardInterrupt):
        executor.submit(signal.raise_signal, signal.SIGINT)
    executor.close()


def test_local_executor_runs_elsewhere_and_survives_its_workers(one_worker: LocalExecutor) -> None:
    first = outcome(one_worker.submit(os.getpid))
    assert first != os.getpid()
    assert outcome(one_worker.submit(torch.get_num_threads)) == 1
    assert outcome(one_worker.submit(signal.getsignal, signal.SIGINT)) == signal.SIG_IGN
    with pytest.raises(ZeroDivisionError):
        outcome(one_worker.submit(operator.truediv, 1, 0))
    assert outcome(one_worker.submit(os.getpid)) == first
    with pytest.raises(WorkerDied, match="killed, or out of memory"):
        outcome(one_worker.submit(signal.raise_signal, signal.SIGKILL))
    second = outcome(one_worker.submit(os.getpid))
    assert second not in (first, os.getpid())
    (child,) = multiprocessing.active_children()
    assert child.pid == second
    child.kill()  # while it has nothing to do
    child.join(60)
    assert wait_for(lambda: one_worker._idle[0][1]._broken)
    sleeping = one_worker.submit(time.sleep, 1000)
    assert len(multiprocessing.active_children()) == 1
    one_worker.close()
    assert not multiprocessing.active_children()
    assert isinstance(sleeping.exception(timeout=60), WorkerDied)
