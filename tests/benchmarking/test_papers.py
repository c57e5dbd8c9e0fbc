"""The papers' experiments at a toy's size, what is kept of them, and the page of every network's speed."""

import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import networks, papers
from benchmarks.papers import Asked, Rounded, read_asked
from benchmarks.papers_arms import EXPERIMENTS
from nas.errors import ConfigError
from nas.spaces.baselines import baseline
from nas.spaces.catalogue import NETWORKS
from nas.spaces.cost import cost
from tests.helpers.refusal import refusal
from tools import papers_page


def toy(folder: Path, experiment: str, seeds: int = 2) -> Asked:
    cache, results = str(folder / "images"), str(folder / "results.jsonl")
    return Asked(experiment, "digits", 64, 1, 16, seeds, cache=cache, results=results)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[papers.Task]:
    """Trainings in this process, with every one that was done."""
    done: list[papers.Task] = []

    class Pool:
        def __init__(self, *_: Any) -> None: ...

        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *_: Any) -> None: ...

        def submit(self, function: Any, task: papers.Task) -> Any:
            done.append(task)
            future: Future[dict[str, Any]] = Future()
            future.set_result(function(task))
            return future

    monkeypatch.setattr(papers, "ProcessPoolExecutor", Pool)
    return done


def test_every_experiment_is_of_networks_of_total_stride_8() -> None:
    for experiment in EXPERIMENTS.values():
        arms = list(experiment.arms(32))
        assert len({arm.name for arm in arms}) == len(arms) > 1
        for arm in arms:
            assert np.prod([block.stride for block in arm.arch.blocks]) == 8
            assert arm.arch.classes == 10
            assert cost(arm.arch).macs < 150e6


def test_thinner_and_shallower_cost_the_same() -> None:
    shallow, thin = EXPERIMENTS["thinner"].arms(32)
    assert cost(thin.arch).macs == pytest.approx(cost(shallow.arch).macs, rel=0.15)


def test_what_was_measured_is_not_measured_again(tmp_path: Path, here: list[papers.Task]) -> None:
    first = papers.run(toy(tmp_path, "norm", seeds=1))
    assert [task.arm.name for task in here] == ["batch norm between", "none between"]
    path = tmp_path / "results.jsonl"
    path.write_text(path.read_text()[:-20])  # as a kill leaves it
    again = papers.run(toy(tmp_path, "norm", seeds=1))
    assert len(here) == 3
    assert {key: row["accuracy"] for key, row in again.items()} == {key: row["accuracy"] for key, row in first.items()}
    papers.run(toy(tmp_path, "norm,schedule", seeds=1))
    assert [task.arm.name for task in here[3:]] == ["constant", "cosine", "cyclical"]  # one_cycle is there already


def test_int8_and_distilled_arms(tmp_path: Path, here: list[papers.Task]) -> None:
    asked = toy(tmp_path, "int8,distillation", seeds=1)
    found = papers.run(asked)
    assert [task.arm.how for task in here] == ["trained", "int8", "tuned", "trained", "distilled"]
    for row in found.values():
        assert 0 <= row["accuracy"] <= 1
        assert row["images"] > 100
    table = papers.summary("int8", asked, found, papers.pictures(asked))
    assert [arm["n"] for arm in table["arms"]] == [1, 1, 1]


def test_rounded_weights_are_those_of_int8_and_pass_gradients() -> None:
    weight = torch.randn(4, 3, 3, 3, requires_grad=True)
    rounded = Rounded()(weight)
    for one, other in zip(rounded, weight, strict=True):
        steps = one / (other.abs().max() / 127)
        torch.testing.assert_close(steps, steps.round(), atol=1e-4, rtol=0)
        assert (one - other).abs().max() <= other.abs().max() / 254 + 1e-6
    rounded.sum().backward()
    torch.testing.assert_close(weight.grad, torch.ones_like(weight))


def test_differences_are_paired_by_seed() -> None:
    said = papers._differences({"a": [50.0, 60.0, 70.0], "b": [52.0, 62.0, 72.0], "c": [40.0, 80.0, 60.0]})
    assert said.startswith("b against a: +2.00 points (+2.00 to +2.00); c against a: +0.00 points (")
    assert said.endswith(", which may be luck).")
    line = papers._line({"a": [50.0], "b": [52.0], "c": [54.0]}, {"a": 10, "b": 20, "c": 40})
    assert line.startswith("Twice the MACs bring 2.00 points (± 0.00) along the fitted line, with R² 1.000 over 3")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["experiment=x"],
            "unknown experiment 'x'; known: activation, all, distillation, expansion, grid, int8, ",
        ),
        (["epochs=many"], "epochs must be a whole number, got 'many'"),
        (["seeds=0"], "seeds must be above 0, got 0"),
        (["write=yes"], "write must be true or false, got 'yes'"),
        (["data=mnist"], "data must be cifar10 or digits, got 'mnist'"),
        (["epoch=1"], "unknown setting 'epoch=1'; known: cache, data, "),
    ],
)
def test_what_cannot_be_asked(words: list[str], message: str) -> None:
    assert refusal(ConfigError, read_asked, words).startswith(message)


def test_the_page_shows_the_experiments(tmp_path: Path) -> None:
    arm = {"name": "a", "n": 3, "mean": 50.0, "low": 49.0, "high": 51.0}
    table = {"title": "A against b", "measure": "accuracy, %", "arms": [arm], "verdict": "a wins."}
    file = tmp_path / "found.json"
    assert papers_page._experiments(file) == ""
    file.write_text(json.dumps({"about": "3 trainings.", "experiments": [table]}))
    shown = papers_page._experiments(file)
    assert "### A against b" in shown
    assert "| a | 3 | 50.00 | 49.00 to 51.00 |" in shown


def test_the_page_of_speeds() -> None:
    times = networks.predicted()
    assert len(times) >= 3
    for column in times.values():
        assert "mobilenet_v1" in column
        assert "shufflenet_v2" not in column
    macs = {name: cost(baseline(name)).macs for name in NETWORKS}
    shown = networks.page({"even": {name: count / 1e6 for name, count in macs.items()}, **times}, "about")
    assert f"| even | {len(NETWORKS)} | 1.000 |" in shown
    assert "`mobilenet_v1` | 568.7M | 568.74 |" in shown
    assert "## How far MACs tell milliseconds" in networks.PAGE.read_text(encoding="utf-8")
