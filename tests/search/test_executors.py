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
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import DictConfig

from nas.commandline import parse
from nas.errors import RunError
from nas.resources import data_dir
from nas.search.executors import EXECUTORS
from nas.search.executors.base import Executor, TookTooLong, WorkerDied
from nas.search.executors.inline import InlineExecutor
from nas.search.executors.local import LocalExecutor
from tests.helpers.docs import field_texts
from tests.helpers.processes import python
from tests.helpers.refusal import refusal

INLINE = "inline"
"""The one without workers, which no setting chooses."""


def started(name: str, workers: int) -> Executor:
    """The executor of that name with the settings of its file."""
    if name == INLINE:
        return InlineExecutor()
    defaults = yaml.safe_load((data_dir("conf") / "executor" / f"{name}.yaml").read_text(encoding="utf-8"))
    return parse(DictConfig(defaults), EXECUTORS[name]).start(workers)


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
def executor(name: str) -> Iterator[Executor]:
    """Of one worker."""
    made = started(name, 1)
    yield made
    made.close()


@pytest.mark.parametrize("name", [INLINE, *EXECUTORS])
class TestEveryExecutor:
    """Results, and errors where they belong; workers are replaced."""

    def test_results_and_errors_come_with_their_future(self, name: str, executor: Executor) -> None:
        assert outcome(executor.submit(operator.add, 1, 2)) == 3
        with pytest.raises(ZeroDivisionError):
            outcome(executor.submit(operator.truediv, 1, 0))
        assert outcome(executor.submit(operator.sub, 1, 2)) == -1

    def test_one_after_the_other_where_one_ends_first(self, name: str, executor: Executor) -> None:
        assert executor.slots == 1
        assert [outcome(executor.submit(abs, -number)) for number in range(5)] == list(range(5))

    def test_files_are_there_under_their_path(self, name: str, executor: Executor, tmp_path: Path) -> None:
        (tmp_path / "here").write_text("seen")
        if executor.shared_files:
            assert outcome(executor.submit(Path.read_text, tmp_path / "here")) == "seen"
            outcome(executor.submit(Path.write_text, tmp_path / "there", "back"))
            assert (tmp_path / "there").read_text() == "back"

    def test_closed_twice_is_closed(self, name: str, executor: Executor) -> None:
        executor.close()


@pytest.mark.parametrize("name", EXECUTORS)
class TestEveryExecutorOfWorkers:
    """Workers run elsewhere, several at once, and may die."""

    def test_it_is_chosen_by_its_name_and_says_what_each_setting_does(self, name: str) -> None:
        defaults = yaml.safe_load((data_dir("conf") / "executor" / f"{name}.yaml").read_text(encoding="utf-8"))
        texts = field_texts(EXECUTORS[name])
        assert set(defaults) == set(texts)
        assert all(text for field, text in texts.items() if field != "name")
        assert typing.get_args(typing.get_type_hints(EXECUTORS[name])["name"]) == (name,)
        assert pickle.loads(pickle.dumps(parse(DictConfig(defaults), EXECUTORS[name]))).name == name

    def test_a_worker_is_another_process_of_one_thread_deaf_to_interrupts(self, name: str, executor: Executor) -> None:
        assert outcome(executor.submit(os.getpid)) != os.getpid()
        assert outcome(executor.submit(torch.get_num_threads)) == 1
        assert outcome(executor.submit(signal.getsignal, signal.SIGINT)) == signal.SIG_IGN

    def test_a_worker_that_dies_fails_its_evaluation_and_is_replaced(self, name: str, executor: Executor) -> None:
        first = outcome(executor.submit(os.getpid))
        with pytest.raises(WorkerDied, match="killed, or out of memory"):
            outcome(executor.submit(signal.raise_signal, signal.SIGKILL))
        assert outcome(executor.submit(os.getpid)) not in (first, os.getpid())

    def test_a_worker_that_hangs_is_ended_and_replaced(self, name: str, executor: Executor) -> None:
        with pytest.raises(TookTooLong, match=r"over the time limit of 0\.5 s"):
            outcome(executor.submit(time.sleep, 1000, limit=0.5))
        stopped = outcome(executor.submit(os.getpid, limit=100))
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(TookTooLong):
            outcome(executor.submit(abs, -1, limit=0.5))
        assert outcome(executor.submit(os.getpid, limit=100)) != stopped

    def test_several_at_once_end_in_any_order_and_close_abandons_them(self, name: str, tmp_path: Path) -> None:
        executor = started(name, 2)
        try:
            assert executor.slots == 2
            endless = executor.submit(time.sleep, 1000)
            assert [outcome(executor.submit(abs, -number)) for number in range(3)] == [0, 1, 2]
            assert not endless.done()
        finally:
            closing = threading.Thread(target=executor.close)
            closing.start()
            closing.join(120)
        assert not closing.is_alive()
        assert isinstance(endless.exception(timeout=120), WorkerDied)


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
    executor = LocalExecutor(1)
    first = outcome(executor.submit(os.getpid))
    with pytest.raises(ZeroDivisionError):
        outcome(executor.submit(operator.truediv, 1, 0))
    assert outcome(executor.submit(os.getpid)) == first  # an error costs no worker
    (child,) = multiprocessing.active_children()
    assert child.pid == first
    child.kill()
    child.join(60)
    assert wait_for(lambda: executor._idle[0].pool._broken)
    sleeping = executor.submit(time.sleep, 1000)
    assert len(multiprocessing.active_children()) == 1
    executor.close()
    assert not multiprocessing.active_children()
    assert isinstance(sleeping.exception(timeout=60), WorkerDied)


def test_local_closes_over_a_stopped_worker_that_has_nothing_to_do() -> None:
    executor = LocalExecutor(1)
    os.kill(outcome(executor.submit(os.getpid)), signal.SIGSTOP)
    executor.close()
    assert not multiprocessing.active_children()


def test_local_workers_do_not_run_again_the_script_that_started_them(tmp_path: Path) -> None:
    """A user's, which has no `if __name__ == "__main__"`."""
    script = tmp_path / "script.py"
    script.write_text(
        "from nas.search.executors.local import LocalExecutor\n"
        "print('begun', flush=True)\n"
        "executor = LocalExecutor(1)\n"
        "print(executor.submit(abs, -3).result())\n"
        "executor.close()\n"
    )
    done = python(str(script), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "begun\n3\n"), done.stderr


def test_local_says_in_one_line_that_the_system_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("nas.search.executors.local.ProcessPoolExecutor", full)
    assert "/dev/shm" in refusal(RunError, started, "local", 2)
