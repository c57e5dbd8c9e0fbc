"""The recipes of CONTRIBUTING, followed to the letter in a copy of the project: what each adds passes its contract."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.helpers.paths import DATA, ROOT
from tests.helpers.processes import python
from tests.helpers.recipes import Recipe, read_recipes

RECIPES = read_recipes()
CONTRACTS = {recipe.name: recipe.command for recipe in RECIPES if " pytest " in recipe.command}
OTHERS = [recipe for recipe in RECIPES if recipe.name not in CONTRACTS]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which every recipe was followed."""
    root = tmp_path_factory.mktemp("project")
    for name in ("nas", "tests", "tools", "docs", *DATA):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    for path in (*ROOT.glob("*.md"), ROOT / "pyproject.toml"):
        shutil.copy(path, root)
    for recipe in RECIPES:
        recipe.apply(root)
    return root


@pytest.fixture(scope="module")
def outcomes(project: Path) -> dict[str, str]:
    """What became of every test that the recipes name, all run at once since each start costs seconds."""
    commands = [shlex.split(command) for command in CONTRACTS.values()]
    files = sorted({file for *_, file, _, _ in commands})
    chosen = " or ".join(word for *_, word in commands)
    options = ("-n0", "-rA", "-p", "no:cacheprovider", "--tb=short")
    done = python("-m", "pytest", *options, *files, "-k", chosen, cwd=project, env={"PYTHONPATH": str(project)})
    found = re.findall(r"^(PASSED|FAILED|ERROR|SKIPPED) (\S+.*)$", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout
    return {test: outcome for outcome, test in found}


@pytest.mark.parametrize("name", CONTRACTS)
def test_what_a_recipe_adds_passes_its_contract(name: str, outcomes: dict[str, str]) -> None:
    *_, file, _, word = shlex.split(CONTRACTS[name])
    mine = {test: outcome for test, outcome in outcomes.items() if test.startswith(file) and word in test}
    assert mine
    assert set(mine.values()) == {"PASSED"}, mine


@pytest.mark.parametrize("recipe", OTHERS, ids=lambda recipe: recipe.name)
def test_what_a_recipe_adds_can_be_called(recipe: Recipe, project: Path) -> None:
    done = python(*shlex.split(recipe.command)[1:], cwd=project, env={"PYTHONPATH": str(project)})
    assert done.returncode == 0, done.stdout + done.stderr
