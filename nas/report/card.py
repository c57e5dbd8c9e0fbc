"""The model card of a network, Markdown beside its files: what it is, how good, how fast, and how to run it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nas.errors import ProfileError, RunError
from nas.latency.predictor import latency
from nas.latency.profile import known_profiles, load_profile
from nas.reading.plain import one_line
from nas.reading.safetensors_header import read_header
from nas.report.text import bytes_text, count_text, percent, plural
from nas.results.front import Front
from nas.results.member import Member, ModelFile
from nas.results.run_folder import write_text

_FEW_CLASSES = 20
"""Of more, the pairs that are taken for each other most are listed instead of a matrix."""
_PAIRS = 20


def write_cards(folder: Path, front: Front) -> list[Path]:
    """Write the card of every training whose weights are in the run folder, `KEY.md` beside them.

    Raises:
        RunError: a file of weights cannot be read, or the folder not be written.
    """
    members = {each.weights: each for member in front.confirmed for each in (member, member.shipped())}
    return [
        write_text((folder / weights).with_suffix(".md"), card(folder, front, member))
        for weights, member in members.items()
        if weights
    ]


def card(folder: Path, front: Front, member: Member) -> str:
    """The card of one network.

    Raises:
        RunError: its file of weights cannot be read.
    """
    said = _said(folder / str(member.weights))
    how = json.loads(said["preprocessing"])
    environment = Environment(loader=PackageLoader("nas.report", "."), undefined=StrictUndefined, trim_blocks=True)
    onnx = member.file("fp32")
    return environment.get_template("card.md.j2").render(
        title=f"{len(front.data.classes)} classes at {how['resolution']} pixels, {member.key}",
        intro=f"`{member.notation}`, found by a search for {_plain(front.hardware.device)}.",
        facts=_facts(front, member, said),
        images=front.data.test,
        files=[_file(file) for file in member.files if file.path],
        data=_data(front),
        confusion=_confusion(front, onnx) if onnx and onnx.accuracy and "test" in front.data.counts else None,
        latency=list(_latencies(front, replace(member.architecture, resolution=how["resolution"]))),
        steps=_steps(how),
        licence=_plain(said.get("licence", "unknown")),
        file=Path(onnx.path).name if onnx and onnx.path else None,
        how=how,
        classes=_fenced(json.dumps(how["classes"])),
        cpp_classes=_fenced(f"{{{json.dumps(how['classes'], ensure_ascii=False)[1:-1]}}}"),
    )


def _fenced(literals: str) -> str:
    """Literals of strings, in which nothing ends the block of code."""
    return literals.replace("`", "\\u0060")


def _said(path: Path) -> Mapping[str, str]:
    said = read_header(path).beside
    if "preprocessing" not in said:
        raise RunError(f"{path} does not say how images are prepared; search again")
    return said


def _facts(front: Front, member: Member, said: Mapping[str, str]) -> list[tuple[str, str]]:
    accuracy = member.accuracy
    return [
        (
            "accuracy on the test images",
            f"{percent(accuracy.value)} % ({percent(accuracy.low)} to {percent(accuracy.high)}), mean of "
            f"{plural(accuracy.seeds, 'training')} at {accuracy.resolution} pixels",
        ),
        ("multiply-accumulates", count_text(int(said["macs"]))),
        ("parameters", count_text(int(said["params"]))),
        ("classes", _plain(", ".join(front.data.classes))),
        ("made by", _plain(f"sepconv-nas {said.get('version', '')}: `{front.command}`")),
    ]


def _file(file: ModelFile) -> tuple[str, ...]:
    found = file.accuracy
    shown = f"{percent(found.value)} ({percent(found.low)} to {percent(found.high)})" if found else "-"
    timing = file.host_latency_ms
    return (
        f"[{Path(str(file.path)).name}]({Path(str(file.path)).name})",
        f"{file.format} {file.precision}",
        bytes_text(file.bytes),
        shown,
        percent(file.torch.top_class) if file.torch else "-",
        f"{timing.median:.3g} ({timing.low:.3g} to {timing.high:.3g}, {_plain(timing.runtime)})" if timing else "-",
        _plain("; ".join(_remarks(file))),
    )


def _remarks(file: ModelFile) -> Iterator[str]:
    if file.not_run:
        yield f"not run here: {file.not_run}"
    if found := file.int8:
        same = "" if found.agreement is None else f" and {found.agreement:.1f} % in the class of fp32"
        yield f"{found.rung}, {found.loss_points:.2f} points lost{same} in validation"
        if found.fp32_layers:
            kept = (f"{layer.layer} ({layer.bytes} bytes, {layer.ms:+.3f} ms)" for layer in found.fp32_layers)
            yield f"in fp32: {', '.join(kept)}"
        if found.unheld:
            yield f"no way to int8 is good enough: it {found.unheld}"
    if file.slower:
        yield file.slower


def _data(front: Front) -> str:
    data = front.data
    images = f"{data.train} training, {data.val} validation and {data.test} test images"
    return f"`{_plain(data.source)}`: {images}, {data.native_resolution} pixels as they are. Test images chose nothing."


@dataclass(frozen=True, slots=True)
class _Confusion:
    text: str
    table: str


def _confusion(front: Front, file: ModelFile) -> _Confusion:
    """Of the fp32 file on the test images: a matrix, or of many classes the most frequent pairs."""
    classes = [_plain(name) for name in front.data.classes]
    if len(classes) > _FEW_CLASSES:
        rows = [(classes[each.true], classes[each.found], str(each.count)) for each in file.confused[:_PAIRS]]
        return _Confusion("Of the fp32 file, the most frequent.", _table(("class", "taken for", "images"), rows))
    counts = {(each.true, each.found): each.count for each in file.confused}
    every = list(front.data.counts["test"].values())
    for index, count in enumerate(every):
        counts[index, index] = count - sum(counts.get((index, other), 0) for other in range(len(classes)))
    matrix = [
        [name, *(str(counts.get((row, column), 0)) for column in range(len(classes)))]
        for row, name in enumerate(classes)
    ]
    return _Confusion(
        "Of the fp32 file: a row a class, a column what it was taken for.", _table(("", *classes), matrix)
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines: list[Sequence[str]] = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _latencies(front: Front, arch: Any) -> Iterator[tuple[str, ...]]:
    own = front.hardware.label
    for name in dict.fromkeys((own, *known_profiles())):
        with suppress(ProfileError):  # a device given by a path, or without measurements of what the network has
            profile = load_profile(name)
            if name != own and profile.label == own:
                continue
            found = latency(arch, profile)
            doubt = "" if found.in_range else "extrapolates"
            span = f"{found.ms:.2f} ({found.low:.2f} to {found.high:.2f})"
            yield _plain(profile.device), profile.precision, span, doubt


def _steps(how: Mapping[str, Any]) -> list[str]:
    decoded, pixels = how["decoded_at"], how["resolution"]
    enlarged = [f"resize to {pixels} x {pixels} pixels, bilinear, antialiased"] if decoded != pixels else []
    return [
        f"EXIF: {how['exif']}; alpha: {how['alpha']}; colour: {how['colour']}",
        f"{how['fit']} to {decoded} x {decoded} pixels, {how['interpolation']}",
        *enlarged,
        f"multiply by {how['scale']:.8g}, subtract {how['mean']}, divide by {how['std']}, a value for each channel",
        f"lay out as {how['layout']} (TensorFlow Lite: NHWC), float32",
    ]


def _plain(text: str) -> str:
    """A text that others wrote, which neither ends a cell of a table nor begins anything else."""
    return one_line(text, 2000).replace("|", "\\|").replace("<", "&lt;")
