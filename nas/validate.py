"""`python -m nas.validate hardware=pixel4`: a profile's error on networks left out of its fit."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from nas.commandline import Invocation, command
from nas.errors import ConfigError, ProfileError
from nas.latency.profile import HardwareProfile, Measurement, load_profile, profile_folder, read_profile_yaml
from nas.latency.validation import ErrorTable, Validation, predictable, validate_kept_back, validate_left_out
from nas.recording.remeasure import Remeasured, discard, measure_again, recorded_facts, remeasuring
from nas.recording.validation_file import (
    COLUMNS,
    FILE,
    file_content,
    read_entries,
    remeasured_before,
    same,
    to_entry,
)
from nas.report.scatter import FILE as PICTURE
from nas.report.scatter import validation_png
from nas.resources import replace_file

_ROWS: dict[str, Callable[[ErrorTable], str]] = {
    "MAPE": lambda table: f"{table.mape_percent:.1f} %",
    "largest error": lambda table: f"{table.max_percent:.1f} %",
    "within 5 %": lambda table: f"{table.within_5_percent:.0f} %",
    "within 10 %": lambda table: f"{table.within_10_percent:.0f} %",
    "covered by the 90 % interval": lambda table: f"{table.coverage_percent:.0f} %",
    "Spearman": lambda table: f"{table.spearman:.3f}",
    "Kendall tau": lambda table: f"{table.kendall:.3f}",
    "MAPE of MACs alone": lambda table: f"{table.macs_mape_percent:.1f} %",
    "MAPE of params alone": lambda table: f"{table.params_mape_percent:.1f} %",
}


@dataclass(frozen=True, slots=True)
class ValidateSettings:
    """What `nas.validate` can be told."""

    hardware: str
    remeasure: int
    seed: int
    search_space: str | None
    store: bool
    format: Literal["text", "json"]

    def __post_init__(self) -> None:
        for key, value in (("remeasure", self.remeasure), ("seed", self.seed)):
            if value < 0:
                raise ConfigError(f"{key} must be 0 or above, got {value}")
        if self.search_space is not None and not self.remeasure:
            raise ConfigError("search_space goes with remeasure=20, the networks to draw from it")


def main(settings: ValidateSettings, _: Invocation) -> None:
    """Print the error tables, beside what counting alone would give, and store them in the profile's folder."""
    profile, folder = load_profile(settings.hardware), profile_folder(settings.hardware)[0]
    fresh, plan = None, None
    if settings.remeasure:
        plan = remeasuring(profile, folder, settings.remeasure, settings.seed, settings.search_space)
        if plan.runtime_version != profile.runtime_version:
            _note(f"measured with {profile.runtime} {plan.runtime_version}, recorded with {profile.runtime_version}")
        with _progress() as report:
            fresh = measure_again(plan, report)
    found = {"left_out": validate_left_out(profile)}
    for role, rows in (("kept_back", profile.held_out), ("measured_now", fresh.rows if fresh else ())):
        found |= _unseen(profile, role, rows)
    if settings.format == "json":
        tables = {role: found[role].table.to_json() if role in found else None for role in COLUMNS}
        print(json.dumps({"hardware": profile.label, **tables}))
    else:
        _print(profile, found, fresh)
    if settings.store:
        _store(profile, folder, found, fresh)
    if plan:
        discard(plan)


def _unseen(profile: HardwareProfile, role: str, rows: tuple[Measurement, ...]) -> dict[str, Validation]:
    """The validation on `rows`, as the role; those with a kind of layer that nobody measured are left out, and told."""
    known = predictable(profile, rows)
    if len(known) < len(rows):
        _note(
            f"{COLUMNS[role]}: {len(rows) - len(known)} of {len(rows)} networks have a kind of layer that "
            f"{profile.label} has not measured, and are left out"
        )
    return {role: validate_kept_back(profile, known)} if known else {}


def _print(profile: HardwareProfile, found: Mapping[str, Validation], fresh: Remeasured | None) -> None:
    console = Console()
    count = {role: validation.table.n for role, validation in found.items()}
    lines = [f"{profile.label}: each of {count['left_out']} networks predicted from the others"]
    if "kept_back" in found:
        lines.append(f"kept back: {count['kept_back']} networks measured with these, never fitted")
    if fresh:
        unsettled = fresh.drawn - len(fresh.rows)
        tail = f"; {unsettled} more did not settle" if unsettled else ""
        counted = count.get("measured_now", 0)
        lines.append(f"measured now: {counted} fresh networks of {fresh.search_space}, seed {fresh.seed}{tail}")
        if "measured_now" in found:
            lines.append(_pace(fresh, found["measured_now"]))
    table = Table()
    table.add_column("measure")
    for role in found:
        table.add_column(COLUMNS[role], justify="right")
    for name, show in _ROWS.items():
        table.add_row(name, *(show(validation.table).replace("nan", "–") for validation in found.values()))
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
    console.print(table)


def _pace(fresh: Remeasured, validation: Validation) -> str:
    """How fast the host is now, and what the error is beyond that."""
    errors = [abs(100 * (row.predicted * fresh.pace / row.measured - 1)) for row in validation.networks]
    share = 100 * sum(error <= 5 for error in errors) / len(errors)
    return (
        f"this host now: {fresh.known} networks of the profile took {fresh.pace:.3f} times as long as when recorded; "
        f"with that taken out, MAPE {sum(errors) / len(errors):.1f} %, {share:.0f} % within 5 %"
    )


def _store(profile: HardwareProfile, folder: Path, found: Mapping[str, Validation], fresh: Remeasured | None) -> None:
    """Write validation.json and validation.png, if they would say something new.

    Networks measured anew before are predicted again and kept, unless there are newer ones.

    Raises:
        ProfileError: validation.json cannot be read, or one of the files cannot be written.
    """
    name = profile.configuration
    entries = read_entries(folder, read_profile_yaml(folder / "profile.yaml")["configurations"])
    if fresh is None:
        recorded = recorded_facts(folder, name).get("date", "")
        fresh = remeasured_before(entries.get(name), str(recorded), (*profile.measurements, *profile.held_out))
        if fresh and (known := predictable(profile, fresh.rows)):
            found = {**found, "measured_now": validate_kept_back(profile, known)}
    entry = to_entry(found, fresh)
    if same(entry, entries.get(name)) and (folder / PICTURE).is_file():
        return
    entries = dict(sorted({**entries, name: entry}.items()))
    for file, content in ((FILE, file_content(entries)), (PICTURE, validation_png(profile, entries))):
        try:
            replace_file(folder / file, content)
        except OSError as error:
            raise ProfileError(
                f"not stored: cannot write {folder / file}: {error.strerror}; "
                "store=false only prints, or copy the folder and give hardware=COPY"
            ) from None
    _note(f"stored in {folder}: {FILE}, {PICTURE}")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """The last line on a terminal, every line elsewhere; on stderr, since stdout is for the tables."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _note
        return
    with console.status("writing the networks to measure …") as status:
        yield status.update


def _note(line: str) -> None:
    Console(stderr=True, highlight=False, markup=False).print(line, soft_wrap=True)


if __name__ == "__main__":
    command("validate", ValidateSettings, main)
