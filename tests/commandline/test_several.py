"""Which of several runs a line is of."""

import sys
from pathlib import Path

import pytest

from nas.commandline import Invocation
from nas.commandline.calls import run_command
from nas.commandline.several import VARIABLE, OneOf, counted
from nas.predict import PredictSettings


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (
            [["hardware=pixel4", "budget=1M", "trials=2"], ["hardware=pixel4", "budget=2M", "trials=2"]],
            ["run 1 of 2 · budget=1M", "run 2 of 2 · budget=2M"],
        ),
        ([["seed=1"], ["seed=1"], ["seed=1"]], ["run 1 of 3", "run 2 of 3", "run 3 of 3"]),
        (
            [["a=1", "b=1"], ["a=1", "b=2"], ["a=2", "b=1"], ["a=2", "b=2"]],
            [f"run {n} of 4 · a={a} b={b}" for n, (a, b) in enumerate([(1, 1), (1, 2), (2, 1), (2, 2)], start=1)],
        ),
    ],
)
def test_each_run_has_its_number_and_what_is_its_own(runs: list[list[str]], said: list[str]) -> None:
    assert [str(each) for each in counted(runs)] == said


def test_a_single_run_has_no_number_and_no_password_or_long_value_is_shown() -> None:
    assert counted([["budget=1M"]]) == [None]
    assert counted([]) == []
    (first, second) = counted([["storage=mysql://me:secret@host/a"], ["storage=mysql://me:secret@host/b" + "x" * 500]])
    assert "secret" not in f"{first}{second}"
    assert len(str(second)) < 250


@pytest.mark.parametrize("words", ["budget=1M seed=2", "data.path='a b' x=[1,2]", ""])
def test_a_process_of_its_own_is_told_by_its_environment(words: str) -> None:
    told = OneOf(3, 6, words).environment()
    found = OneOf.of_this_process(told)
    assert found == OneOf(3, 6, words, beside=True)
    assert (found.mark, OneOf(3, 6, words).mark) == ("[3/6] ", "")
    assert OneOf.of_this_process({}) is None
    assert OneOf.of_this_process({VARIABLE: "nonsense"}) is None


def places(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[OneOf | None]:
    """What `main` of a command is told of its place among the runs."""
    monkeypatch.setattr(sys, "argv", ["nas.predict", *words])
    found: list[OneOf | None] = []

    def main(_: PredictSettings, invocation: Invocation) -> None:
        found.append(invocation.one_of)

    assert run_command("predict", PredictSettings, main, lambda runs: None, None) == 0
    return found


def test_a_command_is_told_its_place(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    found = places(monkeypatch, "-m", "arch=mobilenet_v1", "hardware=pixel4,raspberry_pi4", "format=json,text")
    assert [str(each) for each in found][2] == "run 3 of 4 · hardware=raspberry_pi4 format=json"
    assert places(monkeypatch, "arch=mobilenet_v1") == [None]
    assert places(monkeypatch, "-m", "arch=mobilenet_v1") == [None]
    monkeypatch.setenv(VARIABLE, "2/3 hardware=pixel4")
    assert places(monkeypatch, "arch=mobilenet_v1") == [OneOf(2, 3, "hardware=pixel4", beside=True)]
    assert str(places(monkeypatch, "-m", "arch=mobilenet_v1,mobilenet_v2")[1]) == "run 2 of 2 · arch=mobilenet_v2"
