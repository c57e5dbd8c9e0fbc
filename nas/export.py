"""`python -m nas.export run=RUN member=2 formats=[tflite,tflite_int8]`: files of a finished run's networks."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le

from nas.commandline import Invocation, command
from nas.reading.plain import one_line
from nas.reading.words import cut
from nas.results.front import Front
from nas.results.member import Int8, ModelFile
from nas.results.named import ALL, find_member
from nas.results.run_folder import read_front


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What `nas.export` can be told."""

    run: str
    """The folder of a finished search, such as runs/NAME."""
    member: str | int
    """Which network of its front: its number in the report, such as 2, its key, or all."""
    formats: tuple[str, ...]
    """Those to write, such as [tflite_int8,coreml]: of onnx, onnx_int8, tflite, tflite_int8, ort, openvino, coreml,
    executorch and ncnn."""
    batch: Annotated[int, Ge(1), Le(4096)] | None
    """Images that a file takes at a time, such as 1; null for any number."""
    int8_loss: Annotated[float, Ge(0), Le(100)] | None
    """Points of accuracy that int8 may lose on the validation images; null for any, by the plainest way."""
    int8_agreement: Annotated[float, Ge(0), Le(100)] | None
    """Percent of the validation images, such as 99, that int8 must give the class of fp32; null for any."""
    calibration: Annotated[int, Ge(1), Le(1_000_000)]
    """Training images that the ranges of int8 are taken from."""
    format: Literal["text", "json"]
    """What is printed: a line for each file to read, or one JSON object."""


def main(settings: ExportSettings, _: Invocation) -> None:
    """Write the files, put them into front.json and the report, and say how they agree with torch."""
    from nas.exports import require_formats  # torch, which other commands do without

    require_formats("formats", settings.formats)
    from nas.exports.int8.ladder import Bounds
    from nas.report.card import write_cards
    from nas.report.html import write_report
    from nas.search.confirm.shipping import Wanted, ship

    folder = Path(settings.run).expanduser()
    keys = chosen(read_front(folder), settings.member, settings.run)
    bounds = Bounds(settings.int8_loss, settings.int8_agreement)
    wanted = Wanted(settings.formats, settings.batch, bounds, settings.calibration)
    found = ship(folder, keys, wanted)
    write_report(folder)
    write_cards(folder, read_front(folder))
    if settings.format == "json":
        print(json.dumps({key: [asdict(file) for file in files] for key, files in found.items()}))
        return
    for key, files in found.items():
        for file in files:
            there = file if not file.path else replace(file, path=str(folder / file.path))
            print(one_line(f"{key} {line(there)}"))
        print(one_line(f"how to prepare an image, and all else about it: {folder / 'models' / f'{key}.md'}"))


def chosen(front: Front, member: str | int, run: str) -> list[str]:
    """The keys of the members that are meant; raises as `find_member` does."""
    return [each.key for each in front.front] if member == ALL else [find_member(front, member, cut(run, 200)).key]


def line(file: ModelFile) -> str:
    """A file in one line."""
    kind = f"{file.format} {file.precision}"
    if file.error or file.bytes is None:
        return f"{kind}: not written, {file.error}"
    parts = [f"{kind}: {file.path}, {file.bytes / 1e3:.0f} kB, {file.resolution} pixels"]
    if file.not_run:
        parts.append(f"not run here: {file.not_run}")
    if file.accuracy and file.torch:
        same, difference = 100 * file.torch.top_class, file.torch.largest_difference
        parts.append(f"accuracy {100 * file.accuracy.value:.1f} %")
        parts.append(f"{same:.1f} % of {file.torch.images} test images as torch, logits within {difference:.2g}")
    if file.int8:
        parts.append(_int8(file.int8))
    if file.host_latency_ms:
        parts.append(f"{file.host_latency_ms.median:.2f} ms here")
    return ", ".join([*parts, *([file.slower] if file.slower else [])])


def _int8(found: Int8) -> str:
    same = "" if found.agreement is None else f" and {found.agreement:.1f} % as fp32"
    said = f"{found.rung}, {found.loss_points:+.2f} points lost{same} in validation"
    return f"{said}: it {found.unheld}" if found.unheld else said


if __name__ == "__main__":
    command("export", ExportSettings, main)
