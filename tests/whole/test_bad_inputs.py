"""Every row of the table of bad inputs is refused in one line, within 5 s and 500 MB, and leaves nothing behind."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.bad_inputs import table
from tests.helpers.forked import Forks

TABLE = table()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    process = Forks()
    yield process
    process.close()


@pytest.mark.parametrize("name", TABLE)
def test_bad_input_is_refused(name: str, forks: Forks, tmp_path: Path) -> None:
    row = TABLE[name]
    row.make_files(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    ended = forks.call(tmp_path, row.command, *row.arguments)
    assert ended.code == 2, ended
    assert re.fullmatch(r"error: [^\n]{1,490}\n", ended.err), ended.err[:2000]
    assert "Traceback" not in ended.err
    assert re.search(row.says, ended.err), ended.err
    assert ended.out == ""
    assert sorted(tmp_path.rglob("*")) == before
