"""What `make docs` adds to the pages of docs/: the order of docs/index.md, the pages beside docs/, and the Python API.

A hook of MkDocs (tools/mkdocs.yml). The pages stay as they are read in the repository; here links that leave docs/ are
led to copies that the site makes of what they name.
"""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
BESIDE = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "license.md",
    "nas/results/front.schema.json": "front.schema.json",
}
"""What pages of docs/ link to outside it, and what it is called on the site."""

ROOMS = {
    "nas": "spaces, costs, budgets, devices: without torch",
    "nas.nets": "networks as torch modules",
    "nas.training": "trainings",
    "nas.search": "searches, and the sampler for any Optuna study",
}
_SHIM = "https://unpkg.com/iframe-worker/shim"
_WORKER = Path(__file__).with_name("docs_worker.js")
API = "reference/{}.md"
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".ipynb"))
_ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)#]+\.md)\)", re.MULTILINE)  # not one that leads into a page
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation is that of docs/index.md: its sections, and in them its pages by their titles."""
    config.nav = navigation((ROOT / "docs" / "index.md").read_text(encoding="utf-8"))
    return config


def navigation(index: str) -> list[dict[str, Any]]:
    """Sections of pages, each page where it is named first; a title that is a file's name is left to the page."""
    sections: list[dict[str, Any]] = [{"Home": ["index.md", {"On one screen": BESIDE["README.md"]}]}]
    seen = {"index.md", BESIDE["README.md"]}
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        entries: list[Any] = []
        for name, path in _ENTRY.findall(text):
            target = _beside(path) or path
            if target not in seen:
                seen.add(target)
                entries.append(target if name.endswith(".md") else {name: target})
        if title == "Reference":
            entries += [{f"Python: {room}": API.format(room)} for room in ROOMS]
            entries += [{f"Example: {path.name}": _example(path)} for path in EXAMPLES]
        sections.append({title: entries})
    sections[-1][title].append({"Licence": "license.md"})
    return sections


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies beside docs/, the examples, and a page for each room that Python programs import."""
    for beside, name in BESIDE.items():
        text = (ROOT / beside).read_text(encoding="utf-8")
        content = f"# Licence\n\n```text\n{text}```\n" if beside == "LICENSE" else text
        files.append(File.generated(config, name, content=content))
    files.append(File.generated(config, _WORKER.name, content=_WORKER.read_text(encoding="utf-8")))
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        shown = _notebook(text) if path.suffix == ".ipynb" else f"```python\n{text}```\n"
        files.append(File.generated(config, _example(path), content=f"# {path.name}\n\n{shown}"))
    for room, about in ROOMS.items():
        files.append(File.generated(config, API.format(room), content="\n".join(_api(room, about))))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links that leave docs/ to what the site has of them; code is left alone."""
    beside = page.file.src_uri in BESIDE.values()

    def lead(link: re.Match[str]) -> str:
        path, mark, anchor = link[2].partition("#")
        found = _beside(f"../{path}" if beside else path)
        if found is None and beside:
            found = path.removeprefix("docs/")
        return f"{link[1]}{found or path}{mark}{anchor}{link[3]}"

    parts = _CODE.split(markdown)
    parts[::2] = [_LINK.sub(lead, part) for part in parts[::2]]
    return "".join(parts)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """The search of a page that is opened from a folder needs a worker that browsers refuse there: ours is at hand."""
    return output.replace(_SHIM, f"{page.file.src_uri.count('/') * '../'}{_WORKER.name}")


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same for what is no page, such as that of a wrong address."""
    return output_content.replace(_SHIM, _WORKER.name)


def _example(path: Path) -> str:
    """What the site calls an example."""
    return f"examples/{path.name.replace('.', '_')}.md"


def _notebook(text: str) -> str:
    """The cells of a notebook, with what they printed and drew."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"]).replace("](../docs/", "](../")  # where pages of docs/ are in the site
        parts.append(re.sub(r"^#", "##", source) if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = {"text/plain": output.get("text", ()), **output.get("data", {})}
            kind = next(kind for kind in ("image/png", "text/html", "text/plain") if kind in data)
            shown = "".join(data[kind])
            if kind == "image/png":
                parts.append(f"![What the cell draws](data:image/png;base64,{shown.strip()})")
            else:
                parts.append(f"<div>{shown}</div>" if kind == "text/html" else f"```text\n{shown.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _beside(path: str) -> str | None:
    """What the site calls a file that pages of docs/ write as ../FILE."""
    inside = path.removeprefix("../")
    if inside == path:
        return None
    if inside.startswith("examples/"):
        return _example(Path(inside))
    return BESIDE.get(inside)


def _api(room: str, about: str) -> Iterator[str]:
    """A page in which mkdocstrings writes what the public names of `room` say of themselves."""
    yield f"# {room}\n\n`import {room}`: {about}.\n"
    for name in public_names(room):
        yield f"::: {room}.{name}\n"


def public_names(room: str) -> list[str]:
    """`__all__` of a package."""
    return list(import_module(room).__all__)
