"""Spaces for the tests of this room."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.spaces.load import load_space
from nas.spaces.networks import count
from nas.spaces.space import SearchSpace
from tests.helpers.spaces import AMBIGUOUS, MADE, SHIPPED


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


@pytest.fixture(scope="session")
def small_spaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SearchSpace]:
    """Those of `AMBIGUOUS` and the small ones that are shipped."""
    folder = tmp_path_factory.mktemp("small")
    for name, text in AMBIGUOUS.items():
        (folder / f"{name}.yaml").write_text(text)
    made = {name: load_space(folder / f"{name}.yaml") for name in AMBIGUOUS}
    return made | {name: load_space(name) for name in ("tiny", "nas_bench_macro")}


@pytest.fixture
def unlisted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small spaces are counted and drawn from as large ones are: by histograms, without lists."""
    for module in ("count", "draw"):
        monkeypatch.setattr(f"nas.spaces.networks.{module}.LISTED", -1)
    monkeypatch.setattr("nas.spaces.space.count_inside", count.count_inside.__wrapped__)
