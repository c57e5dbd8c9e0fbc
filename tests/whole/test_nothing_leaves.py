"""Nothing leaves this machine unasked: what ONNX Runtime would send and keep, and what other packages would."""

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import nas
from nas.recording import runner
from nas.recording.devices.link import _CHECK

RESOLVER = """\
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int file = open(getenv("LOOKUPS"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (write(file, name ? name : "?", name ? strlen(name) : 1) + write(file, "\\n", 1) < 0) abort();
    close(file);
    return EAI_FAIL;
}
"""
"""A resolver that knows no host, and notes which were asked for."""

SESSION = """
from onnx import TensorProto, helper
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", ends[:1], ends[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
open("model.onnx", "wb").write(model.SerializeToString())
open_session("model.onnx", threads=1).run(None, {"x": __import__("numpy").ones(1, "float32")})
"""
WAIT_S = 12
"""ONNX Runtime sends some nine seconds after a session has begun."""


@dataclass(frozen=True)
class Started:
    """A process in a home of its own."""

    process: subprocess.Popen[bytes]
    home: Path

    def left(self) -> list[str]:
        """The files it left in the home, after its end."""
        assert self.process.wait() == 0
        return sorted(path.relative_to(self.home).as_posix() for path in self.home.rglob("*") if path.is_file())

    def looked_up(self) -> list[str]:
        path = self.home.parent / "lookups"
        return path.read_text().splitlines() if path.exists() else []


def start(folder: Path, code: str, **more: str) -> Started:
    home = folder / "home"
    home.mkdir(parents=True)
    (folder / "work").mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", *nas._SILENT)}
    environment = {**kept, "HOME": str(home), "LOOKUPS": str(folder / "lookups"), **more}
    command = [sys.executable, "-B", "-c", code]
    return Started(subprocess.Popen(command, cwd=folder / "work", env=environment), home)


@pytest.fixture(scope="module")
def runner_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's files as a device has them."""
    folder = tmp_path_factory.mktemp("device")
    shutil.copytree(Path(runner.__file__).parent, folder / "nas_runner", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs a C compiler on Linux")
def test_a_session_looks_no_host_up_and_leaves_no_file(tmp_path: Path, runner_alone: Path) -> None:
    (tmp_path / "resolver.c").write_text(RESOLVER)
    resolver = tmp_path / "resolver.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", resolver, tmp_path / "resolver.c"], check=True)
    here = f"from nas.recording.runner.timing import open_session\n{SESSION}"
    there = (
        f"import sys; sys.path.insert(0, {str(runner_alone)!r})\nfrom nas_runner.timing import open_session\n{SESSION}"
    )
    stay = f"import time; time.sleep({WAIT_S})"
    preload = {"LD_PRELOAD": str(resolver)}
    asked = start(tmp_path / "asked", f"{here}{stay}", **preload, ORT_DISABLE_TELEMETRY="0")
    silent = [
        start(tmp_path / "nas", f"{here}{stay}", **preload),
        start(tmp_path / "device", f"{there}{stay}", **preload),
    ]
    for each in silent:
        assert each.left() == []
        assert each.looked_up() == []
    if not asked.left():
        pytest.skip("this ONNX Runtime sends nothing to begin with")
    assert asked.looked_up(), "the stand-in resolver is not asked"


def test_looking_for_what_a_device_has_leaves_no_file_there(tmp_path: Path) -> None:
    assert start(tmp_path, _CHECK).left() == []


def test_a_runner_imports_onnx_runtime_in_one_place() -> None:
    """Everything else of the project comes after `nas/__init__.py`, which sets the same."""
    importing = set()
    for path in Path(runner.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
            importing |= {path.name for name in names if name.split(".")[0] == "onnxruntime"}
    assert importing == {"runtime.py"}


def test_importing_nas_silences_packages_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    code = "import nas.errors, os; print([os.environ[name] for name in nas._SILENT])"
    for given, expected in (
        ({}, list(nas._SILENT.values())),
        ({"HF_HUB_DISABLE_TELEMETRY": "0"}, ["1", "false", "0", "true"]),
    ):
        kept = {name: value for name, value in os.environ.items() if name not in nas._SILENT}
        done = subprocess.run([sys.executable, "-c", code], env={**kept, **given}, capture_output=True, text=True)
        assert done.stdout.strip() == str(expected)
