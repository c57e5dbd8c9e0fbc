"""What the pages show: commands, and the output that follows them."""

import re
from collections.abc import Iterator

import pytest

from tests.helpers.paths import PAGES, ROOT, where

README = (ROOT / "README.md").read_text(encoding="utf-8")
CHOICES = (ROOT / "docs" / "choices.md").read_text(encoding="utf-8")


def examples(text: str) -> Iterator[tuple[str, str | None]]:
    """(command, its output if a block follows) of every `python -m nas.…` of a page, continued lines joined."""
    pattern = r"^ {4}(python -m nas\.(?:[^\n]*\\\n)*[^\n]*)\n(?:\n```text\n(.*?)```)?"
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        yield match[1].replace("\\\n", " "), match[2]


COMMANDS = [
    (where(page), command)
    for page in PAGES
    for command, _ in examples(page.read_text(encoding="utf-8"))
    if page.name != "CONTRIBUTING.md"  # there they are of recipes (recipes.py)
]
QUICK = [
    (line, shown)
    for page in (README, CHOICES)
    for line, shown in examples(page)
    if shown is not None and "nas.search" not in line
]


def same(output: str, expected: str) -> bool:
    """Equal but for trailing blanks, and for the last digits of long decimal fractions."""
    got, want = (re.split(r"(\d+\.\d{6,})", "\n".join(map(str.rstrip, t.splitlines()))) for t in (output, expected))
    numbers = [[float(figure) for figure in parts[1::2]] for parts in (got, want)]
    return got[::2] == want[::2] and numbers[0] == pytest.approx(numbers[1])
