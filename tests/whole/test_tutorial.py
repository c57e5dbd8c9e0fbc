"""The tutorial: everything it tells to do is done, in its order, in an empty folder, with fewer trainings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.calls import output_of
from tests.helpers.executors import evaluate_inline
from tests.helpers.paths import ROOT
from tests.helpers.processes import python

PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"```(python|csv)\n(.*?)```|^ {4}(python -m (?:[^\n]*\\\n)*[^\n]*)\n|(?<=\n)```text\n(.*?)```",
    re.MULTILINE | re.DOTALL,
)
FEWER = (
    *("confirm.networks=1", "confirm.members=1", "confirm.seeds=1", "confirm.extra=0", "confirm.epochs=1"),
    *("baselines.widths=[]", "proxy.epochs=1", "proxy.images=200", "proxy.correction=0", "workers=1"),
    *("score.population=8", "confirm.formats=[onnx,onnx_int8]", "confirm.int8_loss=null"),
)
SAME = ("nas.record", "nas.predict")
"""Commands whose output is what the page shows, to the letter."""


def steps() -> Iterator[tuple[str, str]]:
    """(kind, text) of what the page tells to do, and of what it shows of that."""
    for code, text, command, shown in STEP.findall(PAGE):
        yield (code, text) if code else ("command", command.replace("\\\n", " ")) if command else ("text", shown)


def fewer(words: list[str]) -> list[str]:
    """The words of a search, with fewer trainings; those of any other command as they are."""
    if words[1] != "nas.search":
        return words
    trials = 2 if "trials=8" in words else 3
    keys = {each.partition("=")[0] for each in FEWER}
    kept = [each for each in words if each.partition("=")[0] not in keys | {"trials"}]
    return [*kept, f"trials={trials}", *FEWER]


def called(folder: Path, words: list[str]) -> str:
    """What `python -m nas.…` prints, run in this process, as starting another takes seconds."""
    dash_m, module, *arguments = words
    assert dash_m == "-m"
    with pytest.MonkeyPatch.context() as patch:
        evaluate_inline(patch)
        code, output, errors = output_of(folder, module.removeprefix("nas."), *arguments)
    assert code == 0, f"{words}\n{errors}"
    return output


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder in which all was done, and the commands."""
    folder, commands, output = tmp_path_factory.mktemp("tutorial"), list[str](), ""
    for kind, text in steps():
        if kind == "csv":
            (folder / "timings.csv").write_text(text)
        elif kind == "text":
            if any(name in commands[-1] for name in SAME) and commands:
                assert output == text
        elif kind == "python":
            ended = python("-c", text, cwd=folder, env={"PYTHONPATH": str(ROOT)})
            assert ended.returncode == 0, f"{text}\n{ended.stderr}"
            commands.append(text)
            output = ended.stdout
        else:
            output = called(folder, fewer(shlex.split(text)[1:]))
            commands.append(text)
    assert re.fullmatch(r"this is a digit \d\n", output), output
    return folder, commands


def test_everything_that_the_tutorial_tells_works(done: tuple[Path, list[str]]) -> None:
    folder, commands = done
    told = [each for each in commands if each.startswith("python -m")]
    assert [shlex.split(each)[2].removeprefix("nas.") for each in told] == [
        *("data", "record", "predict", "search", "describe", "search", "export")
    ]
    assert {"photos.html", "photos", "hardware_profiles", "runs"} <= {path.name for path in folder.iterdir()}
    run = folder / "runs" / "tutorial"
    assert (run / "report.html").is_file()
    assert (run / "front.png").is_file()
    assert list((run / "models").glob("*.ort"))
    assert list((run / "models").glob("*.int8.onnx"))


def test_the_picture_is_one_of_this_version() -> None:
    assert "](tutorial.png)" in PAGE
    assert (ROOT / "docs" / "tutorial.png").read_bytes().startswith(b"\x89PNG")
