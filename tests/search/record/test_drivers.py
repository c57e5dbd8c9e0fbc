"""Several drivers of one study: nothing lost and nothing twice, in every kind of storage that can be started here."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import get_storage
from optuna.storages._grpc.server import make_server
from optuna.study import Study
from optuna.trial import TrialState, create_trial

from nas.errors import RunError
from nas.search.parameters import decode, distributions, encode
from nas.search.record import drivers
from nas.search.record.claims import begin, claim_finish, finishers, take_over
from nas.search.record.databases import Database
from nas.search.record.drivers import Driver, Elsewhere
from nas.search.record.mirror import Mirror
from nas.search.record.notes import note_trial
from nas.search.record.storage import close, open_storage
from nas.search.record.study import open_study
from nas.search.record.trial import records, trials
from tests.helpers import mariadb
from tests.helpers.driver import STUDY
from tests.helpers.postgres import Server, Wire, free_port, missing, server
from tests.helpers.search import TINY, evaluate, problem

LIMIT_S = 120
"""A safety net for whatever is waited for; nothing is measured against it."""
ROWS = list(itertools.islice(TINY.genotypes(), 12))
KINDS = ("journal", "sqlite", "postgresql", "mysql", "grpc")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    if why := missing():
        pytest.skip(why)
    with server() as found:
        yield found


@pytest.fixture(scope="module")
def mysql() -> Iterator[str]:
    if why := mariadb.missing():
        pytest.skip(why)
    with mariadb.server() as found:
        yield found


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A storage that nobody uses yet, of each kind."""
    if request.param == "journal":
        yield f"journal:///{tmp_path / 'shared.journal'}"
    elif request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'shared.db'}"
    elif request.param == "grpc":
        port = free_port()
        proxy = make_server(get_storage(f"sqlite:///{tmp_path / 'behind.db'}"), "127.0.0.1", port)
        proxy.start()
        yield f"grpc://127.0.0.1:{port}"
        proxy.stop(None)
    else:
        kind = request.param
        found = request.getfixturevalue("mysql") if kind == "mysql" else request.getfixturevalue("postgres").url
        yield found
        storage = open_storage(found)
        assert isinstance(storage, Mirror)
        storage._storage.delete_study(storage.get_study_id_from_name(STUDY))
        close(storage)


OPENED: list[Study] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while OPENED:
        close(OPENED.pop()._storage)


def opened(folder: Path, url: str) -> Study:
    folder.mkdir(exist_ok=True)
    OPENED.append(open_study(folder, url, problem().directions, {"seed": 0}, None, STUDY))
    return OPENED[-1]


def draft(row: int, driver: str) -> optuna.trial.FrozenTrial:
    """A trial of the network `row` of tiny, as a driver writes it."""
    params = encode(TINY, ROWS[row])
    measures = problem().candidate(decode(TINY, params)).measures()
    return create_trial(
        state=TrialState.RUNNING,
        params=params,
        distributions=distributions(TINY),
        system_attrs={"candidate": measures, "driver": driver},
    )


def test_of_racing_drivers_each_network_has_one(url: str, tmp_path: Path) -> None:
    """Three threads with connections of their own, each after the same twelve networks in an order of its own."""
    studies = [opened(tmp_path / name, url) for name in "abc"]
    won: dict[str, list[int]] = {name: [] for name in "abc"}
    ready = threading.Barrier(3)

    def claim(name: str, study: Study) -> None:
        for step in range(12):
            row = (step // 2 * 2 + (step + ord(name)) % 2) % 12  # pairs, half of them in the other order
            ready.wait(LIMIT_S)
            trial = begin(study, draft(row, name))
            if trial is not None:
                won[name].append(row)

    threads = [threading.Thread(target=claim, args=pair) for pair in zip("abc", studies, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert sorted(row for rows in won.values() for row in rows) == list(range(12))
    study = opened(tmp_path / "after", url)
    found = records(study)
    assert len({trial.key for trial in found}) == len(found) == 12
    assert [trial.number for trial in trials(study)] == list(range(36))
    assert {(trial.driver, trial.key) for trial in found} == {
        (name, TINY.architecture(ROWS[row]).key) for name, rows in won.items() for row in rows
    }


def test_what_a_dead_driver_left_has_one_heir(url: str, tmp_path: Path) -> None:
    dead, one, other = (opened(tmp_path / name, url) for name in ("dead", "one", "other"))
    left = begin(dead, draft(5, "dead"))
    assert left is not None
    heirs = [take_over(study, left.number, name) for study, name in ((one, "one"), (other, "other"))]
    assert sum(heir is not None for heir in heirs) == 1
    found = records(opened(tmp_path / "after", url))
    assert [(trial.state, trial.driver) for trial in found] == [("running", "one")]
    assert found[0].params == left.params
    with pytest.raises(UpdateFinishedTrialError):  # it was not dead, and comes back
        note_trial(left, "rungs", [])


def test_a_driver_is_dead_when_the_others_go_on_and_it_does_not(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "MISSED", 3)
    silent, lively, one = (Driver(opened(tmp_path / name, url), name, name) for name in ("silent", "lively", "one"))
    silent.beat()
    lively.beat()
    one.beat()
    for beat in range(3):
        assert not one.is_dead("silent")
        lively.beat()
        one.beat()
        assert one.is_dead("silent") == (beat == 2)
        assert not one.is_dead("lively")
    assert not one.is_dead("new, and not heard of yet")
    assert not one.is_dead("one")
    silent.beat()
    one.beat()
    assert not one.is_dead("silent")
    lively.start()
    lively.leave()
    one.beat()
    assert one.is_dead("lively")


def test_one_driver_makes_the_result(tmp_path: Path) -> None:
    url = f"journal:///{tmp_path / 'shared.journal'}"
    first, second = (Driver(opened(tmp_path / name, url), name, f"host:{name}") for name in ("first", "second"))
    for driver in (first, second):
        driver.beat()
    first.beat()
    first.require_finish()
    with pytest.raises(Elsewhere, match="host:first confirms its front"):
        second.require_finish()
    first.finished()
    first.leave()
    second.beat()
    with pytest.raises(Elsewhere, match="the result is in host:first"):
        second.require_finish()
    study = opened(tmp_path / "third", url)
    trial = begin(study, draft(1, "third"))
    note_trial(trial, "rungs", [{"how": "short", "seconds": 1.0, "accuracy": 0.5}])
    study.tell(trial, [0.5, 1.0])
    second.require_finish()  # there is more to confirm, and the first has left
    assert finishers(study) == ["first", "second"]
    claim_finish(study, "third")
    assert not [trial for trial in records(study) if trial.number > 2]


def test_other_settings_do_not_join(url: str, tmp_path: Path) -> None:
    opened(tmp_path / "a", url)
    (tmp_path / "b").mkdir()
    with pytest.raises(
        RunError, match=rf"study {STUDY} of storage=.* holds a search with seed=0, not 1.*study="
    ) as told:
        open_study(tmp_path / "b", url, problem().directions, {"seed": 1}, None, STUDY)
    assert "not-to-be-seen" not in str(told.value)


def test_half_a_line_of_a_killed_driver_is_no_others_loss(tmp_path: Path) -> None:
    url, path = f"journal:///{tmp_path / 'shared.journal'}", tmp_path / "shared.journal"
    one, other = opened(tmp_path / "one", url), opened(tmp_path / "other", url)
    begin(one, draft(0, "one"))
    assert len(records(other)) == 1
    with path.open("ab") as file:
        file.write(b'{"op_code":4,"worker')
    assert len(records(other)) == 1
    begin(other, draft(1, "other"))
    assert [trial.driver for trial in records(one)] == ["one", "other"]
    assert path.read_bytes().endswith(b"}\n")
    assert b'"worker{' not in path.read_bytes()


def test_an_answer_that_was_lost_is_no_second_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks after a commit and before its answer."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    study = opened(tmp_path / "one", url)
    storage = study._storage
    assert isinstance(storage, Mirror)
    monkeypatch.setattr(storage, "_passes", lambda error: isinstance(error, ConnectionError))
    monkeypatch.setattr("nas.search.record.mirror.PAUSE_S", 0.0)
    lost: list[str] = []

    def once(name: str) -> None:
        whole = getattr(Database, name)

        def broken(self: Database, *arguments: object) -> object:
            result = whole(self, *arguments)
            if name not in lost:
                lost.append(name)
                raise ConnectionError("gone")
            return result

        monkeypatch.setattr(Database, name, broken)

    once("_create_new_trial")
    once("set_trial_state_values")
    trial = begin(study, draft(3, "one"))
    assert trial.number == 0
    note_trial(trial, "rungs", [{"how": "short", "seconds": 1.0, "accuracy": 0.5}])
    study.tell(trial, [0.5, 1.0])
    assert lost == ["_create_new_trial", "set_trial_state_values"]
    found = records(opened(tmp_path / "other", url))
    assert [(trial.number, trial.state) for trial in found] == [(0, "complete")]


def test_what_one_wrote_is_what_another_reads(url: str, tmp_path: Path) -> None:
    """Parameters, attributes, constraints and times, of a trial that was written as one."""
    study = opened(tmp_path / "one", url)
    wanted = draft(7, "one")
    wanted.set_constraint("budget", -0.5)
    trial = begin(study, wanted)
    note_trial(trial, "rungs", [{"how": "short", "seconds": 1.0, "accuracy": 0.25}])
    study.tell(trial, [0.25, 1.5])
    for found in (study.trials[0], opened(tmp_path / "other", url).trials[0]):
        assert (found.params, found.distributions) == (wanted.params, wanted.distributions)
        assert {**found.system_attrs, "rungs": None} == {**wanted.system_attrs, "rungs": None}
        assert found.constraints == {"budget": -0.5}
        assert (found.values, found.state) == ([0.25, 1.5], TrialState.COMPLETE)
        assert abs((found.datetime_start - wanted.datetime_start).total_seconds()) < 1
        assert found.datetime_complete >= found.datetime_start


class Process:
    """A driver in a process of its own."""

    def __init__(self, folder: Path, url: str, trials: int, seconds: float) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.log = folder, folder / "log"
        command = [sys.executable, "-m", "tests.helpers.driver", str(folder), url, str(trials), str(seconds)]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    @property
    def evaluated(self) -> list[str]:
        path = self.folder / "evaluated"
        return path.read_text().split() if path.exists() else []

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def wait_for(condition: Callable[[], object], *running: Process) -> None:
    give_up = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up, [each.log.read_text() for each in running]
        time.sleep(0.05)


NETWORKS = 100


def test_a_driver_killed_the_server_started_anew_and_the_network_cut(tmp_path: Path) -> None:
    """Three drivers of two workers at so many networks in PostgreSQL; evaluations sleep."""
    if why := missing():
        pytest.skip(why)
    with server() as there:
        wire = Wire(there.port)
        wire.join()
        names = (("direct", there.url), ("killed", there.url), ("wired", Server.at(wire.port)))
        running = [Process(tmp_path / name, url, NETWORKS, 0.3) for name, url in names]
        direct, killed, wired = running
        try:
            wait_for(lambda: all("started" in each.log.read_text() for each in running), *running)
            (tmp_path / "go").touch()
            wait_for(lambda: all(each.evaluated for each in running), *running)
            killed.kill()
            wait_for(lambda: len(direct.evaluated) >= 3 and len(wired.evaluated) >= 3, direct, wired)
            there.stop()
            both = direct, wired
            wait_for(lambda: all("cannot be reached" in each.log.read_text() for each in both), *both)
            there.start()
            before = len(wired.evaluated)
            wait_for(lambda: len(wired.evaluated) > before, direct, wired)
            wire.cut()
            time.sleep(0.5)
            wire.join()
            assert [each.process.wait(LIMIT_S) for each in (direct, wired)] == [0, 0], [
                each.log.read_text() for each in running
            ]
        finally:
            for each in running:
                if each.process.poll() is None:
                    each.kill()
            wire.cut()
        found = records(opened(tmp_path / "after", there.url))
    assert {trial.state for trial in found} == {"complete"}  # nothing is lost
    assert NETWORKS <= len(found) <= NETWORKS + 2  # each further driver may begin one as the last is begun elsewhere
    assert len({trial.key for trial in found}) == len(found)  # nothing is there twice
    for trial in found:
        assert trial.rungs[-1].accuracy == evaluate(decode(TINY, trial.params)).accuracy
    asked = Counter(key for each in running for key in each.evaluated)
    assert set(asked) == {trial.key for trial in found}
    again = [key for key, times in asked.items() if times > 1]
    assert set(again) <= set(killed.evaluated)  # evaluated, and not told of before the end
    outputs = [each.log.read_text() for each in (direct, wired)]
    assert all("cannot be reached" in output and "is reached again" in output for output in outputs)
    assert sorted(output.count("finishes") for output in outputs) == [0, 1]
    assert "not-to-be-seen" not in "".join(outputs)
