"""`python -m nas.validate hardware=pixel4`: a profile's error on networks left out of its fit."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from nas.commandline import Invocation, command
from nas.latency.profile import load_profile
from nas.latency.validation import leave_one_out


@dataclass(frozen=True, slots=True)
class ValidateSettings:
    """What `nas.validate` can be told."""

    hardware: str


def main(settings: ValidateSettings, _: Invocation) -> None:
    """Print the error table, beside what counting alone would give."""
    profile = load_profile(settings.hardware)
    errors = leave_one_out(profile)
    table = Table()
    table.add_column("measure")
    table.add_column("value", justify="right")
    for name, value in (
        ("MAPE", f"{errors.mape_percent:.1f} %"),
        ("largest error", f"{errors.max_percent:.1f} %"),
        ("within 5 %", f"{errors.within_5_percent:.0f} %"),
        ("within 10 %", f"{errors.within_10_percent:.0f} %"),
        ("covered by the 90 % interval", f"{errors.coverage_percent:.0f} %"),
        ("Spearman", f"{errors.spearman:.3f}"),
        ("Kendall tau", f"{errors.kendall:.3f}"),
        ("MAPE of MACs alone", f"{errors.macs_mape_percent:.1f} %"),
        ("MAPE of params alone", f"{errors.params_mape_percent:.1f} %"),
    ):
        table.add_row(name, value)
    console = Console()
    console.print(f"{profile.label}: each of {errors.n} networks predicted from the others", highlight=False)
    console.print(table)


if __name__ == "__main__":
    command("validate", ValidateSettings, main)
