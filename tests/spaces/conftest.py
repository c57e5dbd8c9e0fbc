"""Spaces for the tests of this room."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from tests.helpers.spaces import MADE, SHIPPED


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], SearchSpace]:
    """Loads a space from the text of a file."""

    def load_text(text: str) -> SearchSpace:
        (tmp_path / "mine.yaml").write_text(text)
        return load_space(tmp_path / "mine.yaml")

    return load_text


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SearchSpace]:
    """The shipped spaces and those of `MADE`."""
    folder = tmp_path_factory.mktemp("spaces")
    for name, text in MADE.items():
        (folder / f"{name}.yaml").write_text(text)
    return {name: load_space(name) for name in SHIPPED} | {n: load_space(folder / f"{n}.yaml") for n in MADE}
