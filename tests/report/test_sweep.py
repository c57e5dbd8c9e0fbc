"""A sweep of W&B as docs/dashboards.md shows it: what its agents start is a search each."""

import re
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from nas.commandline import parse
from nas.commandline.composing import compose, read_arguments
from nas.report.trackers import tracker_settings
from nas.report.trackers.wandb import METRICS, WandbSettings, run_id
from nas.search.settings import SearchSettings
from tests.helpers.paths import ROOT


def sweep() -> dict[str, Any]:
    text = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(# sweep\.yaml.*?)```", text, re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(block)
    return found


def started(chosen: dict[str, Any]) -> list[str]:
    """What an agent runs for those values, macros filled in as `wandb agent` does."""
    arguments = create_sweep_command_args({"args": {name: {"value": value} for name, value in chosen.items()}})
    filled = {**arguments, "interpreter": [sys.executable], "env": ["/usr/bin/env"]}
    words = (filled.get(word.removeprefix("${").removesuffix("}"), [word]) for word in map(str, _command()))
    return [word for each in words for word in each]


def _command() -> list[Any]:
    return create_sweep_command(list(sweep()["command"]))


def test_each_agent_starts_a_search_of_its_own() -> None:
    parameters = {name: each["values"] for name, each in sweep()["parameters"].items()}
    names = set()
    for values in product(*parameters.values()):
        chosen = dict(zip(parameters, values, strict=True))
        env, python, flag, module, *words = started(chosen)
        assert (env, python, flag, module) == ("/usr/bin/env", sys.executable, "-m", "nas.search")
        [config] = compose("search", SearchSettings, read_arguments(words))
        settings = parse(config, SearchSettings)
        assert (str(settings.budget), settings.sampler.name, settings.seed) == values
        tracker = tracker_settings(settings.tracker)
        assert isinstance(tracker, WandbSettings)
        assert (tracker.mode, tracker.project) == ("online", sweep()["project"])
        names.add(settings.run_name())
    assert len(names) == 8, "a run folder each"


def test_the_sweep_looks_at_a_figure_that_is_there() -> None:
    from nas.report.trackers.wandb import _summary
    from tests.helpers.run_sample import sample_front

    metric = sweep()["metric"]["name"]
    assert metric in _summary(sample_front()) or metric in METRICS


def test_a_search_takes_the_id_that_its_agent_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    own = run_id(tmp_path)
    assert run_id(tmp_path) == own
    monkeypatch.setenv("WANDB_RUN_ID", "agent123")
    assert run_id(tmp_path) == "agent123"
    monkeypatch.delenv("WANDB_RUN_ID")
    assert run_id(tmp_path) == "agent123", "and keeps it when it is resumed by hand"
