"""What a full training gave, in lines for the terminal."""

from collections.abc import Iterator
from pathlib import Path

from nas.report.text import bytes_text, percent, plural
from nas.results.member import Finished, Member


def finished_lines(name: str, found: Finished, folder: Path, member: Member | None) -> Iterator[str]:
    """The accuracy, beside the confirmed one where a run knows the network, and each file."""
    mean = found.accuracy
    line = (
        f"{name}: {percent(mean.value)} % ({percent(mean.low)} to {percent(mean.high)}) on the test images, "
        f"{plural(mean.seeds, 'seed')}, {plural(found.epochs, 'epoch')}"
    )
    yield line + (f"; {percent(member.accuracy.value)} % when it was confirmed" if member else "")
    for file in found.files:
        if not file.path:
            yield f"  no {file.format} {file.precision}: {file.error}"
            continue
        accuracy = f"{percent(file.accuracy.value)} %, " if file.accuracy else ""
        timing = f", {file.host_latency_ms.median:.2f} ms here" if file.host_latency_ms else ""
        yield f"  {folder / file.path}  {file.precision}  {accuracy}{bytes_text(file.bytes)}{timing}"
