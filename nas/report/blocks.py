"""What a page is made of: sections of blocks; `report.html.j2` has a macro for each kind of block."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
class Link:
    """A cell that leads somewhere."""

    text: str
    link: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | Link, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """What `chart.js` draws, as JSON values with at most so many trials, and the figure seen without scripts."""

    draw: Callable[[int], Mapping[str, Any]]
    figure: Figure
    alt: str


@dataclass(frozen=True, slots=True)
class Networks:
    """Confirmed networks, a row each, that leads to its page."""

    rows: tuple[NetworkRow, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Shares (0..1) by name, each with a text."""

    title: str
    rows: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True, slots=True)
class BarGroups:
    """Bars side by side."""

    groups: tuple[Bars, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Images by their class (a row) and by what they were taken for (a column)."""

    classes: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]

    @property
    def most(self) -> int:
        """The largest count off the diagonal, at least 1."""
        return max([1, *(n for i, row in enumerate(self.rows) for j, n in enumerate(row) if i != j)])


@dataclass(frozen=True, slots=True)
class Shot:
    """A test image that was taken for another class: its place in the split, and the probability in percent."""

    image: int
    true: str
    found: str
    sure: str


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Images that are wrong most surely: the path of a picture in the run folder with all, in their order."""

    picture: str
    shots: tuple[Shot, ...]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of a network; what is not known is blank."""

    label: str
    link: str
    path: str
    size: str
    accuracy: str
    interval: str
    host: str
    note: str


@dataclass(frozen=True, slots=True)
class OnShelf:
    """A network on every device that is known: what is said at first, what the table's marks mean, and its rows.

    A row: device, profile, milliseconds, their interval, and the error of that profile.
    """

    title: str
    legend: str
    rows: tuple[tuple[str, str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class NetworkPage:
    """All of one confirmed network; `drawing` is SVG."""

    key: str
    name: str
    figures: str
    notation: str
    facts: tuple[tuple[str, str], ...]
    drawing: str
    layers: Table
    shelf: OnShelf
    classes: Bars | None
    confusion: Confusion | None
    pairs: Table | None
    mistakes: Mistakes | None
    files: tuple[FileRow, ...]


Block = Text | Heading | Facts | Picture | Code | Lines | Table | Chart | Networks | Bars | BarGroups | NetworkPage


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


def section(title: str, *blocks: Block | None) -> Section:
    """A section of those blocks that there are."""
    return Section(title, tuple(block for block in blocks if block is not None))
