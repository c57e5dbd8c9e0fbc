"""The file of results: one JSON object a line, appended as it is measured."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from .figures import Row

SCHEMA = 1


class Results:
    """results.jsonl: one JSON object a line, the first naming the plan. A line is written in one call."""

    def __init__(self, path: Path, plan: Row) -> None:
        self._path = path
        header = {"type": "plan", "schema": SCHEMA, **{key: plan[key] for key in ("search_space", "seed", "burst_s")}}
        self.rows: list[Row] = []
        if path.exists():
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            self.rows = list(read_rows(whole, str(path)))
            if whole != content:  # the last line was cut short
                os.truncate(path, len(whole))
        if not self.rows:
            self.append(header)
        elif self.rows[0] != header:
            key = next(key for key in header if self.rows[0].get(key) != header[key])
            raise ValueError(f"{path} has {key} {self.rows[0].get(key)}, not {header[key]}; move it away")

    def append(self, row: Row) -> None:
        """Add `row` to the file."""
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        with self._path.open("ab", buffering=0) as stream:
            stream.write(line)
            os.fsync(stream.fileno())


def read_rows(content: bytes, where: str) -> Iterator[Row]:
    """The rows of a results file; a last line that was cut short is left out.

    Raises:
        ValueError: a line is not a row; the message names it.
    """
    *lines, _ = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            known = row["type"] in ("plan", "begin", "end", "burst", "profile")
        except (ValueError, KeyError, TypeError, RecursionError):
            known = False
        if not known or (number == 1) != (row["type"] == "plan"):
            raise ValueError(f"{where}:{number}: not a row of nas.record's results")
        yield row
