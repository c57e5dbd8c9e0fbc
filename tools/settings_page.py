"""docs/settings.md, made from where settings are declared: types and texts of the dataclasses, defaults of conf/.

python -m tools.settings_page
"""

import ast
import inspect
import textwrap
import types
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from nas.bench import BenchSettings
from nas.data.__main__ import SurveySettings
from nas.describe import DescribeSettings
from nas.devices import DevicesSettings
from nas.export import ExportSettings
from nas.networks import NetworksSettings
from nas.predict import PredictSettings
from nas.record import RecordSettings
from nas.report.trackers import TRACKERS
from nas.search.finish.settings import TrainSettings
from nas.search.settings import SearchSettings
from nas.validate import ValidateSettings

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "settings.md"
COMMANDS: Mapping[str, Any] = {
    "search": SearchSettings,
    "data": SurveySettings,
    "train": TrainSettings,
    "predict": PredictSettings,
    "networks": NetworksSettings,
    "describe": DescribeSettings,
    "bench": BenchSettings,
    "devices": DevicesSettings,
    "validate": ValidateSettings,
    "record": RecordSettings,
    "export": ExportSettings,
}
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", types.NoneType: "null"}
BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}

INTRODUCTION = """\
# Settings

<!-- Made by `python -m tools.settings_page`; change the texts under the fields of the settings, and conf/. -->

Everything that the commands can be told, as `key=value`; groups are set as `sampler=nsga2`, what is in them as
`sampler.population=20`. `python -m nas.search --help` prints the settings of a command with their defaults. A mistake
ends in one line that says what is allowed, and exit code 2.
"""

Row = tuple[str, str, str, str]


def page() -> str:
    """The whole page in Markdown."""
    parts = [INTRODUCTION]
    for name, settings in COMMANDS.items():
        parts.append(f"## nas.{name}\n")
        parts += sections(name, settings)
    return "\n".join(parts)


def sections(command: str, settings: Any) -> Iterator[str]:
    """The tables of one command: its own settings, then a section for each part and each option of a group."""
    defaults = _read(ROOT / "conf" / f"{command}.yaml")
    parts = []
    rows = []
    for name, hint, text in declared(settings):
        options = options_of(name, hint)
        files = {file.stem: _read(file) for file in sorted((ROOT / "conf" / name).glob("*.yaml"))}
        if len(options) > 1:
            parts += [
                section(name, f"{name}={each}", options[each], {each: files[each]}, notes(hint)) for each in files
            ]
        elif files:
            parts.append(section(name, f"{name}=…", next(iter(options.values())), files, notes(hint)))
        elif options:
            parts.append(section(name, name, next(iter(options.values())), {name: defaults[name]}, notes(hint)))
        else:
            rows.append((name, _shown(defaults[name]), kind(hint), f"{text} {notes(hint)}".strip()))
    yield table(rows)
    yield from parts


def options_of(name: str, hint: Any) -> dict[str, Any]:
    """The dataclasses of settings that `name` may have, by the name that chooses one."""
    if name == "tracker":
        return dict(TRACKERS)
    found = [option for option in alternatives(hint) if is_dataclass(option)]
    return {next(iter(get_args(get_type_hints(each).get("name"))), name): each for each in found}


def section(key: str, title: str, settings: Any, defaults: Mapping[str, Any], note: str) -> str:
    """One part of the settings: what its dataclass says, and its table."""
    about = " ".join(f"{settings.__doc__} {note}".split())
    return f"### {title}\n\n{about}\n\n{table(list(rows_of(key, settings, defaults)))}"


def rows_of(key: str, settings: Any, defaults: Mapping[str, Any]) -> Iterator[Row]:
    """(setting, default, what it may be, meaning) of each field, dataclasses in it included."""
    for name, hint, text in declared(settings):
        given = {file: values[name] for file, values in defaults.items() if name in values}
        (inner, *others) = alternatives(hint)
        if is_dataclass(inner) and not others:
            yield from rows_of(f"{key}.{name}", inner, given)
        elif name != "name" and given:
            yield f"{key}.{name}", _common(given), kind(hint), f"{text} {notes(hint)}".strip()


def table(rows: list[Row]) -> str:
    """Rows in Markdown."""
    if not rows:
        return "Nothing to set.\n"
    lines = ["| setting | default | may be | meaning |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {default} | {allowed} | {text} |" for name, default, allowed, text in rows]
    return "\n".join(lines) + "\n"


def declared(settings: Any) -> Iterator[tuple[str, Any, str]]:
    """(key, type, text) of each field of a dataclass; the text is the string under the field."""
    hints = get_type_hints(settings, include_extras=True)
    texts = {}
    for part in settings.__mro__[-2::-1]:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        assert isinstance(node, ast.ClassDef)
        for line, below in pairwise(node.body):
            if isinstance(line, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(line.target, ast.Name):
                text = " ".join(str(ast.literal_eval(below.value)).split())
                texts[line.target.id] = text.replace("<", "&lt;").replace("|", "\\|")
    for field in fields(settings):
        yield field.name.removesuffix("_"), hints[field.name], texts.get(field.name, "")


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type, without what is annotated."""
    if get_origin(hint) is Annotated:
        return alternatives(get_args(hint)[0])
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def notes(hint: Any) -> str:
    """What a type is annotated with, such as that a setting may change on resuming."""
    texts = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return " ".join(f"*({text})*" for text in texts if isinstance(text, str))


def kind(hint: Any) -> str:
    """What a value may be, in words: `whole number, at least 1, or null`."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        bounds = [
            f"{word} {getattr(bound, key):g}"
            for bound in inner[1:]
            for key, word in BOUNDS.items()
            if hasattr(bound, key)
        ]
        return " and ".join([f"{kind(inner[0])} {bounds[0]}", *bounds[1:]]) if bounds else kind(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        options = [kind(option) for option in inner if option is not int or float not in inner]
        return " or ".join(options)
    if origin in (tuple, list):
        return f"list of ({kind(inner[0])})" if " or " in kind(inner[0]) else f"list of {kind(inner[0])}"
    return WORDS[hint]


def _read(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return values


def _shown(value: Any) -> str:
    if value == "???":
        return "must be set"
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")
    return f"`{text}`"


def _common(given: Mapping[str, Any]) -> str:
    """The default in most files, and where it is another."""
    if len(given) > 1 and all(file == value for file, value in given.items()):
        return "the option's name"
    shown = {file: _shown(value) for file, value in given.items()}
    ((most, _),) = Counter(shown.values()).most_common(1)
    return "; ".join([most, *(f"{file}: {default}" for file, default in shown.items() if default != most)])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
