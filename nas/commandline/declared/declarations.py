"""What every command can be told, from where it is declared: types and texts of dataclasses, defaults of conf/.

One source for `--help`, for what is refused before anything heavy is imported, for completion and for docs/settings.md.
Since importing the dataclasses of a search takes seconds, `declared.json` holds what they say, beside digests of the
files that say it: where one has changed since, the dataclasses themselves are read. `python -m tools.settings_page`
writes it.
"""

import ast
import hashlib
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from nas.commandline.declared.kinds import Kind, alternatives, kind_of, notes_of, typed
from nas.commandline.table import COMMANDS
from nas.resources import data_dir

FILE = Path(__file__).with_name("declared.json")
_DECLARING = re.compile(r"^class .*?(?=^    def |^    @|^\S|\Z)", re.DOTALL | re.MULTILINE)
"""Of a module, what declares settings: each class up to its first method."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its dotted `key`, its default in each option of its group (or under ""), and what it means."""

    key: str
    kind: Kind
    text: str
    notes: tuple[str, ...]
    defaults: Mapping[str, Any]

    @property
    def default(self) -> Any:
        """In the first option."""
        return next(iter(self.defaults.values()))


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that belong together: those of the command itself (no `key`), of a part, or of options of a group."""

    key: str
    about: str
    settings: tuple[Setting, ...]
    options: tuple[str, ...] = ()
    """Of the group `key`, those that have these settings; none: it is no group."""

    @property
    def title(self) -> str:
        """How it is chosen."""
        if not self.options:
            return self.key
        return f"{self.key}={self.options[0]}" if len(self.options) == 1 else f"{self.key}=…"


Sections = tuple[Section, ...]


def declared(command: str) -> Sections | None:
    """What `declared.json` says of a command; None where it may be out of date, or knows no such command."""
    known = _kept()
    return known.get(command) if known else None


@cache
def _kept() -> dict[str, Sections]:
    try:
        content = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {} if content["sources"] != digests(content["sources"]) else sections_of(content["commands"])


def sections_of(commands: Mapping[str, Any]) -> dict[str, Sections]:
    """Sections from JSON."""
    return {
        name: tuple(
            Section(
                each["key"],
                each["about"],
                tuple(Setting(**{**one, "notes": tuple(one["notes"])}) for one in each["settings"]),
                tuple(each["options"]),
            )
            for each in sections
        )
        for name, sections in commands.items()
    }


def digests(sources: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """A digest of each of the files, by their paths from the project's root, and of all names in conf/."""
    found = {}
    for name in sources:
        first, _, rest = name.partition("/")
        path = data_dir("conf") / rest if first == "conf" else FILE.parents[2] / rest
        try:
            content = " ".join(_names()) if name == "conf" else path.read_text(encoding="utf-8")
        except OSError:
            content = ""
        told = "".join(_DECLARING.findall(content)) if name.endswith(".py") else content
        found[name] = hashlib.blake2b(told.encode(), digest_size=6).hexdigest()
    return found


def _names() -> list[str]:
    folder = data_dir("conf")
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml"))


def content() -> dict[str, Any]:
    """What belongs into `declared.json` now: every command as its dataclass declares it."""
    commands = {name: read(name, settings_of(name)) for name, listed in COMMANDS.items() if listed.settings}
    root, package = FILE.parents[3], str(FILE.parents[2])
    modules = {module for name in COMMANDS if COMMANDS[name].settings for module in _modules(settings_of(name))}
    files = [file for module in modules if (file := inspect.getsourcefile(sys.modules[module])) is not None]
    inside = [Path(file).relative_to(root).as_posix() for file in files if file.startswith(package)]
    sources = sorted([*inside, "conf", *(f"conf/{name}" for name in _names())])
    return {
        "sources": digests(sources),
        "commands": {name: [asdict(section) for section in sections] for name, sections in commands.items()},
    }


def settings_of(command: str) -> Any:
    """The dataclass of a command's settings."""
    module, _, name = COMMANDS[command].settings.partition(":")
    return getattr(import_module(module), name)


def read(command: str, settings: Any) -> Sections:
    """What the dataclass `settings` of a command declares, with the defaults of conf/."""
    defaults = _yaml(data_dir("conf") / f"{command}.yaml")
    own: list[Setting] = []
    parts: list[Section] = []
    for name, hint, text in _fields(settings):
        offered = _options(name, hint)
        files = {file.stem: _yaml(file) for file in sorted((data_dir("conf") / name).glob("*.yaml"))}
        if len(offered) > 1:
            parts += [_section(name, offered[each], {each: files[each]}, hint) for each in files]
        elif files:
            parts.append(_section(name, next(iter(offered.values())), files, hint))
        elif offered:
            parts.append(_section(name, next(iter(offered.values())), {"": defaults[name]}, hint))
        else:
            own.append(Setting(name, kind_of(hint), text, tuple(notes_of(hint)), {"": defaults[name]}))
    return (Section("", "", tuple(own)), *parts, *(_experiments() if command == "search" else ()))


def _experiments() -> Iterator[Section]:
    """Settings that go together, each in a file whose second line says for what; with the words that it stands for."""
    for file in sorted((data_dir("conf") / "experiment").glob("*.yaml")):
        purpose = file.read_text(encoding="utf-8").splitlines()[1].removeprefix("# ")
        yield Section("experiment", f"{purpose} It is `{' '.join(_set_by(_yaml(file)))}`.", (), (file.stem,))


def _set_by(values: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """The words that set what a file of conf/experiment sets."""
    for key, value in values.items():
        if key == "defaults":
            yield from (f"{group.rpartition('/')[2]}={name}" for each in value for group, name in each.items())
        elif isinstance(value, dict):
            yield from _set_by(value, f"{place}{key}.")
        else:
            yield f"{place}{key}={typed(value)}"


def _section(key: str, settings: Any, defaults: Mapping[str, Any], hint: Any) -> Section:
    about = " ".join([*settings.__doc__.split(), *(f"*({note})*" for note in notes_of(hint))])
    return Section(key, about, tuple(_rows(key, settings, defaults)), tuple(filter(None, defaults)))


def _rows(key: str, settings: Any, defaults: Mapping[str, Any]) -> Iterator[Setting]:
    for name, hint, text in _fields(settings):
        given = {option: values[name] for option, values in defaults.items() if name in values}
        (inner, *others) = alternatives(hint)
        if is_dataclass(inner) and not others:
            yield from _rows(f"{key}.{name}", inner, given)
        elif name != "name" and given:
            yield Setting(f"{key}.{name}", kind_of(hint), text, tuple(notes_of(hint)), given)


def _options(name: str, hint: Any) -> dict[str, Any]:
    """The dataclasses of settings that `name` may have, by the name that chooses one."""
    if name == "tracker":
        from nas.report.trackers import TRACKERS  # matplotlib, which no other declaration needs

        return dict(TRACKERS)
    found = [option for option in alternatives(hint) if is_dataclass(option)]
    return {next(iter(get_args(get_type_hints(each).get("name"))), name): each for each in found}


def _fields(settings: Any) -> Iterator[tuple[str, Any, str]]:
    """(key, type, text) of each field of a dataclass; the text is the string under the field."""
    hints = get_type_hints(settings, include_extras=True)
    texts = {}
    for part in settings.__mro__[-2::-1]:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        for line, below in pairwise(node.body if isinstance(node, ast.ClassDef) else ()):
            if isinstance(line, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(line.target, ast.Name):
                texts[line.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    for field in fields(settings):
        yield field.name.removesuffix("_"), hints[field.name], texts.get(field.name, "")


def _modules(settings: Any) -> set[str]:
    """The modules whose dataclasses the settings are made of."""
    found = {part.__module__ for part in settings.__mro__[:-1]}
    for name, hint, _ in _fields(settings):
        for option in [*_options(name, hint).values(), *filter(is_dataclass, alternatives(hint))]:
            found |= _modules(option)
    return found


def _yaml(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return values
