"""What a page is made of: sections of blocks; `report.html.j2` has a macro for each kind of block."""

from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure

from nas.report.network_row import NetworkRow


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph: plain, in soft colour, or a notice that a reader must not miss."""

    text: str
    look: Literal["plain", "soft", "notice"] = "plain"


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a part of a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one below the other."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, and in words what it shows."""

    figure: Figure
    alt: str


@dataclass(frozen=True, slots=True)
class Code:
    """A command as it is typed."""

    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines as a program gave them."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """The heading of a column, and what its cells hold."""

    heading: str
    holds: Literal["text", "number", "code"] = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Networks:
    """Confirmed networks with all that is known of them; `numbered` as in the figure."""

    rows: tuple[NetworkRow, ...]
    numbered: bool


Block = Text | Heading | Facts | Picture | Code | Lines | Table | Networks


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


def section(title: str, *blocks: Block | None) -> Section:
    """A section of those blocks that there are."""
    return Section(title, tuple(block for block in blocks if block is not None))
