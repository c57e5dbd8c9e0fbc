"""A survey of images as lines and a table for the terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from nas.data.left_out import left_out_text
from nas.data.survey.findings import Finding, verdict
from nas.data.survey.needs import Needs
from nas.data.survey.survey import Survey
from nas.reading.plain import one_line
from nas.report.text import bytes_text, percent, plural, population

_MOST_ROWS = 20
_SIDES = {"least": "least", "p5": "5 %", "median": "median", "p95": "95 %", "most": "most"}


def print_survey(survey: Survey, found: Sequence[Finding]) -> None:
    """The counts, what the images are, what is twice there, what a search would take, and whether they are fit."""
    console = Console()

    def say(line: str) -> None:
        console.print(one_line(line), highlight=False, markup=False, soft_wrap=True)

    say(heading(survey))
    console.print(_table(survey.counts))
    if len(survey.counts["train"]) > _MOST_ROWS:
        say(f"the {_MOST_ROWS} largest of {len(survey.counts['train'])} classes; format=json has all")
    for name, text in facts(survey):
        say(f"{name:<12}{text}")
    say("")
    say(verdict(list(found)))
    for each in () if any(one.stops for one in found) else found:
        say(f"- {each.text}; {each.remedy}")


def heading(survey: Survey) -> str:
    """Which images these are, in one line."""
    images = survey.images
    carved = f" ({' and '.join(survey.carved)} carved from train)" if survey.carved else ""
    splits = ", ".join(f"{count} {split}" for split, count in images.items())
    return (
        f"{survey.path or survey.source}: {plural(sum(images.values()), 'image')} of "
        f"{len(survey.counts['train'])} classes, {splits}{carved}"
    )


def _table(counts: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("class", overflow="fold")
    for name in (*counts, "share of train %"):
        table.add_column(name, justify="right")
    train = counts["train"]
    whole = max(1, sum(train.values()))
    for name in sorted(train, key=lambda name: -train[name])[:_MOST_ROWS]:
        figures = (str(of_split[name]) for of_split in counts.values())
        table.add_row(one_line(name), *figures, percent(train[name] / whole))
    return table


def facts(survey: Survey) -> Iterator[tuple[str, str]]:
    """(what, figures) of the images, line by line."""
    yield "formats", f"{_counted(survey.formats)}; {_counted(survey.modes)}; {bytes_text(survey.size_bytes)} of files"
    for name, sides in (("short side", survey.short_side), ("long side", survey.long_side)):
        if sides:
            yield name, sides_text(sides)
    yield "left out", left_out_text(survey.left_out).partition(" left out: ")[2] if survey.left_out else "no file"
    exact = sum(group.exact for group in survey.duplicates)
    alike = len(survey.duplicates) - exact
    spread = sum(len(group.splits) > 1 for group in survey.duplicates)
    yield (
        "duplicates",
        f"{plural(exact, 'group')} of equal files, {plural(alike, 'group')} of images that look alike; "
        f"{spread} of these over several splits",
    )
    yield "a search", search_text(survey.needs)


def sides_text(sides: Mapping[str, int]) -> str:
    """Percentiles of a side in one line."""
    if sides["least"] == sides["most"]:
        return f"{sides['least']} pixels, all"
    return f"{', '.join(f'{name} {sides[key]}' for key, name in _SIDES.items())} pixels"


def search_text(needs: Needs) -> str:
    """What a search of the images would take, in one line."""
    sizes = " and ".join(map(str, needs.stored))
    networks = " to ".join(map(str, sorted({min(needs.resolutions), max(needs.resolutions)})))
    return (
        f"search_space=auto is {needs.search_space} ({population(needs.networks)} networks of "
        f"{networks} pixels; the images have {needs.native_resolution}); it "
        f"decodes them once, at {sizes} pixels, in {seconds_text(needs.decode_seconds)} of a core, and keeps "
        f"{bytes_text(needs.disk_bytes)} on disk, which all workers share in memory"
    )


def seconds_text(seconds: float) -> str:
    """A duration in the unit that suits it."""
    if seconds < 1:
        return "under 1 s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
