"""nas.dashboard: Optuna's own on a run, which it leaves as it is, and a workspace and a report of W&B."""

import json
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from wsgiref.simple_server import WSGIServer, make_server

import pytest

from nas.dashboard import named
from nas.errors import ConfigError, RunError
from nas.report.dashboards.optuna import dashboard_app, open_journal, serve
from nas.report.dashboards.wandb import _workspaces, build, make_report, make_workspace, specification
from nas.report.trackers.wandb_charts import FIELDS
from nas.search.record.study import describe, open_study
from tests.helpers.calls import call
from tests.helpers.run_sample import sample_front, sample_trials, write_run
from tests.helpers.search import go, problem

WANTED = problem()


def begin(folder: Path, trials: int) -> None:
    study = open_study(folder, None, WANTED.directions, {"seed": 0})
    describe(study, ["worth", "latency_ms"], {"hardware": "Pixel 4"})
    go(WANTED, study, trials=trials)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "pixel4-any"
    folder.mkdir()
    begin(folder, 4)
    return folder


@pytest.fixture
def address(run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the dashboard of `run` answers."""
    ready, told = threading.Event(), list[str]()
    servers: list[WSGIServer] = []

    def make(*given: Any, **more: Any) -> WSGIServer:
        servers.append(make_server(*given, **more))
        return servers[-1]

    monkeypatch.setattr("nas.report.dashboards.optuna.make_server", make)

    def say(at: str) -> None:
        told.append(at)
        ready.set()

    thread = threading.Thread(target=serve, args=(dashboard_app(open_journal(run)), "127.0.0.1", 0, say))
    thread.start()
    assert ready.wait(60)
    yield told[0].removesuffix("/dashboard")
    servers[0].shutdown()
    thread.join(60)


def ask(url: str, method: str = "GET", body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text[:1] in b"{[" else text.decode()


def grown(address: str) -> int:
    """How many trials are shown after a while: optuna-dashboard looks again every 2 seconds."""
    for _ in range(100):
        if (count := len(ask(f"{address}/api/studies/0")["trials"])) > 4:
            break
        time.sleep(0.1)
    return count


def test_the_dashboard_shows_the_run_as_it_grows_and_changes_nothing(run: Path, address: str) -> None:
    assert address.startswith("http://127.0.0.1:")
    [study] = ask(f"{address}/api/studies")["study_summaries"]
    assert study["study_name"] == "pixel4-any"
    detail = ask(f"{address}/api/studies/0")
    assert detail["name"] == "pixel4-any"
    assert detail["objective_names"] == ["worth", "latency_ms"]
    assert len(detail["trials"]) == 4
    names = {parameter["name"] for parameter in detail["union_search_space"]}
    assert {"stage1.op", "stage1.kernel", "strides"} <= names
    assert {attribute["key"] for attribute in detail["union_user_attrs"]} == {"network", "macs", "accuracy"}
    assert "<title>" in ask(f"{address}/dashboard/studies/0")

    begin(run, 6)  # the search goes on meanwhile
    path = run / "study.journal"
    with path.open("ab") as file:
        file.write(b'{"op_code": 4, "worker')
    before = {each: each.read_bytes() for each in run.iterdir()}
    assert grown(address) == 6
    refused = [("POST", "/api/studies"), ("POST", "/api/studies/0/rename"), ("DELETE", "/api/studies/0")]
    for method, place in [*refused, ("PUT", "/api/studies/0/note"), ("POST", "/api/trials/0/user-attrs")]:
        with pytest.raises(HTTPError) as caught:
            ask(address + place, method, b'{"study_name": "x", "directions": [1], "user_attrs": {"a": 1}}')
        caught.value.close()
        assert caught.value.code == 403
    assert {each: each.read_bytes() for each in run.iterdir()} == before
    assert len(ask(f"{address}/api/studies")["study_summaries"]) == 1


def test_a_journal_is_only_looked_at(run: Path) -> None:
    storage = open_journal(run)
    with pytest.raises(PermissionError, match="is only looked at"):
        storage.delete_study(0)
    assert open_journal(run).get_all_studies()[0].study_name == "pixel4-any"


def test_what_cannot_be_shown_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RunError, match=r"holds no study\.journal; give the folder of a search"):
        open_journal(tmp_path)
    for content in ("{}\n", "5\n", "not JSON\n", '{"op_code":0}\n', '{"op_code":99,"worker_id":"w"}\n'):
        (tmp_path / "study.journal").write_text(content)
        with pytest.raises(RunError, match=r"cannot read .*study\.journal: "):
            open_journal(tmp_path)
    assert call(monkeypatch, "dashboard") == 2
    assert "which run? python -m nas.dashboard RUN" in capsys.readouterr().err
    for words, says in (
        (["run=x", "port=99999"], r"port"),
        (["run=x", "tracker=neptune"], r"unknown tracker 'neptune'"),
        (["run=x", "tracker=mlflow"], r"tracker=mlflow has no dashboard here; give tracker=wandb"),
        (["run=nowhere"], r"holds no study.journal"),
        (["run=nowhere", "tracker=wandb"], r"front.json"),
        (["run=x", "storage=nothing://there"], r"cannot open storage"),
    ):
        assert call(monkeypatch, "dashboard", *words) == 2
        said = capsys.readouterr().err
        assert says in said
        assert said.count("\n") == 1


def test_a_port_that_is_taken_and_a_missing_package(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot listen on host=127\.0\.0\.1 port={port}: .*another port"):
            serve(lambda *_: [], "127.0.0.1", port, print)
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(ConfigError, match=r"pip install 'sepconv-nas\[dashboard\]'"):
        dashboard_app(open_journal(run))
    monkeypatch.setitem(sys.modules, "wandb_workspaces.workspaces", None)
    with pytest.raises(ConfigError, match=r"pip install 'sepconv-nas\[dashboard\]'"):
        next(build(run, "p", None))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["runs/a", "port=1"], ["run='runs/a'", "port=1"]),
        (["run=runs/a"], ["run=runs/a"]),
        (["--help"], ["--help"]),
        (["it's a run"], [r"run='it\'s a run'"]),
        ([], []),
    ],
)
def test_the_first_word_is_the_run(words: list[str], expected: list[str]) -> None:
    assert named(words) == expected


# Weights & Biases


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run that was tracked, and nobody logged in."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    folder = write_run(tmp_path / "run", sample_front(), sample_trials())
    (folder / "wandb").mkdir()
    (folder / "wandb" / "run-id").write_text("0a1b2c3d")
    return folder


def test_without_an_account_the_specifications_are_written(tracked: Path) -> None:
    said = list(build(tracked, "sepconv-nas", None))
    assert "wandb login, wandb sync" in said[-1]
    workspace, report = (
        json.loads((tracked / "wandb" / f"{name}.json").read_text()) for name in ("workspace", "report")
    )
    assert (workspace["entity"], workspace["project"]) == ("your-entity", "sepconv-nas")
    assert report["project"] == {"name": "sepconv-nas", "entityName": "your-entity"}
    text = json.dumps(report)
    assert "0a1b2c3d" in text
    assert all(member.notation in text for member in sample_front().front)
    assert sample_front().command.replace('"', '\\"') in text


def test_the_workspace_has_live_curves_the_front_and_a_comparison() -> None:
    made = specification(make_workspace(Path("run"), sample_front(), "me", "p"))
    sections = made["spec"]["section"]["panelBankConfig"]["sections"]
    assert [each["name"] for each in sections[:3]] == ["While it searches", "What it found", "Several searches"]
    search, found, runs = (each["panels"] for each in sections[:3])
    metrics = {metric for panel in search for metric in panel["config"]["metrics"]}
    assert {"hypervolume", "front_size", "accuracy", "worth", "latency_ms", "seconds"} <= metrics
    charts = {panel["config"]["panelDefId"]: panel["config"] for panel in found if panel["viewType"] == "Vega2"}
    assert set(charts) == {f"me/{name}" for name in FIELDS}
    for name, fields in FIELDS.items():
        assert charts[f"me/{name}"]["fieldSettings"] == dict(fields)
    assert any(panel["viewType"] == "Parallel Coordinates Plot" for panel in runs)


def test_a_run_that_was_not_tracked_has_no_report(tracked: Path) -> None:
    (tracked / "wandb" / "run-id").unlink()
    with pytest.raises(RunError, match="was not tracked by tracker=wandb"):
        make_report(tracked, sample_front(), "me", "p")


def test_with_an_account_all_is_saved_there(tracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    wr, ws = _workspaces()
    put: list[tuple[Any, ...]] = []

    class Api:
        default_entity = "me"

        def create_custom_chart(self, *given: Any) -> None:
            put.append(given)
            if len(put) == 1:
                raise wandb.Error("a chart of that name already exists")

    monkeypatch.setattr(wandb, "Api", Api)
    monkeypatch.setattr(wandb, "login", lambda **_: True)
    for kind in (ws.Workspace, wr.Report):
        monkeypatch.setattr(kind, "save", lambda self: self)
        monkeypatch.setattr(kind, "url", property(lambda self: f"https://there/{self.entity}/{self.project}"))
    assert list(build(tracked, "p", None)) == ["workspace: https://there/me/p", "report: https://there/me/p"]
    assert [each[1] for each in put] == list(FIELDS)
    assert not list((tracked / "wandb").glob("*.json"))
    monkeypatch.setattr(ws.Workspace, "save", lambda self: 1 / 0)
    with pytest.raises(ConfigError, match="Weights & Biases refused it: division by zero"):
        list(build(tracked, "p", None))
