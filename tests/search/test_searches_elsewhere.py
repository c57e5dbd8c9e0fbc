"""One small search with each executor: its record and its files are those of `executor=local`."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.calls import run_command

WORDS = [
    *(
        "search_space=tiny",
        "budget=3M",
        "data.limit=200",
        "workers=1",
        "trials=2",
        "sampler=random",
        "warm_start=false",
    ),
    *("proxy.epochs=1", "proxy.resolution=16", "proxy.correction=0", "baselines.widths=[]", "confirm.formats=[onnx]"),
    *("confirm.networks=1", "confirm.members=1", "confirm.seeds=1", "confirm.extra=0", "confirm.epochs=1"),
    *("confirm.resolution=16", "confirm.calibration=8"),
]


def searched(folder: Path, *words: str) -> dict[str, Any]:
    """What the search leaves in `folder`: its files, its trials but for seconds, its confirmed networks."""
    assert run_command("search", *WORDS, *words, f"hydra.run.dir={folder}") == 0
    with (folder / "trials.csv").open(newline="") as file:
        trials = [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]
    front = json.loads((folder / "front.json").read_text())
    members = [(member["key"], member["accuracy"]["value"]) for member in front["front"]]
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {"trials": trials, "counts": front["counts"], "members": members, "files": files}


@pytest.fixture(scope="module")
def here() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["search"])
        yield patch


@pytest.fixture(scope="module")
def local(here: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `executor=local` leaves."""
    return searched(tmp_path_factory.mktemp("local") / "run")


@pytest.mark.parametrize("name", ["ray", "submitit", "debug"])
def test_a_search_leaves_what_a_local_one_does(
    name: str, local: dict[str, Any], tmp_path: Path, one_thread: None, request: pytest.FixtureRequest
) -> None:
    words = {
        "ray": lambda: ["executor=ray", f"executor.address={request.getfixturevalue('cluster').address}"],
        "submitit": lambda: ["executor=submitit", "executor.cluster=local", f"executor.folder={tmp_path / 'jobs'}"],
        "debug": lambda: ["executor=submitit", "executor.cluster=debug"],
    }[name]()
    assert len(local["trials"]) == 2
    assert local["members"]
    assert searched(tmp_path / "run", *words) == local
