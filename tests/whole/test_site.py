"""The site over docs/: it builds without a warning, holds every page and public name, and fetches nothing."""

import re
from pathlib import Path

import pytest

from tests.helpers.paths import PAGES, ROOT
from tests.helpers.processes import python
from tools.docs_site import BESIDE, ROOMS, navigation, public_names

OUTSIDE = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=["']?(?:https?:)?//""")
INDEX = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = ("-m", "mkdocs", "build", "--strict", "--config-file", "tools/mkdocs.yml", "--site-dir", str(folder))
    done = python(*command, cwd=ROOT, env={"NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_makefile_builds_what_is_tested() -> None:
    (recipe,) = re.findall(r"^docs: .*\n\t(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"build", "--strict", "tools/mkdocs.yml"} < set(recipe.split())


def test_every_page_is_there_and_in_the_navigation(site: Path) -> None:
    text = str(navigation(INDEX))
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file()
        assert f"'{page.name}'" in text
    for name in BESIDE.values():
        assert (site / name.replace(".md", ".html")).is_file()


def test_the_pages_fetch_nothing(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > len(PAGES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not OUTSIDE.search(text), f"{page.name}: {OUTSIDE.search(text)}"
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", text), page.name
        assert not re.search(r'<pre class="mermaid"', text), "mermaid comes from a network"


def test_search_works_from_a_folder(site: Path) -> None:
    for page, place in (("index.html", ""), ("reference/nas.html", "../"), ("404.html", "")):
        assert f'<script src="{place}docs_worker.js"></script>' in (site / page).read_text(encoding="utf-8")
    assert (site / "search" / "search_index.js").is_file()


@pytest.mark.parametrize("room", ROOMS)
def test_the_reference_says_something_of_every_public_name(room: str, site: Path) -> None:
    page = (site / "reference" / f"{room}.html").read_text(encoding="utf-8")
    for name in public_names(room):
        assert re.search(rf'<h2 id="nas\.[\w.]*\b{name}"', page), f"{room}.{name} is not on its page"


def test_a_new_page_needs_nothing_but_its_line_in_the_index() -> None:
    nav = navigation("# Title\n\n## How to\n\n- [new.md](new.md): x\n- [Old](old.md): y\n- [Part](old.md#a): z\n")
    assert nav[1:] == [{"How to": ["new.md", {"Old": "old.md"}, {"Licence": "license.md"}]}]
