"""The layout: which way imports point, where heavy packages live, what the files of the project are."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.helpers import distribution
from tests.helpers.distribution import scope
from tests.helpers.paths import DATA, MODULES, PROJECT, ROOT, module_file, where
from tests.helpers.processes import python

ROOMS = (
    *(
        "errors",
        "reading",
        "resources",
        "identity",
        "measures",
        "spaces",
        "latency",
        "recording",
        "problem",
        "results",
        "nets",
        "exports",
    ),
    *("data", "training", "proxies", "search", "report", "commandline", "commands", "api"),
)
LIGHT = ROOMS[: ROOMS.index("nets")]
HOMES = {
    "torch": (
        "nas/nets/",
        "nas/exports/",
        "nas/data/",
        "nas/training/",
        "nas/proxies/",
        "nas/api/",
    ),
    "pytorch_lightning": ("nas/training/", "nas/report/trackers/tensorboard.py", "nas/report/trackers/mlflow.py"),
    "onnxruntime": ("nas/recording/", "nas/nets/teacher.py", "nas/exports/"),
    "onnx": ("nas/recording/graph.py", "nas/exports/", "nas/nets/teacher.py"),
    "optuna": ("nas/search/", "nas/report/dashboards/optuna.py"),
    "optuna_dashboard": ("nas/report/dashboards/optuna.py",),
    "moocore": ("nas/search/",),
    "wandb": ("nas/report/trackers/wandb.py", "nas/report/trackers/wandb_files.py", "nas/report/dashboards/wandb.py"),
    "wandb_workspaces": ("nas/report/dashboards/wandb.py",),
    "matplotlib": ("nas/report/", "nas/api/front.py"),
    "jinja2": ("nas/report/",),
    "hydra": ("nas/commandline/",),
    "omegaconf": ("nas/commandline/",),
    "pydantic": ("nas/reading/", "nas/commandline/", "nas/results/"),
    "rich": (
        "nas/report/",
        "nas/predict.py",
        "nas/bench.py",
        "nas/record.py",
        "nas/data/__main__.py",
        "nas/validate.py",
        "nas/search/__main__.py",
        "nas/api/search.py",
    ),
    "pandas": ("nas/api/frames.py",),
    "sklearn": ("nas/data/", "nas/training/"),
    "joblib": ("nas/search/executors/machine.py",),
    "PIL": ("nas/data/",),
    "imagehash": ("nas/data/survey/looking.py",),
    "datasets": ("nas/data/sources/hf.py",),
    "kornia": ("nas/data/augment.py",),
    "ai_edge_litert": ("nas/exports/",),
    "flatbuffers": ("nas/exports/",),
    "openvino": ("nas/exports/",),
    "coremltools": ("nas/exports/",),
    "executorch": ("nas/exports/",),
    "ncnn": ("nas/exports/",),
    "safetensors": ("nas/nets/pretrained/reading.py",),
    "huggingface_hub": ("nas/nets/pretrained/hub.py",),
    "ray": ("nas/search/executors/ray_cluster.py",),
    "submitit": ("nas/search/executors/slurm_jobs.py",),
}
EXTRAS = (
    "pandas",
    "hf",
    "augment",
    "pretrained",
    "tflite",
    "openvino",
    "coreml",
    "executorch",
    "ncnn",
    "dashboard",
    "ray",
    "submitit",
)
PEERS = ("nas/proxies/scores", "nas/data/sources")
"""Folders whose modules are all of one interface, which may be many."""
DISTRIBUTIONS = {"pil": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def room(path: Path) -> str:
    """The room of a module; `__main__.py` of a room, and files beside the rooms, are commands."""
    first, *rest = path.relative_to(ROOT / "nas").with_suffix("").parts
    if first == "__init__":
        return "__init__"
    return first if first in ROOMS and rest != ["__main__"] else "commands"


def imported(path: Path) -> Iterator[str]:
    """Every module a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level or path.parent.name == "runner", f"{where(path)} imports relatively"
            package = ".".join(path.relative_to(ROOT).parent.parts)
            module = f"{package}.{node.module}" if node.level else str(node.module)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


# Imports


@pytest.mark.parametrize("path", MODULES, ids=where)
def test_imports_point_one_way(path: Path) -> None:
    mine = room(path)
    allowed = LIGHT if mine == "__init__" else ROOMS[: ROOMS.index(mine) + 1]
    for name in imported(path):
        if name.split(".")[0] != "nas":
            continue
        assert name != "nas", f"{where(path)} imports the public names; import from the module that has them"
        found = module_file(name)
        assert found is None or room(found) in allowed, f"{where(path)} ({mine}) imports {name}"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_pages_have_the_order_of_the_rooms(page: str) -> None:
    assert " < ".join(ROOMS) in " ".join((ROOT / page).read_text(encoding="utf-8").split())


def test_no_imports_go_in_a_circle() -> None:
    """Wherever an import stands: at the top, in a function, for type checking. A package's `__init__` is a module."""
    found = {path: {module_file(name) for name in imported(path) if name.split(".")[0] == "nas"} for path in MODULES}
    graph = {where(path): {where(each) for each in targets if each} - {where(path)} for path, targets in found.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("path", MODULES, ids=where)
def test_third_parties_have_one_home_and_are_declared(path: Path) -> None:
    texts = [*PROJECT["dependencies"], *(text for name in EXTRAS for text in PROJECT["optional-dependencies"][name])]
    declared = {canonicalize_name(Requirement(text).name) for text in texts}
    for package in {name.split(".")[0] for name in imported(path)} - {"nas", *sys.stdlib_module_names}:
        homes = HOMES.get(package, ("nas/",))
        assert any(where(path).startswith(home) for home in homes), f"{where(path)} imports {package}: {homes}"
        distribution = DISTRIBUTIONS.get(package.lower(), package)
        assert {canonicalize_name(distribution), canonicalize_name(f"{distribution}-core")} & declared, package


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) == "spaces"], ids=where)
def test_spaces_need_numpy_and_yaml_at_most(path: Path) -> None:
    packages = {name.split(".")[0] for name in imported(path)}
    assert packages - {"nas", *sys.stdlib_module_names} <= {"numpy", "yaml"}


def test_importing_nas_stays_light_and_the_rest_loads_when_used(tmp_path: Path) -> None:
    code = """
import sys, nas
heavy = {"torch", "pytorch_lightning", "optuna", "hydra", "omegaconf", "wandb", "onnxruntime", "matplotlib"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert callable(nas.nets.build) and "torch" in sys.modules and "optuna" not in sys.modules
assert callable(nas.training.fit) and "optuna" not in sys.modules
assert callable(nas.search.run) and "optuna" in sys.modules
assert not {"hydra", "wandb"} & set(sys.modules)
try:
    nas.nonsense
except AttributeError as error:
    print(error)
"""
    done = python("-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "module 'nas' has no attribute 'nonsense'\n"), done.stderr


# Files


@pytest.mark.parametrize("path", MODULES, ids=where)
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=where)
def test_tests_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_tests_are_dealt_out_by_names_that_are_there() -> None:
    assert all((ROOT / path).exists() for path in (*distribution.CLUSTER, *distribution.APART, *distribution.FIRST))
    (together,) = {scope(f"{file}::test_x[a::b]") for file in distribution.CLUSTER}
    alone, beside = (scope(f"{distribution.APART[0]}::test_{name}") for name in "xy")
    assert len({together, alone, beside, scope("tests/whole/test_docs.py::test_x")}) == 4
    assert scope("tests/whole/test_docs.py::test_x") == scope("tests/whole/test_docs.py::Test::test_y[1]")


def test_no_folder_holds_more_than_can_be_read_at_a_glance() -> None:
    counts = Counter(where(path.parent) for path in MODULES if path.stem != "__init__")
    assert {folder: count for folder, count in counts.items() if count > 16 and folder not in PEERS} == {}


@pytest.mark.parametrize("folder", DATA)
def test_data_folders_hold_no_python(folder: str) -> None:
    assert any((ROOT / folder).rglob("*.yaml"))
    assert not list((ROOT / folder).rglob("*.py"))


def test_constraints_pin_every_dependency_and_nothing_local() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.]+", line) for line in lines)
    pins = dict(line.split("==") for line in lines)
    assert len(pins) == len(lines)
    for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]):
        wanted = Requirement(text)
        assert wanted.specifier.contains(Version(pins[canonicalize_name(wanted.name)]), prereleases=True), text


def test_the_changelog_has_this_version() -> None:
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()
