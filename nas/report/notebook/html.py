"""A run, a front and a member as HTML for a notebook: a sentence, a picture, a table."""

import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from nas.measures import Measure
from nas.reading.plain import one_line
from nas.report.networks import bounds, cost_measure
from nas.report.notebook.svg import Dot, front_svg
from nas.report.summary import headline, notices
from nas.report.text import address, bytes_text, count_text, how_text, percent, plural
from nas.resources import canonical
from nas.results.costs import DeviceFigure, on_devices
from nas.results.front import Front
from nas.results.member import Accuracy, Member, ModelFile
from nas.results.naming import member_labels, member_names
from nas.results.ordering import cost_of, ordered
from nas.results.trials import TrialRow

_LONGEST = 2000  # characters of a text


def run_html(front: Front, trials: Sequence[TrialRow], report: Path) -> str:
    """What the report says first, the front, and where the report is."""
    found = notices(front)
    items = "".join(f"<li>{_plain(notice)}</li>" for notice in found)
    known = f"<details><summary>{plural(len(found), 'notice')}</summary><ul>{items}</ul></details>" if found else ""
    link = f'<a href="{escape(address(os.path.relpath(report)))}">{_plain(canonical(str(report)))}</a>'
    return f"<div>{front_html(front, trials)}{known}<p>report: {link}</p></div>"


def front_html(front: Front, trials: Sequence[TrialRow]) -> str:
    """The front among the trials, and its members from cheap to expensive."""
    members = ordered(front.front, cost_measure(front))
    times = _latencies(members[0]) if members else ()
    heads = ("", "accuracy, %", *times, "MACs", "parameters", "int8, %", "network")
    rows = [_row(front, member) for member in members]
    return f"<div><p><b>{_plain(headline(front))}</b></p>{_picture(front, trials)}{_table(heads, rows)}</div>"


def member_html(front: Front, member: Member) -> str:
    """What is known of a network, and where it lies on the front."""
    shipped = member.shipped()
    accuracy = shipped.accuracy
    rows = [
        ("accuracy", f"{_range(accuracy, 100)} %, {how_text(accuracy.how)}, {plural(accuracy.seeds, 'seed')}"),
        *((name, f"{_range(found)}, {found.how}") for name, found in _latencies(member).items()),
        ("multiply-accumulates", count_text(member.macs)),
        ("parameters", count_text(member.params)),
        ("weights", bytes_text(member.weight_bytes)),
        ("activations at their peak", bytes_text(member.peak_activation_bytes)),
        *((file.kind, _file(file)) for file in shipped.files if file.path),
        ("network", member.notation),
        ("key", member.key),
    ]
    name = member_names(front)[member.key]
    return f"<div><p><b>{_plain(name)}</b></p>{_picture(front, (), member.key)}{_table(('', ''), rows)}</div>"


def _row(front: Front, member: Member) -> tuple[str, ...]:
    shipped = member.shipped()
    int8 = shipped.file("int8")
    return (
        member_labels(front)[member.key],
        _range(shipped.accuracy, 100),
        *map(_range, _latencies(member).values()),
        count_text(member.macs),
        count_text(member.params),
        percent(int8.accuracy.value) if int8 and int8.accuracy else "-",
        member.notation,
    )


def _latencies(member: Member) -> dict[str, DeviceFigure]:
    """Milliseconds on the device, or on each of several, under what a table calls them."""
    several = on_devices(member.costs)
    found = {f"ms on {device}": figures["latency_ms"] for device, figures in several.items()}
    return found or {"latency, ms": member.latency_ms}


def _range(found: Accuracy | DeviceFigure, scale: float = 1) -> str:
    shown = bounds(found).scaled(scale)
    digits = 1 if isinstance(found, Accuracy) else 2
    mark = "*" if isinstance(found, DeviceFigure) and found.extrapolates else ""
    return f"{shown.value:.{digits}f}{mark} ({shown.low:.{digits}f} to {shown.high:.{digits}f})"


def _file(file: ModelFile) -> str:
    accuracy = f", {percent(file.accuracy.value)} %" if file.accuracy else ""
    return f"{file.path}, {bytes_text(file.bytes)}{accuracy}"


def _picture(front: Front, trials: Sequence[TrialRow], marked: str = "") -> str:
    measure = cost_measure(front)
    labels = member_names(front)
    members = [
        Dot(
            cost_of(member, measure).value * measure.scale,
            100 * member.accuracy.value,
            labels[member.key],
            labels[member.key].partition(" ")[0],
            member.key == marked,
        )
        for member in front.front
    ]
    return front_svg(trial_dots(trials, measure), members, measure)


def trial_dots(trials: Sequence[TrialRow], measure: Measure) -> list[Dot]:
    """The trials of which accuracy and cost are known, to draw."""
    known = [
        (row, row.figures.get(measure.field)) for row in trials if row.accuracy is not None and not row.ranked_only
    ]
    return [
        Dot(cost * measure.scale, 100 * row.accuracy, f"trial {row.number}: {percent(row.accuracy)} %")
        for row, cost in known
        if cost is not None and row.accuracy is not None
    ]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_plain(cell)}</th>" for cell in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_plain(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if any(heads) else ''}<tbody>{body}</tbody></table>"


def _plain(text: str) -> str:
    """A text that others may have written, as HTML."""
    return escape(one_line(text, _LONGEST))
