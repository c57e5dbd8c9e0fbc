"""The examples of a search, run as they stand, small: the script in this process, the notebook in a kernel."""

import json
import os
import re
import runpy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers.images import write_classes
from tests.helpers.paths import ROOT
from tests.helpers.toy_search import TOY

NOTEBOOK = ROOT / "examples" / "search.ipynb"
FEWER = {"workers": 1, "score": {"population": 8}, "proxy": {"epochs": 1}}
"""More settings of the notebook's search, so that it takes seconds."""


@pytest.mark.usefixtures("inline")
def test_the_script_searches_and_classifies(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_classes(here / "photos", {"cat": 20, "dog": 20})
    main = runpy.run_path(str(ROOT / "examples" / "search.py"))["main"]
    run = main("photos", "pixel4", "3M", **TOY, trials=2)
    said = capsys.readouterr().out.splitlines()
    assert f"report: {run.report.relative_to(here)}" in said
    assert [line.split(":")[0] for line in said[-2:]] == ["cat", "dog"]
    assert (run.folder / "front.csv").read_text().count("\n") == 1 + len(run.front)


def test_the_notebook_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the figures of its cell `parameters` made small, and less work in its search."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(NOTEBOOK, 4)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    names = [line.split(" = ")[0] for line in parameters.source.splitlines()]
    parameters.source = f"{', '.join(names)} = 12, 2, 1"
    (search,) = [cell for cell in notebook.cells if cell.source.startswith("run = nas.run_search")]
    search.source = search.source.replace('"extra": 0', '"extra": 0, "formats": ["onnx", "onnx_int8"]')
    search.source = search.source.removesuffix(")") + f"    **{FEWER!r},\n)"
    NotebookClient(notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = {cell.source: cell.get("outputs", []) for cell in notebook.cells}
    (shown,) = outputs["run"]
    assert "<svg" in shown["data"]["text/html"]
    assert "<progress" in outputs[search.source][0]["data"]["text/html"]
    assert not [each for found in outputs.values() for each in found if each.get("name") == "stderr"]


def test_the_notebook_shows_the_outputs_of_a_run_without_paths_of_a_machine() -> None:
    notebook = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(notebook)
    assert all(cell.outputs for cell in notebook.cells if cell.source in ("run", "member", "axes = run.front.plot()"))
    text = NOTEBOOK.read_text(encoding="utf-8")
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    (printed,) = [block for block in re.findall(r"```text\n(.*?)```", page, re.DOTALL) if "ConfigError" not in block]
    assert all(json.dumps(line, ensure_ascii=False)[1:-1] in text for line in printed.splitlines())
    assert not [place for place in ("/tmp/", "/home/", "/root/", "/work/", "/usr/") if place in text]
