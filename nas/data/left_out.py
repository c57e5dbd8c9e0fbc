"""Files of the data that take no part: counted by reason, and named."""

from collections.abc import Iterable, Sequence

from nas.results.front import LeftOut

EXAMPLES = 10
_SHOWN, _REASONS, _LONGEST = 2, 5, 70


def by_reason(found: Iterable[tuple[str, str]]) -> tuple[LeftOut, ...]:
    """Pairs of reason and file as one entry for each reason: those of an extension first, then the most files."""
    files: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for reason, file in found:
        counts[reason] = counts.get(reason, 0) + 1
        examples = files.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append(file)
    order = sorted(counts, key=lambda reason: (not reason.startswith("."), -counts[reason], reason))
    return tuple(LeftOut(reason, counts[reason], tuple(files[reason])) for reason in order)


def left_out_text(left_out: Sequence[LeftOut]) -> str:
    """One line: `4 files left out: 2 .heic (pip install pillow-heif), 2 unreadable: cat/a.jpg, cat/b.jpg`."""
    total = sum(each.count for each in left_out)
    line = f"{total} {'file' if total == 1 else 'files'} left out:"
    for each in left_out[:_REASONS]:
        line += f" {each.count} {_cut(each.reason)}"
        if each.reason.startswith("."):  # the extension says which
            line += ","
            continue
        more = ", …" if each.count > _SHOWN else ""
        line += f": {', '.join(map(_cut, each.examples[:_SHOWN]))}{more};"
    return line[:-1] + (f" and {len(left_out) - _REASONS} more reasons" if len(left_out) > _REASONS else "")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
