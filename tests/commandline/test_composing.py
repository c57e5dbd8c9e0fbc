"""Experiments, launchers, and the short forms of words."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from nas.commandline.composing import compose, read_arguments
from nas.commandline.launching import launcher_words
from nas.commandline.settings import parse
from nas.errors import ConfigError
from nas.search.checks import check_settings
from nas.search.settings import SearchSettings
from tests.helpers.calls import call
from tests.helpers.paths import ROOT

EXPERIMENTS = sorted(file.stem for file in (ROOT / "conf" / "experiment").glob("*.yaml"))


def asked(*words: str) -> SearchSettings:
    (config,) = compose("search", SearchSettings, read_arguments(words))
    return parse(config, SearchSettings)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_composes_and_can_be_searched(name: str) -> None:
    path = ["data.path=photos"] if name == "photos" else []
    found = asked(f"+experiment={name}", *path)
    assert found == asked(f"experiment={name}", *path)
    assert found != asked(*path) if not path else found.init == "efficientnet_lite2"
    if not path:
        check_settings(found).problem.require_feasible()


def test_words_beside_an_experiment_win() -> None:
    found = asked("+experiment=quick", "trials=3", "sampler=random", "proxy.epochs=2")
    assert (found.trials, found.sampler.name, found.proxy.name) == (3, "random", "short")
    assert asked("+experiment=shared_weights", "proxy.epochs=2").proxy.name == "supernet"
    assert asked("+experiment=photos", "data.path=x", "proxy.validation=50").proxy.name == "probe"


@pytest.fixture
def joblib_ends() -> Iterator[None]:
    """Joblib's processes are not kept for the next test, to whose output they would not write."""
    yield
    import_module("joblib.externals.loky").get_reusable_executor().shutdown(wait=True)


def test_joblib_starts_every_run(
    joblib_ends: None, here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [
        "-m",
        "arch=mobilenet_v1,nonesuch",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "hydra.sweep.dir=o",
    ]
    assert call(monkeypatch, "predict", *words) == 2
    said = capfd.readouterr()
    assert said.out.startswith("mobilenet_v1 on pixel4")
    assert said.err.startswith("error: unknown network 'nonesuch'")
    assert said.err.count("\n") == 1
    assert sorted(path.name for path in (here / "o").iterdir()) == ["0", "1"]


def test_a_launcher_tells_every_run_its_place(
    joblib_ends: None, here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("cat", "dog"):
        (here / "photos" / name).mkdir(parents=True)
        (here / "photos" / name / "broken.png").write_bytes(b"no image")
    words = ["-m", "budget=3M,4M", "search_space=tiny", "data=imagefolder", "data.path=photos", "hydra.sweep.dir=o"]
    code = call(monkeypatch, "search", *words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    said = capfd.readouterr()
    assert code == 2, said.err  # none of the images can be read, which each run says for itself
    assert sorted(said.out.splitlines()) == ["[1/2] run 1 of 2 · budget=3M", "[2/2] run 2 of 2 · budget=4M"]


@pytest.mark.parametrize(
    ("words", "multirun", "message"),
    [
        (["hydra/launcher=joblib"], False, "hydra/launcher=joblib goes with -m"),
        (["hydra.launcher.n_jobs=2"], False, "hydra.launcher.n_jobs=2 goes with -m"),
        (
            ["hydra/launcher=joblib", "storage=mysql://me:secret@h/d"],
            True,
            "storage: a launcher may write the password",
        ),
    ],
)
def test_a_launcher_is_refused_where_it_would_do_harm(words: list[str], multirun: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        launcher_words(words, multirun=multirun)
    assert "secret" not in str(caught.value)


def test_hydras_own_launcher_is_what_we_do_without_it() -> None:
    assert launcher_words(["hydra/launcher=basic", "trials=3"], multirun=True) == []


def test_an_unknown_launcher_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "predict", "-m", "arch=mobilenet_v1,mobilenet_v2", "hydra/launcher=jobli") == 2
    assert capsys.readouterr().err.startswith("error: unknown hydra/launcher 'jobli'; known: basic, joblib")
    assert not list(here.iterdir())
