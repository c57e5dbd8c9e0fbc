"""docs/settings.md and nas/commandline/declared/declared.json, made from where settings are declared.

python -m tools.settings_page
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from nas.commandline.declared.declarations import FILE, Section, Setting, content, sections_of
from nas.commandline.declared.kinds import in_words
from nas.commandline.settings import MUST

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "settings.md"

INTRODUCTION = """\
# Settings

<!-- Made by `python -m tools.settings_page`; change the texts under the fields of the settings, and conf/. -->

Everything that the commands can be told, as `key=value`; groups are set as `sampler=nsga2`, what is in them as
`sampler.population=20`. `python -m nas.search --help` says the same, and `--help sampler` a part of it. A mistake
ends in one line that says what is allowed, and exit code 2.
"""


def page(commands: Mapping[str, Any]) -> str:
    """The whole page in Markdown, from what belongs into declared.json."""
    parts = [INTRODUCTION]
    for name, sections in sections_of(commands).items():
        parts.append(f"## nas.{name}\n")
        parts += map(part, sections)
    return "\n".join(parts)


def part(section: Section) -> str:
    """One section: what it is about, and its table."""
    heading = f"### {section.title}\n\n{section.about}\n\n" if section.key else ""
    return heading if section.key == "experiment" else heading + "\n".join(table(section)) + "\n"


def table(section: Section) -> Iterator[str]:
    """The settings of a section in Markdown."""
    if not section.settings:
        yield "Nothing to set."
        return
    yield from ("| setting | default | may be | meaning |", "|---|---|---|---|")
    for each in section.settings:
        text = " ".join([each.text, *(f"*({note})*" for note in each.notes)])
        text = text.replace("<", "&lt;").replace("|", "\\|")
        yield f"| `{each.key}` | {default(each)} | {in_words(each.kind, '`')} | {text} |"


def default(setting: Setting) -> str:
    """The default in most options, and where it is another."""
    given = setting.defaults
    if len(given) > 1 and all(option == value for option, value in given.items()):
        return "the option's name"
    shown = {option: _shown(value) for option, value in given.items()}
    ((most, _),) = Counter(shown.values()).most_common(1)
    return "; ".join([most, *(f"{option}: {value}" for option, value in shown.items() if value != most)])


def _shown(value: Any) -> str:
    if value == MUST:
        return "must be set"
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")
    return f"`{text}`"


def as_text(found: Mapping[str, Any]) -> str:
    """The text of declared.json: a line for each setting, so that changes of two merge."""
    lines = ["{", ' "sources": {']
    lines += [",\n".join(f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in found["sources"].items())]
    lines += [" },", ' "commands": {']
    commands = []
    for name, sections in found["commands"].items():
        parts = []
        for section in sections:
            rows = ",\n".join(f"    {json.dumps(each, ensure_ascii=False)}" for each in section["settings"])
            head = {key: section[key] for key in ("key", "about", "options")}
            parts.append(f'   {json.dumps(head, ensure_ascii=False)[:-1]}, "settings": [\n{rows}\n   ]}}')
        commands.append(f"  {json.dumps(name)}: [\n" + ",\n".join(parts) + "\n  ]")
    return "\n".join([*lines, ",\n".join(commands), " }", "}"]) + "\n"


if __name__ == "__main__":
    found = content()
    FILE.write_text(as_text(found), encoding="utf-8")
    PAGE.write_text(page(found["commands"]), encoding="utf-8")
