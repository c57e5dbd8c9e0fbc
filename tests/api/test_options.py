"""What `nas.run_search` takes: the settings of the command, which mean the same, and are refused alike."""

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from nas.api.options import SearchOptions, words_of
from nas.commandline.from_python import called_with, word
from nas.errors import ConfigError
from nas.search.settings import SearchSettings
from tests.helpers.refusal import refusal


def settings(**options: Any) -> SearchSettings:
    return called_with("search", SearchSettings, words_of(options))[0]


def test_every_setting_is_an_option() -> None:
    named = {each.name for each in fields(SearchSettings)}
    assert set(SearchOptions.__annotations__) == named | {"experiment"}, (
        "nas/api/options.py lists the settings of a search"
    )


def test_dictionaries_lists_and_names_are_what_is_dotted_on_the_command_line(here: Path) -> None:
    found = settings(
        hardware=["pixel4", "raspberry_pi4"],
        budget=("pixel4:20ms", "raspberry_pi4:80ms"),
        confirm={"epochs": 3, "formats": ["onnx"]},
        training={"distillation": {"alpha": np.float32(0.25)}},
        sampler="nsga2",
        proxy={"name": "supernet", "minutes": 2},
        baselines=["fbnet_c", "my net.json"],
        tracker={"name": "wandb", "project": "it's mine"},
        time_limit=None,
        trials=np.int64(7),
        rungs=None,
    )
    assert (found.devices, found.budget) == (("pixel4", "raspberry_pi4"), ("pixel4:20ms", "raspberry_pi4:80ms"))
    assert (found.confirm.epochs, found.confirm.formats, found.training.distillation.alpha) == (3, ("onnx",), 0.25)
    assert (found.sampler.name, found.proxy.name, found.trials) == ("nsga2", "supernet", 7)
    assert found.baselines.networks == ("fbnet_c", "my net.json")
    assert found.tracker["project"] == "it's mine"


def test_no_baselines_are_none_of_any_kind(here: Path) -> None:
    found = settings(baselines=[]).baselines
    assert (found.widths, found.resolutions, found.networks) == ((), (), ())


def test_a_proxy_is_implied_by_its_settings_as_on_the_command_line(here: Path) -> None:
    assert settings(proxy={"minutes": 2}).proxy.name == "supernet"
    assert settings().proxy.name == "short"


@pytest.mark.parametrize(
    ("experiment", "beside"),
    [("quick", {}), ("quick", {"trials": 3, "proxy": {"epochs": 2}}), ("shared_weights", {"sampler": "random"})],
)
def test_an_experiment_is_that_of_the_command_line(experiment: str, beside: dict[str, Any], here: Path) -> None:
    words = [f"experiment={experiment}", *words_of(beside)]
    asked = called_with("search", SearchSettings, words)[0]
    for options in ({"experiment": experiment, **beside}, {**beside, "experiment": [experiment]}):
        assert settings(**options) == asked != settings(**beside)
    assert settings(experiment=None, **beside) == settings(experiment=[], **beside) == settings(**beside)


def test_an_experiment_for_images_takes_a_folder(here: Path) -> None:
    (here / "my photos").mkdir()
    found = settings(experiment="photos", data="my photos")
    assert (found.data.path, found.proxy.name, found.init) == ("my photos", "probe", "efficientnet_lite2")


def test_several_experiments_join(here: Path) -> None:
    found = settings(experiment=("rungs", "small_memory"), trials=9)
    assert (found.rungs, found.objectives) == (("score", "short", "long"), ("accuracy", "latency", "memory"))
    assert found.trials == 9


@pytest.mark.parametrize("data", ["my photos", Path("my photos"), {"path": "my photos"}])
def test_a_folder_means_its_images(data: Any, here: Path) -> None:
    (here / "my photos").mkdir()
    found = settings(data=data).data
    assert (found.source, found.path) == ("imagefolder", "my photos")


def test_a_name_of_data_goes_before_a_folder_of_that_name(here: Path) -> None:
    (here / "digits").mkdir()
    assert settings(data="digits").data.source == "digits"
    assert settings(data=Path("digits")).data.source == "imagefolder"
    assert settings(data={"source": "digits", "limit": 300}).data.limit == 300


@pytest.mark.parametrize(
    "text", ["5", "null", "true", "1e5", "it's", "back\\", "\\'", "a, b", "[a]", "a=b", "RUN#2", "ünï", "~/x"]
)
def test_a_text_stays_that_text(text: str, here: Path) -> None:
    assert settings(search_space=text).search_space == text


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"hardwear": "pixel4"}, "unknown setting 'hardwear'; did you mean hardware?"),
        ({"qqqq": 1}, "unknown setting 'qqqq'; known: accelerator, baselines,"),
        ({"confirm__epochs": 1}, "unknown setting 'confirm__epochs'; write confirm={'epochs': …}"),
        ({"confirm.epochs": 1}, "unknown setting 'confirm.epochs'; write confirm={'epochs': …}"),
        ({"confirm": {"epoch": 1}}, "unknown setting 'confirm.epoch'"),
        ({"confirm": {"a b": 1}}, "unknown setting 'a b' of confirm"),
        ({"sampler": "paretoo"}, "unknown sampler 'paretoo'; "),
        ({"data": "digit"}, "unknown data 'digit'; did you mean digits?; known: cifar10, "),
        ({"data": {"path": "photos", "flip": 3}}, "data.flip"),
        ({"experiment": "photo"}, "unknown experiment 'photo'; did you mean photos?; known: int8, photos, "),
        ({"experiment": ["quick", ""]}, "unknown experiment ''; known: int8, photos, quick, rungs, "),
        ({"experiment": 5}, "unknown experiment 5; known: int8, "),
        ({"experiment": {"quick": 1}}, "unknown experiment {'quick': 1}; known: int8, "),
        ({"trials": "64"}, "trials: "),
        ({"trials": 0}, "trials: "),
        ({"keep": float("nan")}, "keep: must be a finite number"),
        ({"budget": {1, 2}}, "budget must be a text, a number, True, False, None or a list of them, got {1, 2}"),
        ({"hydra": {"run": {"dir": "x"}}}, "unknown setting 'hydra'"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(options: dict[str, Any], error: str, here: Path) -> None:
    assert refusal(ConfigError, settings, **options).startswith(error)


def test_the_line_of_the_run_is_the_same_search_on_the_command_line(here: Path) -> None:
    words = [
        *words_of({"budget": ["300M", "25ms"], "data": "digits", "init": "my weights.pth"}),
        word("hydra.run.dir", "it's"),
    ]
    found, called = called_with("search", SearchSettings, words)
    assert called.folder == here / "it's"
    python, dash, module, *arguments = shlex.split(called.line)
    assert (python, dash, module) == ("python", "-m", "nas.search")
    assert called_with("search", SearchSettings, arguments)[0] == found
    assert "init: my weights.pth" in called.files[".hydra/config.yaml"]


def test_an_application_of_hydras_own_keeps_what_it_has_set_up(here: Path) -> None:
    mine: Any = DictConfig({"hydra": {"job": {"name": "mine"}}})
    with hydra.initialize(version_base="1.3", config_path=None):
        before = GlobalHydra.instance().hydra
        HydraConfig.instance().cfg = mine
        try:
            assert settings(trials=3).trials == 3
            refusal(ConfigError, settings, trials="x")
            assert GlobalHydra.instance().hydra is before
            assert HydraConfig.instance().cfg is mine
        finally:
            HydraConfig.instance().cfg = None
