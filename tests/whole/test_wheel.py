"""The wheel: what it holds, and that it works from any folder, types included."""

import re
import shlex
import zipfile
from pathlib import Path

import pytest

from tests.helpers.pages import QUICK, same
from tests.helpers.paths import DATA, PROJECT, ROOT, where
from tests.helpers.processes import python

TYPES_ALONE = """
[mypy]
follow_imports = skip
follow_imports_for_stubs = true
[mypy-nas.*]
follow_imports = normal
"""
"""Settings of mypy that pass over other packages, which take it a minute."""


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
        if path.suffix in (".py", ".pyi", ".j2", ".json") or path.name == "py.typed":
            assert where(path) in names
    top = {name.split("/")[0] for name in names}
    assert top == {"nas", f"sepconv_nas-{PROJECT['version']}.dist-info"}


def test_the_wheel_predicts_from_any_folder(installed: dict[str, str], elsewhere: Path) -> None:
    line, expected = next(pair for pair in QUICK if "nas.predict" in pair[0])
    done = python(*shlex.split(line)[1:], cwd=elsewhere, env=installed)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected is not None
    assert same(done.stdout, expected)


def test_mypy_sees_the_types_of_the_wheel(installed: dict[str, str], elsewhere: Path) -> None:
    code = """
import nas

arch = nas.load_architecture("mobilenet_v2")
reveal_type(nas.cost(arch).macs)
reveal_type(nas.latency(arch, nas.load_profile("pixel4")).ms)
reveal_type(nas.__version__)
nas.cost("mobilenet_v2")
"""
    (elsewhere / "mine.py").write_text(code)
    (elsewhere / "mypy.ini").write_text(TYPES_ALONE)
    done = python("-m", "mypy", "-v", "--strict", "--cache-dir", "mypy_cache", "mine.py", cwd=elsewhere, env=installed)
    shown = [line.split(": ", 1)[1] for line in done.stdout.splitlines() if line.startswith("mine.py")]
    assert shown == [
        'note: Revealed type is "int"',
        'note: Revealed type is "float"',
        'note: Revealed type is "str"',
        'error: Argument 1 to "cost" has incompatible type "str"; expected "Architecture"  [arg-type]',
    ], done.stdout
    assert f"{installed['PYTHONPATH']}/nas/__init__.py" in done.stderr


def test_the_version_is_that_of_the_wheel(installed: dict[str, str], elsewhere: Path) -> None:
    done = python("-c", "import nas; print(nas.__version__, nas.__file__)", cwd=elsewhere, env=installed)
    assert done.stdout.startswith(f"{PROJECT['version']} {installed['PYTHONPATH']}"), done.stderr


def test_the_wheel_refuses_an_impossible_budget_in_one_line(installed: dict[str, str], elsewhere: Path) -> None:
    done = python("-m", "nas.search", "hardware=pixel4", "budget=100k", cwd=elsewhere, env=installed)
    assert done.returncode == 2
    assert re.fullmatch(r"error: no network of small meets the budget 0.1M MACs: [^\n]*\n", done.stderr)
    assert done.stdout == ""
