"""The one place that knows Hydra: from the words of a command line to composed configurations."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Container, Sequence
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from typing import Any, NoReturn, TypeVar

import hydra
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from nas.commandline.launching import is_of_launcher
from nas.commandline.messages import first_line, in_one_line
from nas.commandline.settings import NO_TEXT, parse
from nas.errors import ConfigError, NasError
from nas.reading.passwords import hide
from nas.reading.words import cut, listed, short
from nas.resources import data_dir

T = TypeVar("T")

LONGEST = 20_000
"""Characters of an argument at most; Hydra's grammar takes seconds for a hundred thousand."""

_LONGEST_KEY = 200
_OF_HYDRA = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir", "hydra.searchpath")
_PLAIN = r"""[^'"()\[\]{},\s]*"""
_IN_QUOTES = re.compile(rf"([\w.]+)=({_PLAIN}#{_PLAIN}|~{_PLAIN})")
_DASHED = re.compile(r"--?(\w[\w.-]*)(=.*)?", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.:/+-])[+-]?\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?[\d_]+)?(?![\w.:/-])")


def with_quotes(arguments: Sequence[str]) -> list[str]:
    """The arguments as Hydra's grammar wants them: `arch=RUN#2` and `data.path=~/photos` in quotes."""
    return [f"{found[1]}='{found[2]}'" if (found := _IN_QUOTES.fullmatch(each)) else each for each in arguments]


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments as Hydra's own parser has them.

    Raises:
        ConfigError: one is too long, or unknown, or not for these commands.
    """
    for argument in arguments:
        if len(argument) > LONGEST:
            raise ConfigError(f"the argument {_shown(argument)} has {len(argument):,} characters, over {LONGEST:,}")
        if re.search("[\ud800-\udfff]", argument):
            raise ConfigError(f"the argument {_shown(argument)} {NO_TEXT}")
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    if "--version" in arguments:  # ours, not that of Hydra
        print(f"sepconv-nas {version('sepconv-nas')}")
        raise SystemExit(0)
    _refuse_dashes(arguments, parser._option_string_actions)
    given = parser.parse_args(with_quotes(arguments))
    for key in ("config_path", "config_name", "experimental_rerun"):
        if getattr(given, key) is not None:
            raise ConfigError(f"--{key.replace('_', '-')} is not for this command; give settings as key=value")
    return given


def _refuse_dashes(arguments: Sequence[str], flags: Container[str]) -> None:
    """Refuse a setting that is written as a flag: `--trials=6`, `--trials 6`."""
    for argument, after in pairwise([*arguments, ""]):
        found = _DASHED.fullmatch(argument)
        if found is None or argument.partition("=")[0] in flags:
            continue
        if value := found[2] or (f"={after}" if after and after[0] != "-" and "=" not in after else ""):
            raise ConfigError(f"settings have no dashes; write {cut(hide(found[1].replace('-', '_') + value), 200)}")


def _refuse(message: str) -> NoReturn:
    raise ConfigError(f"cannot read the command line: {cut(hide(message), 200)}; --help shows what can be given")


def is_question(given: argparse.Namespace) -> bool:
    """Whether the arguments ask for help or the configuration, and nothing is to be done."""
    return bool(given.help or given.hydra_help or given.cfg or given.info or given.shell_completion or given.resolve)


def answer(name: str, settings: type[Any], arguments: Sequence[str]) -> None:
    """Print what the arguments ask for, by Hydra's own means; passwords are hidden in it."""
    before, words = sys.argv, read_arguments(arguments).overrides
    flags = [each for each in with_quotes(arguments) if each not in words]  # first: the parser takes words in one place
    sys.argv = [before[0], *map(hide, [*flags, *meant(settings, words)])]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors instead of printing them
    _name_folders(settings)
    asked = hydra.main(config_path=str(data_dir("conf")), config_name=name, version_base="1.3")(lambda config: None)
    try:
        _told(asked)
    finally:
        sys.argv = before


def compose(name: str, settings: type[Any], given: argparse.Namespace) -> list[DictConfig]:
    """The configuration of every run that the arguments ask for, with that of Hydra under `hydra`.

    Raises:
        ConfigError: they cannot be read, or name what there is not.
    """
    words = list(given.overrides)
    if given.config_dir is not None:
        if not os.path.isdir(given.config_dir):
            raise ConfigError(f"--config-dir: there is no folder {short(given.config_dir)}")
        words.append(f"hydra.searchpath=['file://{os.path.abspath(given.config_dir)}']")
    overrides = read_overrides(words)
    runs = _told(lambda: BasicSweeper.split_arguments(overrides, None)[0]) if given.multirun else [words]
    if not runs:
        raise ConfigError("there is nothing to run: a list of values is empty")
    found = []
    with hydra.initialize_config_dir(str(data_dir("conf")), job_name=name, version_base="1.3"):
        for number, run in enumerate(runs):
            config = _told(partial(hydra.compose, name, meant(settings, run), return_hydra_config=True))
            OmegaConf.update(config, "hydra.job.num", number, force_add=True)
            found.append(config)
    return found


def meant(settings: type[Any], words: Sequence[str]) -> list[str]:
    """The words of one run as Hydra takes them: what `settings.meant`, where there is one, makes of them."""
    return list(settings.meant(words)) if hasattr(settings, "meant") else list(words)


def read_overrides(words: Sequence[str]) -> list[Override]:
    """What each word `key=value` of the command line sets.

    Raises:
        ConfigError: it cannot be read, has no effect, or is a number that Hydra reads as another.
    """
    overrides = _told(lambda: OverridesParser.create().parse_overrides(list(words)))
    for override in overrides:
        _check(override)
    return overrides


def _told(ask: Callable[[], T]) -> T:
    """What Hydra gives, or its complaint in one line: until a run begins, all is made from the user's words alone."""
    try:
        return ask()
    except (NasError, BrokenPipeError):
        raise
    except Exception as error:
        raise ConfigError(in_one_line(error)) from None


def _check(override: Override) -> None:
    """Refuse settings of Hydra that have no effect, and numbers that Hydra reads as others than are written."""
    text = str(override.input_line)
    key = override.key_or_group
    if len(key) > _LONGEST_KEY:
        raise ConfigError(f"unknown setting {short(key)}; --help lists those that there are")
    if re.split("[./]", key)[0] == "hydra" and key not in _OF_HYDRA and not is_of_launcher(key):
        known = listed([*_OF_HYDRA, "hydra/launcher"])
        raise ConfigError(f"the setting {short(key)} has no effect here; of Hydra's there are {known}")
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", text.partition("=")[2])
    for number in _NUMBER.findall(unquoted):
        if "_" in number:
            raise ConfigError(f"write {cut(number.replace('_', ''))} for {cut(number)} in {_shown(text)}")


def _shown(argument: str) -> str:
    return short(hide(argument))


def _name_folders(settings: type[Any]) -> None:
    """Let `${run_folder:}` be the default run folder of a configuration, though not of one that it is part of."""
    busy: list[bool] = []

    def named(*, _root_: DictConfig) -> str:
        if busy:
            raise ConfigError("a setting that names the run folder cannot be named by it")
        busy.append(True)
        try:
            return run_folder(_root_, settings)
        finally:
            busy.clear()

    OmegaConf.register_new_resolver("run_folder", named, replace=True)


def run_folder(config: DictConfig, settings: Any) -> str:
    """The default run folder, named by the settings; of wrong ones, whose error comes later, any name will do."""
    try:
        name = str(parse(config, settings).run_name())
    except NasError:
        name = "wrong-settings"
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)


def output_folder(config: DictConfig, key: str, settings: type[Any]) -> str:
    """The folder that `key`, `hydra.run.dir` or one of a multirun, stands for.

    Raises:
        ConfigError: it is none.
    """
    HydraConfig.instance().set_config(config)  # for what refers to it
    _name_folders(settings)
    try:
        value = OmegaConf.select(config, key)
    except Exception as error:  # whatever the words of an interpolation lead to
        raise ConfigError(f"{key}: {first_line(error)}") from None
    finally:
        HydraConfig.instance().cfg = None  # else Lightning takes this for an application of Hydra's own form
    if not isinstance(value, str | int) or not str(value):
        raise ConfigError(f"{key} must be a folder, got {short(value)}")
    return str(value)
