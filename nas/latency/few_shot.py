"""A new device from about ten whole networks: a profile that adapts the most alike known one.

Ten networks cannot tell the cost of every kind of layer apart, but devices differ far less in the ratios of
these costs than in the costs. So the fit is pulled towards the known profile's ratios (linear.py), and a
kind of layer counts as measured where the known profile has measured it.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from nas.errors import ArchitectureError, ProfileError
from nas.latency.energy_table import FILE as ENERGY
from nas.latency.energy_table import MILLIJOULES, read_mj
from nas.latency.models.linear import fit_linear
from nas.latency.profile import (
    NOT_STATED,
    PROVENANCE,
    HardwareProfile,
    Measurement,
    known_configurations,
    known_profiles,
    load_profile,
    profile_folder,
    read_profile_yaml,
    zip_of,
)
from nas.latency.profile_tables import LATENCY, MOST_NETWORKS, read_ms, read_table
from nas.latency.validation import leave_one_out
from nas.reading.json_text import parse_json
from nas.reading.words import short
from nas.reading.yaml_text import yaml_text
from nas.resources import names, replace_file
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture

FEWEST = 5

_REFERENCE = re.compile(r"[a-z0-9_.]+")  # what else `arch` may be is named by its key


def read_rows(file: str | Path) -> tuple[Measurement, ...]:
    """The networks of a table with the columns `arch,ms`: milliseconds of one inference at batch 1; `mj` may follow.

    `arch` is what `load_architecture` takes (a reference name, a notation, a path to a JSON file), or JSON itself.

    Raises:
        ProfileError: the table cannot be read, a network is unknown or given twice, or a time is none; the
            message begins with the place, `file:line`.
    """
    rows: dict[Architecture, Measurement] = {}
    for where, cells in read_table(Path(file), ("arch", "ms"), ("mj",)):
        text = cells["arch"].strip()
        try:
            arch = _architecture(text)
        except ArchitectureError as error:
            raise ProfileError(f"{where}: {error}") from None
        if arch in rows:
            raise ProfileError(f"{where}: the network {short(text)} is given twice")
        if len(rows) == MOST_NETWORKS:
            raise ProfileError(f"{where}: at most {MOST_NETWORKS:,} networks are read")
        ms = read_ms(where, cells, "ms")
        mj = read_mj(where, cells, "mj") if cells.get("mj") else 0.0
        name = text if _REFERENCE.fullmatch(text) else arch.key
        rows[arch] = Measurement(name, arch, ms, spread_ms=0.0, mj=mj)
    return tuple(rows.values())


def few_shot(
    name: str,
    rows: Sequence[Measurement],
    like: str | None = None,
    precision: str | None = None,
    threads: int = 1,
    about: Mapping[str, str] | None = None,
) -> HardwareProfile:
    """A profile called `name` of the measured `rows` that adapts another: it predicts like any other profile.

    `like` is what `load_profile` takes. Without it, the known profile of the same precision (default fp32) is taken
    that errs least when each row is predicted from the others. `precision` is that of `like` where not given;
    `about` says what is known of the device, by PROVENANCE and `cores`.

    Raises:
        ProfileError: fewer than FEWEST rows; `like` cannot be loaded or is few-shot itself; no known profile has
            the precision.
    """
    if len(rows) < FEWEST:
        raise ProfileError(f"{name}: adapting a profile needs {FEWEST} measured networks, better ten, got {len(rows)}")
    known = [_lasting(like)] if like else _known(name, precision or "fp32")
    tried = [_adapt(name, tuple(rows), each, precision, threads, about or {}) for each in known]
    adapted = min(tried, key=_error)
    table = leave_one_out(adapted)
    note = (
        f"Few-shot: {len(rows)} networks adapt {adapted.like}. Each of them predicted from the others errs by "
        f"{table.mape_percent:.1f} % in the mean, {table.max_percent:.1f} % at most."
    )
    return replace(adapted, notes=(note, *adapted.notes))


def write_few_shot(folder: Path, profile: HardwareProfile) -> None:
    """Write `profile` as a folder that `load_profile` reads; one that was written so is replaced.

    Raises:
        ProfileError: the folder holds other measurements, or cannot be written.
    """
    if (folder / "profile.yaml").exists():
        _require_replaceable(folder, profile)
    settings = {key: getattr(profile, key) for key in ("cores", "threads", "precision", "like")}
    words = {key: getattr(profile, key) for key in PROVENANCE}
    chosen = {"default": profile.configuration, "configurations": {profile.configuration: settings}}
    rows = profile.measurements
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_table(
            folder / "networks.csv", ("name", "notation"), [(row.name, row.architecture.notation) for row in rows]
        )
        times = [(profile.configuration, row.name, row.ms, row.spread_ms) for row in rows]
        _write_table(folder / "latency.csv", LATENCY, times)
        joules = [(profile.configuration, row.name, row.mj, row.spread_mj) for row in rows if row.mj]
        if joules:
            _write_table(folder / ENERGY, MILLIJOULES, joules)
        else:
            (folder / ENERGY).unlink(missing_ok=True)
        text = yaml_text({**words, "notes": list(profile.notes), **chosen})
        replace_file(folder / "profile.yaml", text.encode())
    except OSError as error:
        raise ProfileError(f"{folder} cannot be written: {error.strerror}") from None


def _architecture(text: str) -> Architecture:
    if not text.startswith("{"):
        return load_architecture(text)
    return Architecture.from_json(parse_json(text, "arch", ArchitectureError))


def _lasting(like: str) -> str:
    """`like` as `load_profile` takes it from any working folder."""
    profile = load_profile(like)
    if profile.name in known_profiles() and load_profile(profile.label) == profile:
        return profile.label
    place = zip_of(like) or profile_folder(like)[0]
    return f"{place.resolve()}:{profile.configuration}"


def _known(name: str, precision: str) -> list[str]:
    """Labels to adapt: those known at `precision` that are not few-shot themselves."""
    alike = [
        label
        for label, settings in known_configurations().items()
        if settings["precision"] == precision and not settings.get("like") and label.partition(":")[0] != name
    ]
    if not alike:
        raise ProfileError(f"{name}: no known profile has precision {precision}; name one to adapt with like=")
    return alike


def _adapt(
    name: str,
    rows: tuple[Measurement, ...],
    like: str,
    precision: str | None,
    threads: int,
    about: Mapping[str, str],
) -> HardwareProfile:
    adapted = load_profile(like)
    if adapted.like:
        raise ProfileError(f"{like} is few-shot itself, like {adapted.like}: adapt that one")
    precision = precision or adapted.precision
    stated = {"device": name, "method": "whole networks, batch 1, measured by hand", "cores": NOT_STATED, **about}
    return HardwareProfile(
        name=name,
        configuration=f"{threads}t_{precision}",
        threads=threads,
        precision=precision,
        notes=(),
        measurements=rows,
        held_out=(),
        layer_times=(),
        like=like,
        batch=1,
        **{**dict.fromkeys(PROVENANCE, NOT_STATED), **stated},
    )


def _error(profile: HardwareProfile) -> float:
    """The mean relative error of each row predicted from the others, as `leave_one_out` has it and nothing else."""
    ms = np.array([row.ms for row in profile.measurements])
    return float(np.mean(np.abs(fit_linear(profile)[1].ms / ms - 1)))


def _require_replaceable(folder: Path, profile: HardwareProfile) -> None:
    """Refuse to lose measurements: only a few-shot profile of the same configuration may be replaced."""
    held = read_profile_yaml(folder / "profile.yaml")["configurations"]
    if list(held) != [profile.configuration] or "like" not in held[profile.configuration]:
        raise ProfileError(f"{folder} holds other measurements ({names(held)}); choose another name, or remove it")


def _write_table(file: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    replace_file(file, text.getvalue().encode())
