"""Help, and what is declared: every setting of every command is explained, with an example that it would take."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from nas.commandline.composing import read_overrides, with_quotes
from nas.commandline.declared import declarations
from nas.commandline.declared.checking import check_words
from nas.commandline.declared.declarations import Sections, Setting, declared, read
from nas.commandline.declared.help import example, help_text, introduction
from nas.commandline.declared.kinds import as_type, in_words, kind_of
from nas.commandline.settings import MUST
from nas.commandline.table import COMMANDS
from nas.devices import DevicesSettings
from nas.errors import ConfigError
from nas.latency.profile import known_profiles
from nas.predict import PredictSettings
from nas.reading.checks import adapter
from nas.search.executors import EXECUTORS
from nas.search.samplers import SAMPLERS
from nas.search.settings import SearchSettings
from nas.spaces.load import known_spaces
from tests.helpers.calls import call

WITH_SETTINGS = [name for name, listed in COMMANDS.items() if listed.settings]


def sections_of(command: str) -> Sections:
    found = declared(command)
    assert found is not None, "run python -m tools.settings_page"
    return found


def settings_of(command: str) -> list[Setting]:
    return [each for section in sections_of(command) for each in section.settings]


@pytest.mark.parametrize("command", WITH_SETTINGS)
def test_help_says_all_of_every_setting(command: str) -> None:
    text = help_text(command, sections_of(command))
    assert "$" not in text, f"conf/{command}.yaml has a placeholder of Hydra's in its help"
    assert text.startswith(introduction(command))
    unbroken = " ".join(text.split())
    for each in settings_of(command):
        assert each.text, f"{each.key} says nothing of itself"
        assert " ".join(each.text.split()) in unbroken
        assert in_words(each.kind) in unbroken
        shown = f"{each.key}={example(each)}"
        assert f"Example: {shown}\n" in f"{text}\n" or (" " in shown and f"Example: '{shown}'" in text)


@pytest.mark.parametrize("command", WITH_SETTINGS)
def test_every_example_is_a_value_that_the_setting_takes(command: str) -> None:
    for each in settings_of(command):
        value = example(each)
        assert value not in ("null", MUST), f"{each.key} has no example; write `such as …` into its text"
        check_words(sections_of(command), read_overrides(with_quotes([f"{each.key}={value}"])))


def test_help_shows_the_shelves_and_every_option() -> None:
    text = " ".join(help_text("search", sections_of("search")).split())
    for names in (known_profiles(), known_spaces(), SAMPLERS, EXECUTORS):
        assert not [name for name in names if name not in text]


@pytest.mark.parametrize(
    ("part", "shown", "hidden"),
    [
        ("confirm", "confirm.seeds=", "baselines.widths="),
        ("sampler", "sampler.population=", "confirm.seeds="),
        ("sampler=nsga2", "sampler.population=", "sampler.startup="),
        ("confirm.seeds", "Trainings of each.", "confirm.epochs="),
        ("trials=3", "trials=", "seed="),
        ("experiment", "experiment=photos", "trials=16"),
    ],
)
def test_help_of_a_part(part: str, shown: str, hidden: str) -> None:
    text = help_text("search", sections_of("search"), [part])
    assert shown in text
    assert hidden not in text


@pytest.mark.parametrize("command", ["search", "data", "train", "devices"])
def test_help_marks_what_is_taken_where_nothing_is_chosen(command: str) -> None:
    text = help_text(command, sections_of(command))
    marked = {"search": ["sampler=pareto", "proxy=short", "executor=local", "tracker=none"]}.get(command, [])
    for title in marked:
        assert f"\n{title} (default)\n" in text
    assert text.count(" (default)") == len(marked) + ("digits (default)" in text) + ("imagefolder (default)" in text)
    assert help_text("search", sections_of("search"), ["sampler=pareto"]).startswith("sampler=pareto (default)\n")


@pytest.mark.parametrize(
    ("command", "words", "says"),
    [
        (
            "search",
            ["data=photos"],
            "for the images of that folder write data=imagefolder data.path=photos; known: cifar10",
        ),
        ("describe", ["run=runs/x"], "unknown setting 'run'; a network of a run is arch=RUN member=2 here"),
        ("predict", ["run=runs/x"], "unknown setting 'run'; "),
        ("export", ["arch=runs/x"], "unknown setting 'arch'; a network of a run is run=RUN member=2 here"),
    ],
)
def test_what_another_command_calls_otherwise(command: str, words: list[str], says: str, here: Path) -> None:
    with pytest.raises(ConfigError) as nothing_there:
        check_words(sections_of(command), read_overrides(words))
    (here / "photos").mkdir()
    with pytest.raises(ConfigError, match=re.escape(says)) as refused:
        check_words(sections_of(command), read_overrides(words))
    assert (str(nothing_there.value) == str(refused.value)) == (words != ["data=photos"])


def test_help_of_what_there_is_not_says_what_may_be_meant() -> None:
    with pytest.raises(ConfigError, match=r"--help 'confrm': there is no such setting; did you mean confirm\?"):
        help_text("search", sections_of("search"), ["confrm"])


def test_help_is_printed_by_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "search", "--help", "confirm.seeds") == 0
    assert "Trainings of each." in capsys.readouterr().out


@pytest.mark.parametrize(("command", "settings"), [("predict", PredictSettings), ("devices", DevicesSettings)])
def test_what_is_kept_is_what_is_declared(command: str, settings: type) -> None:
    assert declared(command) == read(command, settings)


def test_a_file_that_has_changed_is_not_answered_from(monkeypatch: pytest.MonkeyPatch) -> None:
    declarations._kept.cache_clear()
    monkeypatch.setattr(declarations, "_names", lambda: ["another.yaml"])
    assert declared("search") is None
    declarations._kept.cache_clear()
    monkeypatch.undo()
    assert declared("search") is not None


@pytest.mark.parametrize("field", ["hardware", "budget", "objectives", "keep", "trials", "accelerator", "time_limit"])
@pytest.mark.parametrize("text", ["1", "0", "-3", '"a"', "true", "null", '["a"]', "[1, 2]", "0.5", '"gpu"', "{}"])
def test_a_kind_takes_what_its_type_takes(field: str, text: str) -> None:
    from typing import get_type_hints

    hint = get_type_hints(SearchSettings, include_extras=True)[field]
    taken = []
    for each in (hint, as_type(kind_of(hint))):
        try:
            adapter(each).validate_json(text, strict=True)
            taken.append(True)
        except ValueError:
            taken.append(False)
    assert taken[0] == taken[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_a_module_that_does_something(command: str) -> None:
    assert COMMANDS[command].does
    settings = COMMANDS[command].settings
    if settings:
        module, _, name = settings.partition(":")
        assert hasattr(import_module(module), name)
        assert f"nas.{command}" in introduction(command)
