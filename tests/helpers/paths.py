"""Where the project is, its modules and pages, and the measurements that some tests compare with."""

import os
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "nas").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DATA = ("conf", "search_spaces", "hardware_profiles")


def where(path: Path) -> str:
    """The path of a file of the project, as its pages write it."""
    return path.relative_to(ROOT).as_posix()


def module_file(name: str) -> Path | None:
    """The file of a dotted name inside `nas`, None if it is no module."""
    path = ROOT.joinpath(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def shared_data(*parts: str) -> Path:
    """A file or folder of the shared measurements; the test is skipped where there are none."""
    folder = Path(os.environ.get("NAS_DATA_DIR", ROOT.parent / "shared" / "data"))
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {path}; NAS_DATA_DIR names the folder of shared measurements")
    return path
