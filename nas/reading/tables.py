"""CSV tables: a header, and rows of as many cells."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nas.errors import NasError
from nas.reading.files import read_text
from nas.reading.words import cut, listed, short

MOST_BYTES = 32_000_000
"""Of a table, where its reader states nothing else."""


def read_rows(
    path: str | Path, error: type[NasError], at_most: int = MOST_BYTES
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row below the header by column, with its `file:line`; blank lines are skipped.

    Raises:
        error: the file cannot be read, is no such table, or a row has more or fewer cells than the header.
    """
    columns: list[str] = []
    for where, cells in _lines(path, error, at_most):
        if not columns:
            columns = cells
            if twice := [name for name, count in Counter(columns).items() if count > 1]:
                raise error(f"{where}: the column {short(twice[0])} is given twice")
        elif len(cells) != len(columns):
            raise error(f"{where}: the row must have {len(columns)} cells, as {listed(columns, 120)}; got {len(cells)}")
        else:
            yield where, dict(zip(columns, cells, strict=True))


def read_header(path: str | Path, error: type[NasError], at_most: int = MOST_BYTES) -> tuple[str, ...]:
    """The names of the columns; none in an empty file."""
    return tuple(next((cells for _, cells in _lines(path, error, at_most)), ()))


def _lines(path: str | Path, error: type[NasError], at_most: int) -> Iterator[tuple[str, list[str]]]:
    text, shown = read_text(path, error, at_most), cut(str(path), 200)
    if "\0" in text:
        raise error(f"{shown}:{text.count(chr(10), 0, text.index(chr(0))) + 1}: holds a NUL, and is no table")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield f"{shown}:{reader.line_num}", cells
    except csv.Error as wrong:
        raise error(f"{shown}:{reader.line_num}: not CSV: {wrong}; is there a stray quote?") from None
