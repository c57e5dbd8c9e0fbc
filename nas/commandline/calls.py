"""A command called: its settings, its folder, and the exit code at its end."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf

from nas.commandline.answers import answered
from nas.commandline.composing import answer, compose, is_question, output_folder, read_arguments
from nas.commandline.declared.declarations import declared, read
from nas.commandline.exits import ending, guarded
from nas.commandline.invocation import Invocation, line_of
from nas.commandline.launching import launch, launcher_words, task_words
from nas.commandline.settings import parse
from nas.commandline.several import OneOf, counted
from nas.errors import ConfigError
from nas.reading.passwords import hide, hide_within
from nas.reading.words import short

Settings = TypeVar("Settings")


def run_command(
    name: str,
    settings: type[Settings],
    main: Callable[[Settings, Invocation], None],
    check: Callable[[Sequence[Settings]], None],
    after_multirun: Callable[[list[Path]], None] | None,
) -> int:
    """The exit code of `nas.commandline.command`, whatever its words are."""
    arguments = sys.argv[1:]
    line = line_of(name, arguments)
    sys.argv[1:] = map(hide, arguments)  # what libraries see and write down

    def act() -> int:
        given = read_arguments(arguments)
        if answered(name, declared(name) or read(name, settings), given):
            return 0
        if is_question(given):
            answer(name, settings, arguments)
            return 0
        _require_working_folder()
        launcher = launcher_words(given.overrides, multirun=given.multirun)
        configs = compose(name, settings, given)
        wanted = [parse(config, settings) for config in configs]
        called = [invocation_of(config, settings, line, several=given.multirun) for config in configs]
        if len(wanted) > 1:
            check(wanted)
        folders = [this.folder for this in called]
        places = counted([task_words(config) for config in configs])
        if launcher:
            codes = launch(name, launcher, list(zip(folders, configs, places, strict=True)))
        else:
            places = places if given.multirun else [OneOf.of_this_process()]
            called = [replace(this, one_of=place) for this, place in zip(called, places, strict=True)]
            codes = [guarded(partial(main, each, this)) for each, this in zip(wanted, called, strict=True)]
        folders = [folder for folder, code in zip(folders, codes, strict=True) if code == 0]
        if after_multirun and len(folders) > 1:
            codes.append(guarded(partial(after_multirun, folders)))
        return max(codes)

    return ending(act, on_interrupt=f"interrupted; what is finished is kept. To go on:\n  {line}")


def _require_working_folder() -> None:
    try:
        os.getcwd()
    except FileNotFoundError:
        raise ConfigError("the working folder has been removed; go to one that exists") from None


def invocation_of(config: DictConfig, settings: type[Any], line: str, *, several: bool) -> Invocation:
    """How a run of this composed configuration was called.

    Raises:
        ConfigError: its folder cannot be one.
    """
    keys = ("hydra.sweep.dir", "hydra.sweep.subdir") if several else ("hydra.run.dir",)
    folder = Path(*(output_folder(config, key, settings) for key in keys))
    inside = config.hydra.output_subdir
    if inside is not None and (not inside or inside in (".", "..") or inside != Path(inside).name):
        raise ConfigError(f"hydra.output_subdir must be the name of a folder inside the run's, got {short(inside)}")
    return Invocation(folder.absolute(), line, {} if inside is None else _files(config, inside))


def _files(config: DictConfig, inside: str) -> dict[str, str]:
    """What Hydra writes of a run: the settings, its own, and what was given on the command line."""
    shown = OmegaConf.create(hide_within(OmegaConf.to_container(config)))
    overrides = shown.hydra.overrides.task
    hydra = OmegaConf.masked_copy(shown, ["hydra"])
    del shown["hydra"]
    return {
        f"{inside}/{name}.yaml": OmegaConf.to_yaml(part)
        for name, part in (("config", shown), ("hydra", hydra), ("overrides", overrides))
    }
