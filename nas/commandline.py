"""The one place that knows Hydra: configuration to frozen dataclasses, errors to exit codes.

Exit codes: 0 done; 2 the user's input is wrong (one line); 1 anything else; 130 interrupted.
"""

import dataclasses
import keyword
import os
import re
import shlex
import shutil
import sys
import traceback
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError

from nas.errors import ConfigError, NasError
from nas.resources import data_dir, names

Settings = TypeVar("Settings")

_KINDS = ("function", "constrained", "literal[", "list[")  # pydantic's words in a place, between the keys


@dataclass(frozen=True, slots=True)
class Invocation:
    """How a command was called: its output folder, and the line that calls it again."""

    folder: Path
    line: str


def command(
    name: str,
    settings: type[Settings],
    main: Callable[[Settings, Invocation], None],
    after_multirun: Callable[[list[Path]], None] | None = None,
) -> None:
    """Run `main` once for every combination the command line asks for, and exit.

    `name` is the command's configuration in conf/, in which `${run_folder:}` is what `settings.run_name()` says.
    `after_multirun` gets the folders of a multirun's runs.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors instead of printing them
    OmegaConf.register_new_resolver("run_folder", lambda *, _root_: run_folder(_root_, settings), replace=True)
    codes: list[int] = []
    folders: list[Path] = []
    line = f"python -m nas.{name} {shlex.join(sys.argv[1:])}".rstrip()

    def task(config: DictConfig) -> None:
        folder = Path(HydraConfig.get().runtime.output_dir)
        code = _guarded(lambda: main(parse(config, settings), Invocation(folder, line)))
        codes.append(code)
        if code == 0:
            folders.append(folder)
        elif code == 2 and folder.parent == Path("runs").resolve() and set(os.listdir(folder)) <= {".hydra", ".lock"}:
            shutil.rmtree(folder)  # a default folder in which nothing came to be

    decorated = hydra.main(config_path=str(data_dir("conf")), config_name=name, version_base="1.3")(task)
    try:
        decorated()
        if after_multirun and len(folders) > 1:
            codes.append(_guarded(lambda: after_multirun(folders)))
    except HydraException as error:
        codes.append(_complain(_hydra_message(error, settings)))
    except OmegaConfBaseException as error:
        codes.append(_complain(str(error).splitlines()[0]))
    except OSError as error:  # Hydra makes the run folder itself
        codes.append(
            _complain(f"cannot write the run folder: {error.strerror}: {error.filename}; choose hydra.run.dir=…")
        )
    except KeyboardInterrupt:
        print(f"\ninterrupted; what is finished is kept. To go on:\n  {line}", file=sys.stderr)
        codes.append(130)
    sys.exit(max(codes, default=0))


def parse(config: DictConfig, settings: type[Settings]) -> Settings:
    """`config` as the frozen dataclass `settings`, every type checked.

    Raises:
        ConfigError: a key is missing or unknown, or a value has the wrong type; named with its path.
    """
    if missing := sorted(OmegaConf.missing_keys(config)):
        raise ConfigError(f"{missing[0]} is not set; give {missing[0]}=…")
    container = typing.cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    values = {_field(key): value for key, value in container.items()}
    _reject_unknown("", values, settings)
    for field, hint in typing.get_type_hints(settings).items():
        if (chosen := _alternative(_key(field), hint, values.get(field))) is not hint:
            values[field] = _validated(f"{_key(field)}.", values[field], chosen)
    return _validated("", values, settings)


def _validated(where: str, values: Any, settings: type[Settings]) -> Settings:
    try:
        return TypeAdapter(settings).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"]]
        inside = ".".join(_key(part) for part in parts if not part.startswith(_KINDS))
        problem = first["msg"][0].lower() + first["msg"][1:]
        raise ConfigError(f"{where}{inside}: {problem}, got {first['input']!r}") from None


def _alternative(field: str, hint: Any, value: Any) -> Any:
    """Of dataclasses that are chosen by `name`, the one that `value` names; any other type as it is."""
    if not isinstance(value, Mapping):
        return hint
    offered = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    named = [option for option in offered if dataclasses.is_dataclass(option)]
    options = {name: option for option in named for name in typing.get_args(typing.get_type_hints(option).get("name"))}
    if options and value.get("name") not in options:
        raise ConfigError(f"unknown {field} {value.get('name')!r}; known: {names(options)}")
    return options.get(value.get("name"), hint)


def _field(key: str) -> str:
    """The dataclass field of a key: Python's own words get an underscore (`import` is `import_`)."""
    return f"{key}_" if keyword.iskeyword(key) else key


def _key(field: str) -> str:
    """The key of a dataclass field."""
    return field.removesuffix("_")


def _guarded(action: Callable[[], None]) -> int:
    """Run `action`: its errors become an exit code and, where they are the user's, one line."""
    try:
        action()
    except NasError as error:
        return _complain(str(error))
    except Exception as error:  # the last resort: show it, and go on with the next run of a multirun
        if _began_with_interrupt(error):
            raise KeyboardInterrupt from error
        traceback.print_exc()
        return 1
    return 0


def _began_with_interrupt(error: BaseException | None) -> bool:
    """Whether `error` was raised while Ctrl-C was being handled, as when it cut a file lock's release short."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _complain(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _reject_unknown(where: str, values: Mapping[str, Any], settings: Any) -> None:
    hints = typing.get_type_hints(settings)
    for key, value in values.items():
        if key not in hints:
            raise ConfigError(
                f"unknown setting {where + key!r}; known: {names(where + _key(known) for known in hints)}"
            )
        inner = _alternative(_key(key), hints[key], value)
        if dataclasses.is_dataclass(inner) and isinstance(value, Mapping):
            _reject_unknown(f"{where}{key}.", value, inner)


def _hydra_message(error: HydraException, settings: Any) -> str:
    """Hydra's message in one line, without its advice on Hydra."""
    text = str(error)
    unknown = re.search(r"Could not override '([^'@]*)", text)
    if unknown:
        group = unknown[1].partition(".")[0]
        hint = typing.get_type_hints(settings).get(group)
        if "." in unknown[1] and (typing.get_origin(hint) is dict or isinstance(hint, types.UnionType)):
            return (
                f"the chosen {group} has no option {unknown[1]!r}; conf/{group} holds the others, {group}=NAME chooses"
            )
        return f"unknown setting {unknown[1]!r}; known: {_known_beside(unknown[1], settings)}"
    option = re.search(r"Could not find '([^']*)/([^']*)'", text)
    if option:
        options = re.search(r"Available options in [^\n]*\n((?:\t[^\n]*\n)*)", text)
        known = names(line.strip() for line in (options[1] if options else "").splitlines())
        return f"unknown {option[1]} {option[2]!r}; known: {known}"
    where = f" in {error.override!r}" if isinstance(error, OverrideParseException) else ""
    return f"cannot read the command line: {text.splitlines()[0]}{where}"


def _known_beside(key: str, settings: Any) -> str:
    """The settings at the place in `settings` where the dotted `key` was looked for."""
    place, prefix = settings, ""
    for part in key.split(".")[:-1]:
        inner = typing.get_type_hints(place).get(part)
        if not dataclasses.is_dataclass(inner):
            break
        place, prefix = inner, f"{prefix}{part}."
    return names(prefix + _key(known) for known in typing.get_type_hints(place))


def run_folder(config: DictConfig, settings: Any) -> str:
    """The default run folder, named by the settings; of wrong ones, whose error comes later, any name will do."""
    try:
        own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        name = str(parse(own, settings).run_name())
    except NasError:
        name = "wrong-settings"
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
