"""What runs the checks: make, the hooks before a commit and a push, and the workflow say the same."""

import ast
import re
import shlex
from typing import Any

import pytest
import yaml

from tests.helpers.paths import ROOT, where

HOOKS = {"pre-commit": ["make lint", "make types"], "pre-push": ["make test"]}
POSIX_ONLY = {"fcntl", "grp", "pty", "pwd", "resource", "termios"}
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def targets() -> dict[str, list[str]]:
    """The targets of the Makefile and what each needs first."""
    lines = re.findall(r"^([a-z][\w-]*):([^#\n]*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return {name: needs.split() for name, needs in lines}


def test_the_hooks_run_what_make_check_runs() -> None:
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"  # nothing to fetch
    found: dict[str, list[str]] = {}
    for hook in local["hooks"]:
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)
        (stage,) = hook["stages"]
        found.setdefault(stage, []).append(hook["entry"])
    assert found == HOOKS
    assert [f"make {name}" for name in targets()["check"]] == [entry for entries in HOOKS.values() for entry in entries]


def test_ci_runs_make_check() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o100
    assert "\nmake check\n" in script.read_text(encoding="utf-8")


def commands(job: dict[str, Any]) -> list[list[str]]:
    return [shlex.split(step["run"]) for step in job["steps"] if "run" in step]


def test_the_workflow_runs_all_on_linux_and_the_light_half_elsewhere() -> None:
    jobs = read(".github/workflows/check.yml")["jobs"]
    assert commands(jobs["linux"]) == [[".ci/run"]]
    assert jobs["light"]["strategy"]["matrix"]["system"] == ["macos-latest", "windows-latest"]
    install, test = commands(jobs["light"])
    assert install[:4] == ["python", "-m", "pip", "install"]
    assert (ROOT / install[install.index("--constraint") + 1]).is_file()
    assert test[:3] == ["python", "-m", "pytest"]
    folders = [ROOT / word for word in test if word.startswith("tests/")]
    assert all(folder.is_dir() for folder in folders)
    assert {folder.name for folder in folders} >= {"spaces", "latency"}
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        tops = {n.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import) for n in node.names}
        assert not tops & POSIX_ONLY, f"{where(path)} does not load on Windows"


@pytest.mark.parametrize("path", FORMS, ids=where)
def test_issue_forms_have_what_a_form_needs(path: Any) -> None:
    form = read(where(path))
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_there_are_forms_for_bugs_and_devices() -> None:
    assert {path.stem for path in FORMS} == {"bug", "device"}
