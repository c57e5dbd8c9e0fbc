"""The pages: their commands exist and print what is shown, their links resolve, every setting is in them."""

import doctest
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

import nas
from nas.commandline import parse
from nas.commandline.composing import compose, read_arguments
from nas.commandline.declared import declarations
from nas.commandline.declared.declarations import settings_of as settings_of_command
from nas.dashboard import named
from nas.errors import SpaceError
from nas.spaces.cost import cost
from nas.spaces.load import known_spaces, load_space
from tests.helpers.calls import output_of
from tests.helpers.pages import CHOICES, COMMANDS, QUICK, README, same
from tests.helpers.paths import PAGES, ROOT, module_file, where
from tests.helpers.processes import python
from tests.helpers.run_sample import sample_front, sample_trials, write_run
from tools import settings_page


def test_public_names_are_the_documented_ones() -> None:
    documented = {
        *("Architecture", "Block", "Budget", "Cost", "HardwareProfile", "Latency", "CostArrays", "SearchSpace"),
        *("cost", "latency", "load_architecture", "load_profile", "load_space", "costs"),
        *("run_search", "open_run", "Run", "Front", "Member"),
    }
    assert set(nas.__all__) == documented
    assert len(nas.__all__) == len(documented)
    page = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in page.splitlines() if line.startswith("|")) + page.rpartition("|\n")[2]
    for name in nas.__all__:
        assert re.search(rf"`nas\.{name}\b", table), f"docs/functions.md says nothing of nas.{name}"
    for name in ("nets.build", "training.fit", "search.run"):
        package, function = name.split(".")
        assert f"`nas.{name}(" in table
        assert function in import_module(f"nas.{package}").__all__


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_in_the_docs_exist_and_take_their_settings(page: str, line: str) -> None:
    _, _, module, *arguments = shlex.split(line)
    name = module.removeprefix("nas.")
    assert module_file(module) or module_file(f"{module}.__main__")
    if name == "report":
        assert len(arguments) == 1
        return
    settings = settings_of_command(name)
    arguments = named(arguments) if name == "dashboard" else arguments
    for config in compose(name, settings, read_arguments(arguments)):
        assert isinstance(parse(config, settings), settings)


@pytest.mark.parametrize(("line", "expected"), QUICK)
def test_quick_commands_print_what_the_pages_show(line: str, expected: str, tmp_path: Path) -> None:
    _, _, module, *arguments = shlex.split(line)
    if module == "nas.report":
        write_run(tmp_path / arguments[-1], sample_front(), sample_trials())
    code, output, errors = output_of(tmp_path, module.removeprefix("nas."), *arguments)
    assert code == 0, errors
    assert same(output, expected), output


def test_the_pages_show_predict_validate_and_report() -> None:
    assert {shlex.split(line)[2] for line, _ in QUICK} == {"nas.predict", "nas.validate", "nas.report"}


def test_the_readme_is_short_and_compares() -> None:
    assert len(README.splitlines()) <= 125
    table = README.split("## Beside other tools")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1
    assert any(row[1].strip() == "–" for row in rows), "a comparison in which nobody else is ahead is none"


@pytest.mark.parametrize("page", ["docs/functions.md", "docs/sampler.md"])
def test_the_python_of_a_page_prints_what_it_shows(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    ((code, expected),) = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    done = python("-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, expected), done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if ">>>" in page.read_text(encoding="utf-8")], ids=where)
def test_sessions_in_the_docs(page: Path) -> None:
    for number, block in enumerate(re.findall(r"```python\n(>>>.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
        test = doctest.DocTestParser().get_doctest(block, {}, f"{page.name}-{number}", page.name, 0)
        assert doctest.DocTestRunner().run(test).failed == 0


def test_the_example_space_loads_and_its_mistake_is_named(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "my.yaml"
    path.write_text(text)
    space = load_space(path)
    assert len(space.strides) > 1
    assert space.size > 1000
    path.write_text(text.replace("kernel: [3, 5]  ", "kernel: [4, 5]  "))
    with pytest.raises(SpaceError) as caught:
        load_space(path)
    assert f"error: {str(caught.value).replace(str(path), 'my.yaml')}\n" in page


@pytest.mark.parametrize("name", sorted(known_spaces()))
def test_shipped_spaces_are_in_the_table_with_their_figures(name: str) -> None:
    page = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name}`[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|", page, re.MULTILINE)
    size, variables, macs = (cell.strip() for cell in row)
    space = load_space(name)
    powers = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    number = re.sub(r" × 10(\S+)", r"e\1", size).split(" ")[0].translate(powers).replace(",", "")
    assert float(number) == pytest.approx(space.size, rel=2e-3 if "e" in number else 0)
    assert int(variables) == len(space.variables)
    ends = [space.smallest(lambda arch: cost(arch).macs), space.smallest(lambda arch: -cost(arch).macs)]
    shown = [float(text.strip().removesuffix("M").replace(",", "")) for text in macs.split("–")]
    assert shown == pytest.approx([cost(arch).macs / 1e6 for arch in ends], rel=5e-3)


def settings_of(file: Path) -> Iterator[str]:
    """The dotted keys of a configuration file."""
    prefix = "" if file.parent.name in ("conf", "experiment") else f"{file.parent.name}."
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    yield from dotted(prefix, {key: value for key, value in values.items() if key not in ("defaults", "hydra", "name")})


def dotted(prefix: str, values: dict[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from dotted(f"{prefix}{key}.", value)
        else:
            yield prefix + key


KEYS = sorted({key for file in (ROOT / "conf").rglob("*.yaml") for key in settings_of(file)})


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_is_documented(key: str) -> None:
    assert any(f"`{key}`" in page.read_text(encoding="utf-8") for page in PAGES), f"no page mentions {key}"


def test_the_page_of_settings_is_as_they_are_declared() -> None:
    found = declarations.content()
    page = settings_page.page(found["commands"])
    assert settings_page.PAGE.read_text(encoding="utf-8") == page, "run python -m tools.settings_page"
    kept = declarations.FILE.read_text(encoding="utf-8")
    assert kept == settings_page.as_text(found), "run python -m tools.settings_page"
    assert declarations.declared("search") == declarations.sections_of(found["commands"])["search"]
    assert "|  |" not in page, "a setting says nothing of itself"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"]({page.name}" in index, f"docs/index.md does not link {page.name}"


def test_the_map_of_the_code_names_what_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    places = re.findall(r"`(\w+)`(?: and `(\w+)`)? in `([\w/]+\.py)`", page)
    assert len(places) > 20
    for first, second, file in places:
        text = (ROOT / "nas" / file).read_text(encoding="utf-8")
        for name in filter(None, (first, second)):
            assert re.search(rf"^(?:class|def) {name}\b|^from .* import .*\b{name}\b", text, re.MULTILINE), (name, file)


def test_every_option_of_a_group_is_documented() -> None:
    for file in (ROOT / "conf").glob("*/*.yaml"):
        assert f"`{file.stem}`" in CHOICES, f"docs/choices.md does not mention {file.parent.name}={file.stem}"


@pytest.mark.parametrize("page", PAGES, ids=where)
def test_links_between_pages_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not link.startswith(("http://", "https://")):
            file, _, anchor = link.partition("#")
            found = page if not file else page.parent / file
            assert found.exists(), f"{where(page)} links to {link}"
            headings = re.findall(r"^#+ (.*)", found.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
            anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert not anchor or anchor in anchors, f"{where(page)} links to {link}"
