"""What several test files need.

What takes seconds to import is imported where it is used: the process that deals out the tests needs none of it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.distribution import Scheduling, place

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads, in each of two test processes, would wait for each other
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process that a test starts compiles the project anew


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """As in a worker process, whatever the environment says."""
    import torch

    from nas.nets.device import use_one_thread

    before = torch.get_num_threads()
    use_one_thread()
    yield
    torch.set_num_threads(before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    items.sort(key=lambda item: place(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """How tests are dealt out."""
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """700 digits at 16 pixels, an `ImageView`: 420 to train on, 140 to judge on, 140 for the end."""
    from nas.data.prepare import prepare
    from nas.data.settings import DataSettings
    from nas.data.views import ImageView

    folder = tmp_path_factory.mktemp("digits") / "images"
    prepare(DataSettings("digits", limit=700, val_fraction=0.2, test_fraction=0.2), 0, 16, folder)
    return ImageView(folder, flip=False, shift=1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, and no Hydra left over from another call."""
    from hydra.core.global_hydra import GlobalHydra

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    GlobalHydra.instance().clear()
    yield tmp_path
    GlobalHydra.instance().clear()


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches of one worker evaluate in this process: starting another takes seconds."""
    from tests.helpers.executors import evaluate_inline

    evaluate_inline(monkeypatch)
