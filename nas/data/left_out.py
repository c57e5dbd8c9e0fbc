"""Files of the data that take no part: counted by reason, and named."""

from collections.abc import Iterable, Sequence

from nas.reading.words import cut
from nas.results.front import LeftOut

EXAMPLES = 10
_SHOWN, _LONGEST = 2, 440


def by_reason(found: Iterable[tuple[str, str]]) -> tuple[LeftOut, ...]:
    """Pairs of reason and file as one entry for each reason: those of an extension first, then the most files."""
    files: dict[str, list[str]] = {}
    for reason, file in found:
        files.setdefault(reason, []).append(file)
    order = sorted(files, key=lambda reason: (not reason.startswith("."), -len(files[reason]), reason))
    return tuple(LeftOut(reason, len(files[reason]), tuple(files[reason][:EXAMPLES])) for reason in order)


def left_out_text(left_out: Sequence[LeftOut]) -> str:
    """One line: `4 files left out: 2 .heic (pip install pillow-heif), 2 unreadable: a.jpg, b.jpg`."""
    total = sum(each.count for each in left_out)
    line, between = f"{total} {'file' if total == 1 else 'files'} left out:", ""
    for place, each in enumerate(left_out):
        part = f"{between} {each.count} {cut(each.reason)}"
        if not each.reason.startswith("."):  # an extension says which
            part += f": {', '.join(map(cut, each.examples[:_SHOWN]))}{', …' if each.count > _SHOWN else ''}"
        if len(line + part) > _LONGEST:
            return f"{line}{between} and {len(left_out) - place} more reasons"
        line, between = line + part, "," if each.reason.startswith(".") else ";"
    return line
