"""What is on the shelf: each shipped configuration with its error, as `known_errors.csv` holds it.

`python -m tools.shelf` makes the table from the profiles; a profile elsewhere is looked at when it is asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

from nas.errors import ProfileError
from nas.latency.features import require_measured
from nas.latency.predictions import predictors
from nas.latency.predictor import latency
from nas.latency.profile import HardwareProfile, known_profiles, load_profile, profile_folder, read_profile_yaml
from nas.latency.profile_tables import read_table
from nas.latency.validation import leave_one_out
from nas.measures import MEASURES
from nas.resources import data_dir
from nas.spaces.baselines import baseline

YARDSTICK = "mobilenet_v2"


@dataclass(frozen=True, slots=True)
class Shelved:
    """One configuration: its networks, the errors in percent of each predicted from the others, and a yardstick.

    `objectives`: what a search may minimise on it besides what follows from a network's layers; `yardstick_ms`:
    MobileNetV2 1.0 at 224 pixels, nan where the profile has no measurement of one of its layers.
    """

    name: str
    configuration: str
    device: str
    soc: str
    cores: str
    threads: int
    precision: str
    runtime: str
    runtime_version: str
    networks: int
    mape_percent: float
    max_percent: float
    coverage_percent: float
    spearman: float
    objectives: str
    yardstick_ms: float
    license: str

    @property
    def label(self) -> str:
        """`pixel4:1large_fp32`."""
        return f"{self.name}:{self.configuration}"


COLUMNS = tuple(field.name for field in fields(Shelved))


def shelved(profile: HardwareProfile) -> Shelved:
    """What `profile` is worth, from fits of it."""
    table, said = leave_one_out(profile), profile.provenance()
    found = [measure.name for measure in MEASURES.values() if measure.field in predictors(profile)]
    return Shelved(
        **{key: said[key] for key in COLUMNS if key in said},
        mape_percent=round(table.mape_percent, 2),
        max_percent=round(table.max_percent, 2),
        coverage_percent=round(table.coverage_percent, 1),
        spearman=round(table.spearman, 4),
        objectives=" ".join(found),
        yardstick_ms=_yardstick(profile),
    )


def shelf() -> Iterator[Shelved]:
    """Every configuration that ships, in the order of the table."""
    for _, row in read_table(data_dir("hardware_profiles") / "known_errors.csv", COLUMNS):
        yield _from_cells(row)


def on_shelf(hardware: str | None) -> list[Shelved]:
    """All that ships; of one profile by its name, each configuration; one `name:configuration`, or a folder.

    Raises:
        ProfileError: no such profile or configuration.
    """
    if hardware is None:
        return list(shelf())
    folder, configuration = profile_folder(hardware)
    names = [configuration] if configuration else list(read_profile_yaml(folder / "profile.yaml")["configurations"])
    known = {(each.name, each.configuration): each for each in shelf()} if _ships(folder) else {}
    return [known.get((folder.name, name)) or shelved(load_profile(f"{folder}:{name}")) for name in names]


def _ships(folder: Path) -> bool:
    known = known_profiles().get(folder.name)
    return known is not None and known.resolve() == folder.resolve()


def _yardstick(profile: HardwareProfile) -> float:
    arch = baseline(YARDSTICK)
    try:
        require_measured(arch, predictors(profile)["latency_ms"].ground)
    except ProfileError:
        return float("nan")
    return float(f"{latency(arch, profile).ms:.4g}")


def _from_cells(row: dict[str, str]) -> Shelved:
    return Shelved(**{name: kind(row[name]) for name, kind in get_type_hints(Shelved).items()})
