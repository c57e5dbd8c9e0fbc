"""A profile's error on networks it was not fitted to: as a table, and stored beside the profile."""

from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nas.errors import ProfileError
from nas.latency.profile import HardwareProfile, read_profile_yaml
from nas.latency.validation import ErrorTable, Validation, predictable, validate_kept_back
from nas.recording.remeasure import Remeasured, recorded_facts
from nas.recording.validation_file import (
    COLUMNS,
    FILE,
    file_content,
    read_entries,
    remeasured_before,
    same,
    to_entry,
)
from nas.report.measuring import note
from nas.report.profiles.validation_scatter import FILE as PICTURE
from nas.report.profiles.validation_scatter import validation_png
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


def print_validation(profile: HardwareProfile, found: Mapping[str, Validation], fresh: Remeasured | None) -> None:
    """Print how many networks there are of each role in `found`, and a table with a column for each."""
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
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
    console.print(_table(found))


def print_energy(found: Mapping[str, Validation]) -> None:
    """Print the same of millijoules."""
    console = Console()
    count = found["left_out"].table.n
    console.print(f"energy: each of {count} networks predicted from the others", highlight=False, soft_wrap=True)
    console.print(_table(found))


def _table(found: Mapping[str, Validation]) -> Table:
    table = Table()
    table.add_column("measure", overflow="fold")
    for role in found:
        table.add_column(COLUMNS[role], justify="right", overflow="fold")
    for name, show in _ROWS.items():
        table.add_row(name, *(show(validation.table).replace("nan", "–") for validation in found.values()))
    return table


def _pace(fresh: Remeasured, validation: Validation) -> str:
    """How fast the host is now, and what the error is beyond that."""
    errors = [abs(100 * (row.predicted * fresh.pace / row.measured - 1)) for row in validation.networks]
    share = 100 * sum(error <= 5 for error in errors) / len(errors)
    return (
        f"this host now: {fresh.known} networks of the profile took {fresh.pace:.3f} times as long as when recorded; "
        f"with that taken out, MAPE {sum(errors) / len(errors):.1f} %, {share:.0f} % within 5 %"
    )


def store_validation(
    profile: HardwareProfile,
    folder: Path,
    found: Mapping[str, Validation],
    fresh: Remeasured | None,
    energy: Mapping[str, Validation],
) -> None:
    """Write validation.json and validation.png, if they would say something new.

    Networks measured anew before are predicted again and kept, unless there are newer ones.

    Raises:
        ProfileError: validation.json cannot be read, or one of the files cannot be written.
    """
    name = profile.configuration
    entries = read_entries(folder, read_profile_yaml(folder / "profile.yaml")["configurations"])
    if fresh is None:
        recorded = str(recorded_facts(folder, name).get("date", ""))
        fresh = remeasured_before(entries.get(name), str(recorded), (*profile.measurements, *profile.held_out))
        if fresh and (known := predictable(profile, fresh.rows)):
            found = {**found, "measured_now": validate_kept_back(profile, known)}
    entry = to_entry(found, fresh)
    if energy:
        entry["energy"] = {role: validation.table.to_json() for role, validation in energy.items()}
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
    note(f"stored in {folder}: {FILE}, {PICTURE}")
