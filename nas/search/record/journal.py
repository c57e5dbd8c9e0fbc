"""The journal of a run folder: checked and mended before Optuna reads it, and never left with half a line in it."""

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, _storage
from optuna.storages.journal._file import get_lock_file

from nas.errors import RunError
from nas.reading.json_text import DEEPEST, parse_json
from nas.reading.words import cut, short
from nas.resources import replace_file
from nas.search.record.operations import Sequel, distribution

LONGEST = 8_000_000
"""Bytes of a line; the longest that are written hold a bit for each validation image."""

# Optuna reads one from every parameter of every trial: of 20,000 trials that is a third of the time and of the memory
_storage.json_to_distribution = distribution  # type: ignore[attr-defined]


def open_journal(path: Path) -> JournalStorage:
    """The journal at `path`, new or mended: half a last line, blank lines and the lock of a killed process go.

    Raises:
        RunError: a line is damaged otherwise, or there is no regular file; the message says what to do.
    """
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise RunError(f"{path} is no regular file; move it away, or choose another folder with hydra.run.dir=…")
        _mend(path)
    except FileNotFoundError:
        pass
    return JournalStorage(_WholeLines(str(path), JournalFileOpenLock(str(path))))


def open_shared_journal(path: Path) -> JournalStorage:
    """The journal at `path`, which other processes may be writing: as `open_journal`, while none of them does.

    Raises:
        RunError: as `open_journal` does.
        OSError: it cannot be written.
    """
    held = JournalFileOpenLock(str(path))
    with get_lock_file(held):
        if path.exists():
            _mend(path)
    return JournalStorage(_WholeLines(str(path), held))


class _WholeLines(JournalFileBackend):
    """A journal in which neither a full disk nor a killed writer leaves half a line."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        with get_lock_file(self._lock), open(self._file_path, "rb+") as file:
            end = _end_of_lines(file)
            file.truncate(end)
            file.seek(end)
            try:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(self._file_path, end)
                raise


def _end_of_lines(file: BinaryIO) -> int:
    """Where the last whole line ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(0, end - 4096)
        file.seek(begin)
        if (found := file.read(end - begin).rfind(b"\n")) >= 0:
            return begin + found + 1
        end = begin
    return 0


def _mend(path: Path) -> None:
    """Take away blank lines and what follows the last line end.

    Raises:
        RunError: any other line is none of a journal.
    """
    sequel, whole, blank = Sequel(), 0, []
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), 1):
            if len(line) == LONGEST:
                raise _damaged(path, number, f"longer than {LONGEST:,} bytes")
            if not line.endswith(b"\n"):
                break
            if line.strip():
                _check(line, path, number, sequel)
            else:
                blank.append((whole, whole + len(line)))
            whole += len(line)
    if blank:
        content = path.read_bytes()[:whole]
        for begin, end in reversed(blank):
            content = content[:begin] + content[end:]
        replace_file(path, content)
    elif whole < path.stat().st_size:
        os.truncate(path, whole)


def _check(line: bytes, path: Path, number: int, sequel: Sequel) -> None:
    brackets = line.count(b"[") + line.count(b"{")
    try:
        text = line.decode("utf-8")
        value = json.loads(text) if brackets <= DEEPEST else parse_json(text, "JSON", RunError)  # the latter is slow
        sequel.add(value)
    except RunError as error:
        raise _damaged(path, number, str(error)) from None
    except ValueError:
        raise _damaged(path, number, f"not JSON: {short(line.strip(), 40)}") from None


def _damaged(path: Path, number: int, why: str) -> RunError:
    place = f"{cut(str(path), 160)}, line {number}"
    return RunError(
        f"{place} is damaged: {cut(why, 160)}; restore the file from a copy, or begin anew: delete the folder, "
        "or choose another one with hydra.run.dir=…"
    )
