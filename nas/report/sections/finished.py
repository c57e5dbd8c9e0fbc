"""What full trainings made of the networks."""

from collections.abc import Sequence

from nas.report.blocks import Column, Section, Table, Text, section
from nas.report.text import bytes_text, percent, plural
from nas.results.front import Front
from nas.results.member import Finished, Member
from nas.results.naming import member_labels
from nas.results.trials import TrialRow

_COLUMNS = (
    Column("network"),
    Column("accuracy, %", "number"),
    Column("95 % interval"),
    Column("when confirmed, %", "number"),
    Column("training"),
    Column("files"),
    Column("key", "code"),
)
_SAID = (
    "On the test images, the mean of the seeds; each file holds the training that was best on the validation images, "
    "at its best epoch. Confirmed accuracies are those of the shorter trainings by which the front was chosen."
)


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section; where nothing was finished it has no blocks, and is left out."""
    labels = member_labels(front)
    rows = [_row(labels[each.key], each, each.finished) for each in front.confirmed if each.finished is not None]
    if not rows:
        return section("Full trainings")
    return section("Full trainings", Table(_COLUMNS, tuple(rows)), Text(_SAID, "soft"))


def _row(label: str, member: Member, found: Finished) -> tuple[str, ...]:
    mean = found.accuracy
    training = f"{plural(found.epochs, 'epoch')} (best: {found.best_epoch}), {plural(mean.seeds, 'seed')}"
    if found.teacher:
        training += f", taught by {found.teacher}"
    files = [f"{file.path} ({bytes_text(file.bytes)})" for file in found.files if file.path]
    interval = f"{percent(mean.low)} to {percent(mean.high)}"
    return (
        *(label, percent(mean.value), interval, percent(member.accuracy.value)),
        *(training, ", ".join(files), member.key),
    )
