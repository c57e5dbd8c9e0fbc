"""What several test files need."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView
from nas.training.fit import use_one_thread


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """As in a worker process; two threads in each of two test processes would wait for each other."""
    before = torch.get_num_threads()
    use_one_thread()
    yield
    torch.set_num_threads(before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that test processes end together."""
    items.sort(key=lambda item: "tests/whole/" not in item.nodeid and "tests/proxies/" not in item.nodeid)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> ImageView:
    """700 digits at 16 pixels: 420 to train on, 140 to judge on, 140 for the end."""
    folder = tmp_path_factory.mktemp("digits") / "images"
    prepare(DataSettings("digits", limit=700, val_fraction=0.2, test_fraction=0.2), 0, 16, folder)
    return ImageView(folder, flip=False, shift=1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, and no Hydra left over from another call."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    GlobalHydra.instance().clear()
    yield tmp_path
    GlobalHydra.instance().clear()
