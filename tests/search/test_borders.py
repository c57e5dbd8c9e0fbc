"""Borders of the search: who names the keys of the record, who touches private fields, how wide functions are."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

SEARCH = sorted((ROOT / "nas" / "search").rglob("*.py"))
RECORD = ROOT / "nas" / "search" / "record"
KEYS = {"candidate", "rungs", "state", "error", "key", "drawn", "expected_gain", "settings", "network", "why"}
ATTRIBUTES = {"user_attrs", "set_user_attr", "set_trial_user_attr", "set_study_user_attr"}
ATTRIBUTES |= {"set_trial_system_attr", "set_study_system_attr", "get_study_system_attrs"}
JOBS = ("trained:", "tested:", "exported:", "timed:", "scored:", "shared:", "prepared:")
OF_OPTUNA = {"study", "trial", "frozen", "other", "each", "_study", "_trial"}


def where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def looked_up(tree: ast.AST) -> Iterator[str]:
    """Texts that something is looked up by: `x["key"]`, `x.get("key")`, `"key" in x`."""
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        if isinstance(node, ast.Subscript):
            found = [node.slice]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            found = node.args[:1]
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            found = [node.left]
        yield from (each.value for each in found if isinstance(each, ast.Constant) and isinstance(each.value, str))


@pytest.mark.parametrize("path", [path for path in SEARCH if RECORD not in path.parents], ids=where)
def test_only_the_record_names_keys_jobs_and_private_fields(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not KEYS & set(looked_up(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ATTRIBUTES, f"line {node.lineno}"
            if isinstance(node.value, ast.Name) and node.value.id in OF_OPTUNA:
                assert not node.attr.startswith("_"), f"line {node.lineno}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.startswith(JOBS), f"line {node.lineno}"


@pytest.mark.parametrize("path", SEARCH, ids=where)
def test_no_function_has_more_than_seven_parameters(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and not (path.parent.name == "pareto" and node.name == "__init__"):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            wide = [each.arg for each in arguments if each.arg not in ("self", "cls")]
            assert len(wide) <= 7, f"{node.name}({', '.join(wide)})"
