"""executor=submitit with a Slurm of shell scripts: what is handed over, how it comes back, and that it is refused."""

import operator
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from nas.errors import ConfigError, RunError
from nas.search.executors.base import TookTooLong
from nas.search.executors.slurm_jobs import LOOK_S, SubmititSettings
from tests.helpers.executors import settings_of
from tests.helpers.refusal import refusal

SCRIPTS = {
    "sbatch": """#!/bin/bash
cp "$1" "$(dirname "$0")/submitted.sh"
last=$(grep -oP '(?<=array=0-)[0-9]+' "$1")
for task in $(seq 0 "${last:-0}"); do
    export SLURM_JOB_ID=12 SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_JOB_NUM_NODES=1
    [ -n "$last" ] && export SLURM_ARRAY_JOB_ID=12 SLURM_ARRAY_TASK_ID=$task
    setsid bash "$1" >/dev/null 2>&1 &
    echo $! >> "$(dirname "$0")/running"
done
echo "Submitted batch job 12"
""",
    "srun": '#!/bin/bash\nshift 5\nexec "$@"\n',
    "sacct": "#!/bin/bash\necho 'JobID|State|NodeList'\n",
    "scancel": """#!/bin/bash
here=$(dirname "$0")
echo "$@" >> "$here/cancelled"
for group in $(cat "$here/running"); do kill -9 -- "-$group"; done
""",
}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the programs, first in PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setitem(LOOK_S, "slurm", 0.1)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> SubmititSettings:
    chosen = {"partition": "gpu", "cpus": 4, "gpus": 1, "memory_gb": 16.0, "minutes": 720}
    more = {"options": ("account:vision",), "setup": ("export FROM_SETUP=1",), "folder": str(tmp_path / "jobs")}
    return settings_of("submitit", {**chosen, **more})


def test_evaluations_that_wait_together_are_one_array_of_what_the_settings_ask_for(
    slurm: Path, settings: SubmititSettings, tmp_path: Path
) -> None:
    executor = replace(settings, array_parallelism=1).start(settings.slots(2))
    assert not executor.shared_files
    found = [executor.submit(operator.truediv, 1, number) for number in (0, 2)]
    assert isinstance(found[0].exception(timeout=600), ZeroDivisionError)
    assert found[1].result(timeout=600) == 0.5
    script = (slurm / "submitted.sh").read_text()
    wanted = ["partition=gpu", "cpus-per-task=4", "gpus-per-node=1", "mem=16GB", "time=720", "account=vision"]
    wanted += ["array=0-1%1", "job-name=sepconv-nas"]
    assert {f"#SBATCH --{each}" for each in wanted} <= set(script.splitlines())
    assert "export FROM_SETUP=1" in script.splitlines()
    (place,) = (tmp_path / "jobs").iterdir()
    assert not list(place.rglob("*_result.pkl"))  # what has come back is gone
    executor.close()
    assert not place.exists()


def test_a_job_over_its_limit_is_cancelled(slurm: Path, settings: SubmititSettings) -> None:
    executor = settings.start(1)
    slow = executor.submit(time.sleep, 1000, limit=0.1)
    assert isinstance(slow.exception(timeout=600), TookTooLong)
    assert (slurm / "cancelled").read_text().strip() == "12"
    executor.close()


def test_what_cannot_be_is_refused_in_one_line(
    settings: SubmititSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no sbatch here" in refusal(ConfigError, settings.slots, 4)
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert "needs workers=N" in refusal(ConfigError, settings.slots, None)
    assert settings.slots(64) == 64
    assert "[account:vision]" in refusal(ConfigError, replace(settings, options=("account",)).slots, 4)
    (tmp_path / "jobs").write_text("a file")
    assert "cannot start" in refusal(RunError, settings.start, 1)


@pytest.mark.parametrize(("name", "extra"), [("ray", "ray"), ("submitit", "submitit")])
def test_a_missing_library_is_named_with_its_extra(name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = {"ray": "ray_cluster", "submitit": "slurm_jobs"}[name]
    monkeypatch.setattr(f"nas.search.executors.{module}.find_spec", lambda _: None)
    assert f"pip install 'sepconv-nas[{extra}]'" in refusal(ConfigError, settings_of(name).slots, 1)
