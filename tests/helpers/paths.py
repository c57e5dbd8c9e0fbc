"""Where the project is, and the measurements that some tests compare with."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared_data(*parts: str) -> Path:
    """A file or folder of the shared measurements; the test is skipped where there are none."""
    folder = Path(os.environ.get("NAS_DATA_DIR", ROOT.parent / "shared" / "data"))
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {path}; NAS_DATA_DIR names the folder of shared measurements")
    return path
