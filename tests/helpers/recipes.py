"""The recipes of CONTRIBUTING: what they add to which file, and the command that shows that it works.

Under a `### ` heading of "Recipes", a block whose first line is `# some/file.py` is that new file; a block of `diff`
whose first line is `--- some/file.py` adds its `+` lines beside the lines that stand there already; and a last line
indented by four spaces is the command.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.paths import ROOT


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to add for one thing, and the command that tries it."""

    name: str
    files: tuple[tuple[str, str], ...]
    changes: tuple[tuple[str, str], ...]
    command: str

    def apply(self, root: Path) -> None:
        """Do what the recipe says to the copy of the project at `root`."""
        for path, text in self.files:
            file = root / path
            assert not file.exists(), f"{self.name}: {path} exists already"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for path, diff in self.changes:
            file = root / path
            text = file.read_text(encoding="utf-8")
            for hunk in diff.split("@@\n"):
                lines = hunk.splitlines(keepends=True)
                before = "".join(line[1:] for line in lines if line[0] != "+")
                after = "".join(line[1:] for line in lines if line[0] != "-")
                assert text.count(before) == 1, f"{self.name}: {path} has {text.count(before)} times:\n{before}"
                text = text.replace(before, after)
            file.write_text(text, encoding="utf-8")


def read_recipes() -> list[Recipe]:
    """Every recipe, in the order of the page."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    part = page.split("\n## Recipes\n")[1].split("\n## ")[0]
    recipes = []
    for section in part.split("\n### ")[1:]:
        name, _, text = section.partition("\n")
        files = re.findall(r"```\w+\n# (\S+/\S+)\n(.*?)```", text, re.DOTALL)
        changes = re.findall(r"```diff\n--- (\S+)\n(.*?)```", text, re.DOTALL)
        commands = re.findall(r"^ {4}(python .*)$", text, re.MULTILINE)
        recipes.append(Recipe(name, tuple(files), tuple(changes), commands[-1] if commands else ""))
    return recipes
