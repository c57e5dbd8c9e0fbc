"""What `nas.run_search` takes: the settings of `python -m nas.search`, and the words that they stand for."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypedDict

from nas.commandline.from_python import word
from nas.errors import ConfigError
from nas.reading.words import did_you_mean, short
from nas.resources import data_dir, names
from nas.search.settings import SearchSettings

Group = str | Mapping[str, Any]
"""One of several by its name, or its settings, that name among them."""
Limit = str | int | float


class SearchOptions(TypedDict, total=False):
    """Every setting of `python -m nas.search`; docs/settings.md says what each does, conf/search.yaml its default.

    What is dotted there is a mapping here: `confirm={"epochs": 10}` is `confirm.epochs=10`. An `experiment` is a
    file of conf/experiment, settings that go together, over which all others win; several are a list.
    """

    experiment: str | Sequence[str] | None
    hardware: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
    budget: Limit | Sequence[Limit] | None
    search_space: str | os.PathLike[str]
    objectives: Sequence[str]
    warm_start: bool
    rungs: Sequence[str] | None
    keep: float
    score: Mapping[str, Any]
    long: Mapping[str, Any]
    trials: int
    time_limit: float | None
    trial_time_limit: float | None
    patience: int | None
    patience_gain: float
    seed: int
    workers: int | None
    accelerator: str
    storage: str | None
    device: str
    reach: Mapping[str, Any]
    training: Mapping[str, Any]
    confirm: Mapping[str, Any]
    baselines: Sequence[str] | Mapping[str, Any]
    data: Group | os.PathLike[str]
    sampler: Group
    proxy: Group
    executor: Group
    tracker: Group
    init: str | os.PathLike[str]
    combine: str
    batch: int | None
    dry_run: bool
    study: str | None


def words_of(options: Mapping[str, Any]) -> list[str]:
    """The words of a command line that mean the same.

    Raises:
        ConfigError: there is no such setting, or a value of it can be none.
    """
    known = ["experiment", *(field.name for field in fields(SearchSettings))]
    found: list[str] = []
    for key, value in options.items():
        if key not in known:
            raise ConfigError(f"unknown setting {short(key)}{_remedy(key, known)}")
        found += _experiment(value) if key == "experiment" else _words(key, _images(value) if key == "data" else value)
    return found


def _experiment(value: object) -> Iterator[str]:
    """The word that takes one experiment or a list of them, and none for None."""
    known = _groups()["experiment"]
    for each in value if isinstance(value, list | tuple) else () if value is None else (value,):
        if each not in known:
            raise ConfigError(
                f"unknown experiment {short(each)}{did_you_mean(str(each), known)}; known: {names(known)}"
            )
    if value:
        yield word("experiment", value)


def _words(key: str, value: object) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield word(key, value)
        return
    name = "source" if key == "data" else "name"
    for inner, each in value.items():
        if not isinstance(inner, str) or not re.fullmatch(r"\w+", inner):
            raise ConfigError(
                f"unknown setting {short(inner)} of {key}; keys are names such as those of docs/settings.md"
            )
        if inner == name and key in _groups():
            yield word(key, each)
        else:
            yield from _words(f"{key}.{inner}", each)


def _images(value: object) -> object:
    """The setting `data`, of which a folder means the images in it."""
    if isinstance(value, Mapping):
        return {"source": "imagefolder", **value} if "path" in value and "source" not in value else value
    known = _groups()["data"]
    if isinstance(value, Path) or (isinstance(value, str) and value not in known and _is_folder(value)):
        return {"source": "imagefolder", "path": value}
    if isinstance(value, str) and value not in known:
        what = f"unknown data {short(value)}{did_you_mean(value, known)}; known: {names(known)}"
        raise ConfigError(f"{what}. A folder with a folder of images for each class works too")
    return value


def _is_folder(text: str) -> bool:
    return os.path.isdir(os.path.expanduser(text))


def _groups() -> Mapping[str, Sequence[str]]:
    """What can be chosen by name, with the names."""
    return {
        place.name: [file.stem for file in place.glob("*.yaml")]
        for place in data_dir("conf").iterdir()
        if place.is_dir()
    }


def _remedy(key: str, known: Sequence[str]) -> str:
    group, mark, inner = re.sub(r"__|\.", ".", str(key)).partition(".")
    if mark and group in known:
        return f"; write {group}={{{inner!r}: …}}"
    return did_you_mean(str(key), known) or f"; known: {names(known)}"
