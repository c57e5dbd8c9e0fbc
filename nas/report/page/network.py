"""One confirmed network on a page of its own: its figures, stages, layers, classes, mistakes and files."""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from nas.errors import ProfileError
from nas.latency.anatomy import Anatomy, Part, anatomy
from nas.latency.profile import HardwareProfile, load_profile
from nas.reading.plain import one_line
from nas.report.anatomy.table import grouped, shown
from nas.report.blocks import Bars, Column, Confusion, FileRow, Mistakes, NetworkPage, Shot, Table
from nas.report.devices import views
from nas.report.network_row import NetworkRow, network_row
from nas.report.page.shelf import on_shelf
from nas.report.page.stages import stages_svg
from nas.report.text import address, bytes_text, count_text, percent
from nas.results.front import Front
from nas.results.member import ByClass, Member, ModelFile
from nas.results.naming import member_names

MOST_CELLS, MOST_BARS, MOST_PAIRS = 20, 30, 20
"""Classes of which a matrix is shown; classes that have a bar; pairs that are listed where there is no matrix."""


def network_page(front: Front, member: Member) -> NetworkPage:
    """All that is known of a confirmed network, by its full training where it had one."""
    own, row = member.shipped(), network_row(member)
    name, _, figures = member_names(front)[member.key].partition(" · ")
    found = _anatomy(front, member)
    onnx = own.file("fp32")
    judged = onnx.by_class if onnx else None
    return NetworkPage(
        key=member.key,
        name=name,
        figures=figures,
        notation=member.notation,
        facts=tuple(_facts(front, row)),
        drawing=stages_svg(found),
        layers=_layers(found),
        shelf=on_shelf(member.architecture, [view.hardware.name for view in views(front)], front.hardware.precision),
        classes=_classes(front, judged) if judged else None,
        confusion=_confusion(front, onnx) if onnx and onnx.accuracy else None,
        pairs=_pairs(front, onnx) if onnx and onnx.accuracy else None,
        mistakes=_mistakes(front, judged) if judged and judged.mistakes else None,
        files=files_of(member),
    )


def files_of(member: Member) -> tuple[FileRow, ...]:
    """Its files, by its full training where it had one."""
    return tuple(_file(file) for file in member.shipped().files)


def _facts(front: Front, row: NetworkRow) -> list[tuple[str, str]]:
    device = front.hardware.device if not front.several else row.device
    mark = ", extrapolated beyond the measured networks" if row.extrapolated else ""
    int8 = f"{row.int8} ({row.int8_range}), {row.int8_fp32}" if row.int8_range else ""
    host = "; ".join(text for text in (f"{row.host} ({row.host_range})", row.host_int8, row.host_how) if text)
    found = [
        ("accuracy, % of the test images", f"{row.accuracy} ({row.accuracy_range}), {row.how}"),
        ("probability of being on the front", row.probability),
        (f"latency on {device}, ms", f"{row.latency} ({row.latency_range}), {row.latency_how}{mark}"),
        ("before it was measured", row.predicted),
        *((each.heading, f"{each.value} ({each.range}), {each.how}") for each in row.further),
        ("this host, ms, measured", host if row.host_range else ""),
        ("multiply-accumulates", row.macs),
        ("parameters, weights", f"{row.params}, {row.weights}"),
        ("activations at their peak", row.activations),
        ("int8 file, % of the test images", int8),
    ]
    return [(name, text) for name, text in found if text]


@lru_cache(maxsize=8)
def _profile(label: str) -> HardwareProfile | None:
    """The profile, None where it was given by a path and is elsewhere now."""
    with suppress(ProfileError):
        return load_profile(label)
    return None


def _anatomy(front: Front, member: Member) -> Anatomy:
    """The layers with the milliseconds of every device of the run whose profile is known here and can tell."""
    profiles = [profile for view in views(front) if (profile := _profile(view.hardware.label))]
    with suppress(ProfileError):
        return anatomy(member.architecture, profiles, front.hardware.precision)
    return anatomy(member.architecture, (), front.hardware.precision)


def _layers(found: Anatomy) -> Table:
    times = tuple(Column(f"ms {each.label}", "number") for each in found.devices)
    columns = (
        *(Column("where"), Column("layer"), Column("out", "number")),
        *(Column("MACs", "number"), Column("params", "number"), *times),
    )
    rows = [_layer(label, parts[0]) for label, parts in grouped(found.parts, "layers")]
    beside = [("beside the layers", "", "", "", "", *(f"{each.beside_ms:.3f}" for each in found.devices))]
    total = (f"{each.latency.ms:.3f}" for each in found.devices)
    whole = ("whole network", "", "", count_text(found.cost.macs), count_text(found.cost.params), *total)
    return Table(columns, (*rows, *(beside if found.devices else []), whole))


def _layer(label: str, part: Part) -> tuple[str, ...]:
    layer = part.layer
    out = f"{layer.out_channels}×{layer.out_size}²"
    costs = (count_text(layer.macs) if layer.macs else "", count_text(layer.params) if layer.params else "")
    return (
        label.replace("stage", "").replace(".block", "."),
        shown(layer),
        out,
        *costs,
        *(f"{ms:.3f}" for ms in part.ms),
    )


def _classes(front: Front, judged: ByClass) -> Bars | None:
    """How many images of each class are right, the worst first."""
    counts = list(front.data.counts.get("test", {}).values())
    if len(counts) != len(judged.right) or len(counts) != len(front.data.classes):
        return None
    known = [
        (right / of, f"{percent(right / of)} % ({right} of {of})", one_line(name, 60))
        for name, right, of in zip(front.data.classes, judged.right, counts, strict=True)
        if of
    ]
    known.sort(key=lambda each: each[0])
    more = f", the worst {MOST_BARS} of {len(known)}" if len(known) > MOST_BARS else ""
    return Bars(
        f"Accuracy of each class{more}",
        tuple((name, min(1.0, share), text) for share, text, name in known[:MOST_BARS]),
    )


def _confusion(front: Front, file: ModelFile) -> Confusion | None:
    """The matrix of the ONNX file in fp32 on the test images; None of many classes."""
    classes, every = front.data.classes, list(front.data.counts.get("test", {}).values())
    if not 2 <= len(classes) <= MOST_CELLS or len(every) != len(classes):
        return None
    counts = {(each.true, each.found): each.count for each in file.confused}
    rows = []
    for true, of in enumerate(every):
        row = [counts.get((true, found), 0) for found in range(len(classes))]
        row[true] = max(0, of - sum(row))
        rows.append(tuple(row))
    return Confusion(tuple(one_line(name, 40) for name in classes), tuple(rows))


def _pairs(front: Front, file: ModelFile) -> Table | None:
    """Of many classes, those that are taken for each other most."""
    classes = front.data.classes
    if len(classes) <= MOST_CELLS or not file.confused:
        return None
    rows = tuple(
        (_class(front, each.true), _class(front, each.found), str(each.count)) for each in file.confused[:MOST_PAIRS]
    )
    return Table((Column("class"), Column("taken for"), Column("images", "number")), rows)


def _mistakes(front: Front, judged: ByClass) -> Mistakes:
    shots = tuple(
        Shot(each.image, _class(front, each.true), _class(front, each.found), percent(each.sure, 0))
        for each in judged.mistakes
    )
    return Mistakes(judged.picture or "", shots)


def _class(front: Front, index: int) -> str:
    classes: Sequence[str] = front.data.classes
    return one_line(classes[index], 40) if index < len(classes) else f"class {index}"


def _file(file: ModelFile) -> FileRow:
    accuracy = f"{percent(file.accuracy.value)} %" if file.accuracy else ""
    interval = f"{percent(file.accuracy.low)} to {percent(file.accuracy.high)}" if file.accuracy else ""
    timing = file.host_latency_ms
    unheld = file.int8.unheld if file.int8 else None
    remarks = (file.error, f"not run here: {file.not_run}" if file.not_run else "", unheld, file.slower)
    return FileRow(
        label=file.kind if file.format != "onnx" else f"onnx {file.precision}",
        link=address(file.path) if file.path else "",
        path=file.path or "not written",
        size=bytes_text(file.bytes) if file.bytes is not None else "",
        accuracy=accuracy,
        interval=interval,
        host=f"{timing.median:.3g} ms" if timing else "",
        note="; ".join(text for text in remarks if text),
    )
