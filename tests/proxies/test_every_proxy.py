"""What holds for any proxy that is added to `PROXIES`."""

import dataclasses
import math
import pickle
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from nas.commandline import parse
from nas.data.views import ImageView, TrainingResolution
from nas.errors import ConfigError
from nas.latency.profile import load_profile
from nas.nets.start import FromWeights
from nas.problem import Problem
from nas.proxies import PROXIES, AnyProxy
from nas.proxies.base import Failed, Preparation, Proxy
from nas.proxies.scores.evaluate import ScoreSettings, ScoreValues
from nas.report.text import how_text
from nas.resources import data_dir
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.load import load_space
from nas.training.settings import TrainingSettings
from nas.training.start import FittedStart
from tests.helpers.display import Silent
from tests.helpers.docs import field_texts
from tests.helpers.weights import trained

pytestmark = pytest.mark.usefixtures("one_thread")

T = TypeVar("T")
PROBLEM = Problem(load_space("tiny").with_data(1, 10), load_profile("pixel4"), Budget.parse("2M"))
NETWORK = PROBLEM.space.architecture([0] * len(PROBLEM.space.variables))
CHEAP = {"epochs": 1, "resolution": 16, "calibration": 1, "images": 100}
"""What makes proxies fast, of those settings that they have."""


class Evaluations:
    """Evaluates in this process, and keeps what was asked for; networks of `broken` fail."""

    def __init__(self, broken: int = 0) -> None:
        self.names: list[str] = []
        self._broken = broken

    def __call__(
        self,
        stage: str,
        name: str,
        gives: type[T],
        function: Callable[[Architecture], T],
        networks: Sequence[Architecture],
    ) -> list[T | Failed]:
        self.names.append(name)
        found: list[T | Failed] = [function(arch) for arch in networks[self._broken :]]
        assert all(isinstance(result, gives) for result in found)
        return [Failed("ValueError: no") for _ in networks[: self._broken]] + found


def settings_of(name: str, **changes: Any) -> Proxy:
    """The settings of conf/proxy, made cheap."""
    defaults = yaml.safe_load((data_dir("conf") / "proxy" / f"{name}.yaml").read_text(encoding="utf-8"))
    cheap = {key: value for key, value in CHEAP.items() if key in defaults}
    return parse(OmegaConf.create({**defaults, **cheap, **changes}), PROXIES[name])


def preparation(name: str, pictures: ImageView, folder: Path, evaluate: Evaluations | None = None) -> Preparation:
    training = yaml.safe_load((data_dir("conf") / "search.yaml").read_text(encoding="utf-8"))["training"]
    return Preparation(
        PROBLEM,
        pictures,
        TrainingResolution(16, 32),
        0,
        folder,
        parse(OmegaConf.create(training), TrainingSettings),
        ScoreSettings(("naswot", "entropy"), 16, 8),
        2,
        evaluate or Evaluations(),
        Silent(),
        pretrained_start(pictures, folder) if name == "probe" else None,
    )


def pretrained_start(pictures: ImageView, folder: Path) -> FittedStart:
    """Made-up weights, for networks of the space tiny."""
    arch = Architecture.from_notation("32x1 conv3/2-16 mb5e3/2-24x2 mb3e3/2-48x2 mb3e3-96 conv1-128 fc10")
    path = folder / "weights.pth"
    torch.save({"state_dict": trained(arch).state_dict(), "notation": arch.notation}, path)
    return FittedStart(FromWeights.of((str(path),), PROBLEM.space), pictures, TrainingResolution(16, 32))


def test_the_settings_of_a_search_take_each_proxy() -> None:
    assert set(typing.get_args(AnyProxy)) == set(PROXIES.values())


@pytest.mark.parametrize("name", PROXIES)
class TestEveryProxy:
    """A proxy has settings, rungs with words, and makes evaluators that travel and repeat."""

    def test_it_is_chosen_by_its_name_and_says_what_each_setting_does(self, name: str) -> None:
        assert settings_of(name).name == name
        assert typing.get_args(typing.get_type_hints(PROXIES[name])["name"]) == (name,)
        texts = field_texts(PROXIES[name])
        assert all(texts[field.name] for field in dataclasses.fields(PROXIES[name]) if field.name != "name")  # type: ignore[arg-type]

    def test_every_setting_has_its_default_in_conf(self, name: str) -> None:
        defaults = yaml.safe_load((data_dir("conf") / "proxy" / f"{name}.yaml").read_text(encoding="utf-8"))
        assert set(defaults) == {field.name for field in dataclasses.fields(PROXIES[name])}  # type: ignore[arg-type]

    def test_it_is_one_of_its_rungs_and_the_report_has_words_for_each(self, name: str) -> None:
        assert name in PROXIES[name].rungs
        assert {rung: how_text(rung) for rung in PROXIES[name].rungs} == PROXIES[name].rungs
        assert all(text and text != rung for rung, text in PROXIES[name].rungs.items())

    def test_wrong_settings_are_named(self, name: str) -> None:
        with pytest.raises(ConfigError, match=r"^resolution: "):
            settings_of(name, resolution=0)
        with pytest.raises(ConfigError, match="unknown setting 'nonsense'"):
            settings_of(name, nonsense=1)

    def test_its_evaluators_travel_and_repeat(self, name: str, pictures: ImageView, tmp_path: Path) -> None:
        prepared = settings_of(name).prepare(preparation(name, pictures, tmp_path))
        assert list(prepared.evaluators) == list(PROXIES[name].rungs)
        for rung, evaluator in prepared.evaluators.items():
            found, again = evaluator(NETWORK), pickle.loads(pickle.dumps(evaluator))(NETWORK)
            if isinstance(found, ScoreValues):
                assert (rung, found.values) == ("score", again.values)
            else:
                assert 0 <= found.low <= found.accuracy <= found.high <= 1
                assert (found.accuracy, found.rank_value) == (again.accuracy, again.rank_value)
                assert math.isfinite(found.rank_value)
                assert found.how == name or rung != name
                assert (found.resolution, found.seconds > 0) == (16, True)

    def test_what_is_done_beforehand_has_a_name_of_its_own(
        self, name: str, pictures: ImageView, tmp_path: Path
    ) -> None:
        done = Evaluations()
        settings = settings_of(name)
        settings.prepare(preparation(name, pictures, tmp_path, done))
        assert len(set(done.names)) == len(done.names)
        again = Evaluations()
        settings.prepare(preparation(name, pictures, tmp_path, again))
        assert again.names == done.names
        other = Evaluations()
        given = preparation(name, pictures, tmp_path, other)
        settings.prepare(dataclasses.replace(given, scores=dataclasses.replace(given.scores, names=("depth",))))
        assert not done.names or other.names != done.names

    def test_a_population_of_which_too_little_can_be_judged_is_refused(
        self, name: str, pictures: ImageView, tmp_path: Path
    ) -> None:
        done = Evaluations()
        settings_of(name).prepare(preparation(name, pictures, tmp_path, done))
        if done.names:
            reason = "at least 8 networks inside the budget, got 5; the first error: ValueError: no"
            with pytest.raises(ConfigError, match=reason):
                settings_of(name).prepare(preparation(name, pictures, tmp_path, Evaluations(broken=3)))
