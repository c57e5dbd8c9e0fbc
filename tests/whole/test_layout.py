"""The layout: which way imports point, where heavy packages live, what the docs promise, what the wheel holds."""

import ast
import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import nas
from nas.commandline import parse
from nas.errors import SpaceError
from nas.predict import PredictSettings
from nas.record import RecordSettings
from nas.search.settings import SearchSettings
from nas.spaces.cost import cost
from nas.spaces.load import known_spaces, load_space
from nas.validate import ValidateSettings
from tests.helpers.paths import ROOT
from tests.helpers.run_sample import sample_front, sample_trials, write_run

MODULES = sorted((ROOT / "nas").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
DATA = ("conf", "search_spaces", "hardware_profiles")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

ROOMS = (
    *(
        "errors",
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
    *("data", "training", "proxies", "search", "report", "commandline", "commands"),
)
LIGHT = ROOMS[: ROOMS.index("nets")]
HOMES = {
    "torch": (
        "nas/nets/",
        "nas/exports/",
        "nas/data/",
        "nas/training/",
        "nas/proxies/",
        "nas/search/confirm/export.py",
    ),
    "pytorch_lightning": ("nas/data/batches.py", "nas/training/"),
    "onnxruntime": ("nas/recording/", "nas/nets/teacher.py", "nas/exports/"),
    "onnx": ("nas/recording/graph.py", "nas/exports/", "nas/nets/teacher.py"),
    "optuna": ("nas/search/",),
    "moocore": ("nas/search/",),
    "wandb": ("nas/report/trackers/wandb.py",),
    "matplotlib": ("nas/report/",),
    "jinja2": ("nas/report/",),
    "hydra": ("nas/commandline.py",),
    "omegaconf": ("nas/commandline.py",),
    "pydantic": ("nas/commandline.py", "nas/results/"),
    "rich": ("nas/report/", "nas/predict.py", "nas/record.py", "nas/validate.py", "nas/search/__main__.py"),
    "sklearn": ("nas/data/", "nas/training/"),
    "PIL": ("nas/data/",),
    "datasets": ("nas/data/sources/hf.py",),
    "kornia": ("nas/data/augment.py",),
}
EXTRAS = ("hf", "augment")
PEERS = ("nas/proxies/scores", "nas/data/sources")
"""Folders whose modules are all of one interface, which may be many."""
DISTRIBUTIONS = {"pil": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
SETTINGS: dict[str, Any] = {
    "search": SearchSettings,
    "predict": PredictSettings,
    "validate": ValidateSettings,
    "record": RecordSettings,
}


def where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


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


def target(name: str) -> Path | None:
    """The file of a dotted name inside `nas`, None if it is no module."""
    path = ROOT.joinpath(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


@pytest.mark.parametrize("path", MODULES, ids=where)
def test_imports_point_one_way(path: Path) -> None:
    mine = room(path)
    allowed = LIGHT if mine == "__init__" else ROOMS[: ROOMS.index(mine) + 1]
    for name in imported(path):
        if name.split(".")[0] != "nas":
            continue
        assert name != "nas", f"{where(path)} imports the public names; import from the module that has them"
        found = target(name)
        assert found is None or room(found) in allowed, f"{where(path)} ({mine}) imports {name}"


def test_no_imports_go_in_a_circle() -> None:
    """Wherever an import stands: at the top, in a function, for type checking. A package's `__init__` is a module."""
    found = {path: {target(name) for name in imported(path) if name.split(".")[0] == "nas"} for path in MODULES}
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


def python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the interpreter of the tests, warnings as they are, terminal 80 columns wide."""
    env = {**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", **options.pop("env", {})}
    for name in ("FORCE_COLOR", "PYTHONWARNINGS", "TTY_COMPATIBLE"):
        env.pop(name, None)
    return subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", env=env, **options)


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


# The docs


def test_public_names_are_the_documented_ones() -> None:
    documented = {
        *("Architecture", "Block", "Budget", "Cost", "HardwareProfile", "Latency", "CostArrays", "SearchSpace"),
        *("cost", "latency", "load_architecture", "load_profile", "load_space", "costs"),
    }
    assert set(nas.__all__) == documented
    assert len(nas.__all__) == len(documented)
    table = README.split("## From Python")[1].split("\n## ")[0]
    for name in nas.__all__:
        assert re.search(rf"`nas\.{name}\b", table), f"README says nothing of nas.{name}"
    for name in ("nets.build", "training.fit", "search.run"):
        package, function = name.split(".")
        assert f"`nas.{name}(" in table
        assert function in import_module(f"nas.{package}").__all__


def examples(text: str) -> Iterator[tuple[str, str | None]]:
    """(command, its output if a block follows) of every `python -m nas.…` of a page, continued lines joined."""
    pattern = r"^ {4}(python -m nas\.(?:[^\n]*\\\n)*[^\n]*)\n(?:\n```text\n(.*?)```)?"
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        yield match[1].replace("\\\n", " "), match[2]


COMMANDS = [(where(page), command) for page in PAGES for command, _ in examples(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_in_the_docs_exist_and_take_their_settings(page: str, line: str) -> None:
    _, _, module, *arguments = shlex.split(line)
    name = module.removeprefix("nas.")
    assert target(module) or target(f"{module}.__main__")
    if name == "report":
        assert len(arguments) == 1
        return
    sweeps = [argument.replace(",", "\n") if "[" not in argument else argument for argument in arguments]
    lists = [
        [f"{key}={value}" for value in values.split("\n")]
        for key, _, values in (sweep.partition("=") for sweep in sweeps)
        if key != "-m"
    ]
    for overrides in product(*lists):
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            config = compose(name, list(overrides))
        assert isinstance(parse(config, SETTINGS[name]), SETTINGS[name])


QUICK = [pair for pair in examples(README) if pair[1] is not None and "nas.search" not in pair[0]]


def same(output: str, expected: str) -> bool:
    """Equal but for trailing blanks, and for the last digits of long decimal fractions."""
    got, want = (re.split(r"(\d+\.\d{6,})", "\n".join(map(str.rstrip, t.splitlines()))) for t in (output, expected))
    return got[::2] == want[::2] and [float(x) for x in got[1::2]] == pytest.approx([float(x) for x in want[1::2]])


@pytest.mark.parametrize(("line", "expected"), QUICK)
def test_quick_commands_print_what_the_readme_shows(line: str, expected: str, tmp_path: Path) -> None:
    _, *arguments = shlex.split(line)
    if "nas.report" in arguments:
        write_run(tmp_path / arguments[-1], sample_front(), sample_trials())
    done = python(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert same(done.stdout, expected), done.stdout


def test_the_readme_shows_predict_validate_and_report() -> None:
    assert {shlex.split(line)[2] for line, _ in QUICK} == {"nas.predict", "nas.validate", "nas.report"}


@pytest.mark.parametrize("page", ["README.md", "docs/sampler.md"])
def test_the_python_of_a_page_prints_what_it_shows(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    ((code, expected),) = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    done = python("-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, expected), done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if ">>>" in page.read_text(encoding="utf-8")], ids=where)
def test_sessions_in_the_docs(page: Path) -> None:
    for number, block in enumerate(re.findall(r"```python\n(>>>.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
        test = doctest.DocTestParser().get_doctest(block, {}, f"{page.name}-{number}", page.name, 0)
        assert doctest.DocTestRunner().run(test).failed == 0


def test_the_example_space_loads_and_its_mistake_is_named(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "my.yaml"
    path.write_text(text)
    space = load_space(path)
    assert len(space.strides) > 1
    assert space.size > 1000
    path.write_text(text.replace("kernel: [3, 5]  ", "kernel: [4, 5]  "))
    with pytest.raises(SpaceError) as caught:
        load_space(path)
    assert f"error: {str(caught.value).replace(str(path), 'my.yaml')}\n" in page


@pytest.mark.parametrize("name", sorted(known_spaces()))
def test_shipped_spaces_are_in_the_table_with_their_figures(name: str) -> None:
    page = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name}`[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|", page, re.MULTILINE)
    size, variables, macs = (cell.strip() for cell in row)
    space = load_space(name)
    powers = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    number = re.sub(r" × 10(\S+)", r"e\1", size).split(" ")[0].translate(powers).replace(",", "")
    assert float(number) == pytest.approx(space.size, rel=2e-3 if "e" in number else 0)
    assert int(variables) == len(space.variables)
    ends = [space.smallest(lambda arch: cost(arch).macs), space.smallest(lambda arch: -cost(arch).macs)]
    shown = [float(text.strip().removesuffix("M").replace(",", "")) for text in macs.split("–")]
    assert shown == pytest.approx([cost(arch).macs / 1e6 for arch in ends], rel=5e-3)


def settings_of(file: Path) -> Iterator[str]:
    """The dotted keys of a configuration file."""
    prefix = "" if file.parent == ROOT / "conf" else f"{file.parent.name}."
    for key, value in yaml.safe_load(file.read_text()).items():
        if key in ("defaults", "hydra", "name"):
            continue
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)
        else:
            yield prefix + key


KEYS = sorted({key for file in (ROOT / "conf").rglob("*.yaml") for key in settings_of(file)})


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_is_documented(key: str) -> None:
    group, _, inner = key.rpartition(".")
    rows = [line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
    in_its_row = any(line.startswith(f"| `{group}`") and f"`{inner}`" in line for line in rows)
    assert any(f"`{key}`" in line for line in rows) or in_its_row, f"no page mentions {key}"


def test_every_option_of_a_group_is_documented() -> None:
    for file in (ROOT / "conf").glob("*/*.yaml"):
        assert f"`{file.stem}`" in README, f"README does not mention {file.parent.name}={file.stem}"


@pytest.mark.parametrize("page", PAGES, ids=where)
def test_links_between_pages_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not link.startswith(("http://", "https://")):
            file, _, anchor = link.partition("#")
            found = page if not file else page.parent / file
            assert found.exists(), f"{where(page)} links to {link}"
            headings = re.findall(r"^#+ (.*)", found.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
            anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert not anchor or anchor in anchors, f"{where(page)} links to {link}"


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    done = python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that sees the installed wheel before anything else."""
    site = tmp_path_factory.mktemp("site")
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(wheel))
    done = python(*pip, cwd=site)
    assert done.returncode == 0, done.stdout + done.stderr
    return {"PYTHONPATH": str(site)}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with nothing of this project, and somebody else's package `conf`."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "__init__.py").write_text("raise ImportError('not ours')\n")
    (tmp_path / "conf" / "search.yaml").write_text("not: ours\n")
    return tmp_path


def test_the_wheel_holds_the_data_and_the_templates_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for folder in DATA:
        shipped = {where(path) for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert {name.removeprefix("nas/_data/") for name in names if name.startswith(f"nas/_data/{folder}/")} == shipped
    for path in (ROOT / "nas").rglob("*"):
        if path.suffix in (".py", ".j2", ".json"):
            assert where(path) in names
    top = {name.split("/")[0] for name in names}
    assert top == {"nas", f"sepconv_nas-{PROJECT['version']}.dist-info"}


def test_the_wheel_predicts_from_any_folder(installed: dict[str, str], elsewhere: Path) -> None:
    done = python("-c", "import nas; print(nas.__file__)", cwd=elsewhere, env=installed)
    assert done.stdout.startswith(installed["PYTHONPATH"])
    line, expected = next(pair for pair in QUICK if "nas.predict" in pair[0])
    done = python(*shlex.split(line)[1:], cwd=elsewhere, env=installed)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected is not None
    assert same(done.stdout, expected)


def test_the_wheel_refuses_an_impossible_budget_in_one_line(installed: dict[str, str], elsewhere: Path) -> None:
    done = python("-m", "nas.search", "hardware=pixel4", "budget=1M", cwd=elsewhere, env=installed)
    assert done.returncode == 2
    assert re.fullmatch(r"error: no network of separable meets the budget 1M MACs: [^\n]*\n", done.stderr)
    assert done.stdout == ""
