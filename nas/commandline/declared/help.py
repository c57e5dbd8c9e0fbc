"""What `--help` prints, made from the declarations.

The example of a setting is what stands after "such as" in its text; else, of values to choose from, one that is not the
default; else the default, a whole number doubled.
"""

import re
import shutil
import textwrap
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import yaml

from nas.commandline.declared.declarations import Section, Sections, Setting
from nas.commandline.declared.kinds import Kind, in_words, typed, values_of
from nas.commandline.settings import MUST
from nas.errors import ConfigError
from nas.latency.profile import known_profiles
from nas.reading.passwords import hide
from nas.reading.words import alike, meant, short
from nas.resources import data_dir
from nas.spaces.load import known_spaces

_WIDTHS = (60, 100)
_SUCH_AS = re.compile(r"\bsuch as `?(\[[^\]]*\]|[^\s`]*[^\s`,;.:)])")

_FLAGS = """\
Besides: -m runs every combination of comma-separated values, --help PART shows a part of this (--help confirm),
--cfg job the settings as they would be, --version the version."""


def help_text(command: str, sections: Sections, parts: Sequence[str] = ()) -> str:
    """All that there is to know of a command, or of those `parts` of it: settings, groups, options of groups.

    Raises:
        ConfigError: there is no such part.
    """
    chosen = _chosen(command)
    if parts:
        return "\n".join(line for part in parts for line in _part(part, sections, chosen))
    lines = [introduction(command), ""]
    if any(section.settings for section in sections):
        lines += [*_wrapped(_FLAGS, ""), ""]
    for section in sections:
        lines += [*_section(section, chosen), ""]
    return "\n".join(lines).rstrip()


def introduction(command: str) -> str:
    """What the command does, with examples: `hydra.help.template` of its file in conf/."""
    content: Any = yaml.safe_load((data_dir("conf") / f"{command}.yaml").read_text(encoding="utf-8"))
    text: str = content["hydra"]["help"]["template"]
    return text.rstrip()


def _chosen(command: str) -> set[str]:
    """The options that a command takes where none is chosen, as `sampler=pareto`."""
    content: Any = yaml.safe_load((data_dir("conf") / f"{command}.yaml").read_text(encoding="utf-8"))
    entries = [each for each in content["defaults"] if isinstance(each, dict)]
    return {f"{group}={name}" for each in entries for group, name in each.items()}


def _part(name: str, sections: Sections, chosen: Container[str]) -> Iterator[str]:
    """The sections of that key or title, or the settings of that key."""
    found = [each for each in sections if name and name in (each.key, *(f"{each.key}={one}" for one in each.options))]
    settings = [each for section in sections for each in section.settings if each.key == name.partition("=")[0]]
    if not found and not settings:
        known = [key for section in sections for key in (section.key, *(each.key for each in section.settings)) if key]
        near = meant(alike(name, known))
        raise ConfigError(f"--help {short(hide(name))}: there is no such setting; {near}--help alone shows all")
    for section in found:
        yield from _section(section, chosen)
    for setting in settings:
        yield from _setting(setting)


def _section(section: Section, chosen: Container[str]) -> Iterator[str]:
    if section.key:
        yield section.title + " (default)" * (section.title in chosen)
        yield from _wrapped(section.about.replace("*", ""), "  ")
        if len(section.options) > 1:
            marked = [each + " (default)" * (f"{section.key}={each}" in chosen) for each in section.options]
            yield from _wrapped(f"Options: {', '.join(marked)}", "  ")
    else:
        yield "Settings, as key=value"
    for setting in section.settings:
        yield from _setting(setting)


def _setting(setting: Setting) -> Iterator[str]:
    yield ""
    yield f"  {setting.key}={'…' if setting.default == MUST else typed(setting.default)}"
    notes = "".join(f" ({note})" for note in setting.notes)
    yield from _wrapped(f"{in_words(setting.kind)}{notes}", "      ")
    yield from _wrapped(setting.text, "      ")
    different = [f"{typed(each)} with {name}" for name, each in setting.defaults.items() if each != setting.default]
    if different and len(set(map(str, setting.defaults.values()))) < len(setting.defaults):
        yield from _wrapped(f"Default: {', '.join(different)}", "      ")
    if known := _shelf(setting):
        yield from _wrapped(f"Known: {', '.join(known)}", "      ")
    shown = f"{setting.key}={example(setting)}"
    yield "      Example: " + (f"'{shown}'" if " " in shown else shown)


def _shelf(setting: Setting) -> list[str]:
    """What ships under the names that a setting takes."""
    shelves: Mapping[str, Any] = {"hardware": known_profiles, "like": known_profiles, "search_space": known_spaces}
    return sorted(shelves[setting.key]()) if setting.key in shelves else []


def _wrapped(text: str, indent: str) -> list[str]:
    least, most = _WIDTHS
    width = min(max(shutil.get_terminal_size().columns, least), most)
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def example(setting: Setting) -> str:
    """A value as it is typed after `key=`."""
    found = _SUCH_AS.search(setting.text)
    if found:
        return re.sub(r",\s+", ",", found[1])
    others = [value for value in values_of(setting.kind) if value not in ("null", typed(setting.default))]
    if others:
        return others[0]
    return typed(_number(setting.kind, setting.default))


def _number(kind: Kind, default: Any) -> Any:
    """Twice a whole number, where that is allowed."""
    if type(default) is int and default > 0 and kind.get("most", 2 * default) >= 2 * default and kind["is"] == "int":
        return 2 * default
    return default
