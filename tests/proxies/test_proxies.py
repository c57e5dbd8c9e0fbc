"""The proxies of a search: what corrects a short training, what a limit leaves, and whole runs of each."""

import csv
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nas.commandline import command
from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView, TrainingResolution
from nas.errors import ConfigError
from nas.proxies.base import Evaluation
from nas.proxies.score import RankedByScores
from nas.proxies.scores.evaluate import TrainingFree
from nas.proxies.scores.population import ScorePopulation
from nas.proxies.short import Prior, ShortTraining, correct_accuracy
from nas.proxies.supernet import SHARED, RankedByBoth, SupernetProxy
from nas.search.__main__ import main
from nas.search.record.notes import study_notes
from nas.search.rungs import check_rungs, rank_values, rung_record
from nas.search.settings import SearchSettings
from nas.spaces.architecture import Architecture
from nas.training.recipe import Recipe
from tests.helpers.journal import load_journal
from tests.helpers.weights import trained
from tests.whole.test_run_folder import settings_of

ARCH = Architecture.from_notation("16x1 conv3/2-8 sep3/2-16 fc10")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> ImageView:
    folder = tmp_path_factory.mktemp("digits") / "images"
    prepare(DataSettings("digits", limit=300), 0, 16, folder)
    return ImageView(folder)


def evaluation(accuracy: float, worth: float | None = None) -> Evaluation:
    return Evaluation(accuracy, accuracy, accuracy, "short", 1.0, 1, 16, worth)


# What networks are ranked by


def test_a_correction_moves_logits_by_weight_times_probit() -> None:
    same = correct_accuracy(0.7, 10**9, 0.5, 2.0)
    assert same == pytest.approx(0.7, abs=1e-6)  # a middling share changes nothing
    up = correct_accuracy(0.7, 10**9, 0.8413447, 0.5)  # one standard deviation
    assert math.log(up / (1 - up)) - math.log(0.7 / 0.3) == pytest.approx(0.5, abs=1e-5)
    assert correct_accuracy(0.7, 10**9, 0.9, 0.0) == pytest.approx(0.7, abs=1e-6)


def test_a_correction_stays_inside_the_unit_interval_and_keeps_both_orders() -> None:
    grid = [[correct_accuracy(a, 50, s, 0.5) for s in (0.0, 0.2, 0.8, 1.0)] for a in (0.0, 0.3, 0.9, 1.0)]
    table = np.array(grid)
    assert ((table > 0) & (table < 1)).all()
    assert (np.diff(table, axis=0) > 0).all()
    assert (np.diff(table, axis=1) > 0).all()


def test_records_are_ranked_by_their_worth_and_keep_the_accuracy() -> None:
    kept = rung_record("short", evaluation(0.5, worth=0.625))
    assert (kept.accuracy, kept.worth) == (0.5, 0.625)
    assert rung_record("short", evaluation(0.5)).worth is None
    assert rank_values([kept, rung_record("short", evaluation(0.5))]) == [0.625, 0.5]
    with pytest.raises(ValueError, match="worth is nan"):
        rung_record("short", evaluation(0.5, worth=math.nan))


def test_a_short_training_reports_what_it_saw_and_is_ranked_with_its_prior(pictures: ImageView) -> None:
    short = ShortTraining(pictures, Recipe(1, 32), TrainingResolution(16, 16), seed=0)
    plain = short(ARCH)
    prior = Prior(lambda arch: evaluation(0.9), 0.5)
    ranked = ShortTraining(pictures, Recipe(1, 32), TrainingResolution(16, 16), seed=0, prior=prior)(ARCH)
    assert (plain.worth, ranked.accuracy) == (None, plain.accuracy)
    assert ranked.worth == correct_accuracy(plain.accuracy, len(pictures.images.val), 0.9, 0.5)
    assert ranked.seconds > 1  # the prior's second is counted


def test_scores_rank_among_a_population_alone_and_with_shared_weights(pictures: ImageView) -> None:
    free = TrainingFree(pictures, ("naswot",), TrainingResolution(16, 16), 0, 16)
    own = free(ARCH).values["naswot"]
    column = [own + step for step in (-4, -3, -2, -1, 1, 2, 3, 4)]
    alone = RankedByScores(free, ScorePopulation.of({"naswot": column}))(ARCH)
    assert alone.how == "score"
    assert alone.accuracy == pytest.approx(0.5)
    shares = [0.1 * step for step in range(1, 9)]
    both = RankedByBoth(
        lambda arch: evaluation(0.9, worth=0.45), free, ScorePopulation.of({"naswot": column, SHARED: shares})
    )
    found = both(ARCH)
    assert (found.accuracy, found.worth) == (0.9, pytest.approx(0.5))


@pytest.mark.parametrize("names", [("naswot",), ("naswot", "naswot_layers"), ("naswot", "naswot_layers", "entropy")])
def test_shared_weights_count_as_much_as_all_scores_together(pictures: ImageView, names: tuple[str, ...]) -> None:
    free = TrainingFree(pictures, names, TrainingResolution(16, 16), 0, 16)
    below = {name: [value - step for step in range(8, 0, -1)] for name, value in free(ARCH).values.items()}
    shares = [0.1 * step for step in range(1, 9)]
    population = ScorePopulation.of({**below, SHARED: shares})
    scores = 1 - (1 / 9) / (1 + 1 / np.std(below[names[0]]))  # one deviation's share beyond the best of eight
    for shared, share in ((0.1, 1 / 9), (0.45, 0.5), (0.8, 8 / 9)):
        found = RankedByBoth(lambda arch: evaluation(0.9), free, population).join(evaluation(0.9, worth=shared), ARCH)
        assert found.worth == pytest.approx(np.sqrt(share * scores))


# Images and rungs


def test_a_limit_leaves_a_stratified_part_to_train_on_and_all_to_judge(pictures: ImageView) -> None:
    few = ImageView(pictures.folder, limit=50).images
    assert len(few.train) == 50
    assert set(np.bincount(few.train.labels)) <= {4, 5, 6}
    assert (len(few.val), few.mean) == (len(pictures.images.val), pictures.images.mean)
    assert len(ImageView(pictures.folder, limit=10**6).images.train) == len(pictures.images.train)
    rows = {image.tobytes() for image in np.asarray(pictures.images.train.pixels)}
    assert all(image.tobytes() in rows for image in few.train.pixels)


@pytest.mark.parametrize("count", [10, 50, 10**6])
def test_few_validation_images_judge_and_are_of_all_classes(pictures: ImageView, count: int) -> None:
    whole, few = pictures.images, ImageView(pictures.folder, val_limit=count).images
    assert len(few.val) == min(count, len(whole.val))
    assert np.ptp(np.bincount(few.val.labels, minlength=10)) <= 3
    assert len(few.train) == len(whole.train)


def test_scores_may_make_a_front_only_where_they_are_the_proxy() -> None:
    check_rungs(("score",), ("score",))
    check_rungs(("score", "supernet"), ("score", "supernet"))
    with pytest.raises(ConfigError, match="must be a training"):
        check_rungs(("score",), ("score", "short", "long"))
    with pytest.raises(ConfigError, match="unknown rung 'short'; known: score"):
        check_rungs(("short",), ("score",))


# Whole runs

SMALL = [
    *("search_space=tiny", "budget=2M", "data.limit=300", "workers=1", "trials=6", "score.population=8"),
    *("sampler.start=2", "confirm.networks=2", "confirm.members=1", "confirm.seeds=1", "confirm.extra=0"),
    *("confirm.epochs=1", "confirm.resolution=16", "proxy.resolution=16", "baselines.widths=[]"),
    *("confirm.formats=[onnx]", "device=none"),
]


def search(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["search", *SMALL, *arguments, f"hydra.run.dir={folder / 'run'}"])
    with pytest.raises(SystemExit) as ended:
        command("search", SearchSettings, main)
    return int(ended.value.code or 0)


def finished(folder: Path) -> tuple[dict[str, Any], list[dict[str, str]]]:
    with (folder / "run" / "trials.csv").open(newline="") as file:
        return json.loads((folder / "run" / "front.json").read_text()), list(csv.DictReader(file))


@pytest.mark.usefixtures("inline")
def test_a_search_by_scores_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert search(monkeypatch, tmp_path, "proxy=score") == 0
    front, trials = finished(tmp_path)
    assert {row["how"] for row in trials} == {"score"}
    assert all(0 < float(row["accuracy"]) < 1 for row in trials)
    assert {entry["accuracy"]["how"] for entry in front["confirmed"]} == {"confirmed"}
    assert front["proxy"]["how"] == "score"
    before = load_journal(tmp_path / "run")
    assert sum(name.startswith("scored:") for name in study_notes(before)) == 8
    assert search(monkeypatch, tmp_path, "proxy=score") == 0  # once more: nothing is scored or trained again
    after = load_journal(tmp_path / "run")
    assert (after.trials, study_notes(after)) == (before.trials, study_notes(before))


@pytest.mark.usefixtures("inline")
def test_a_search_by_a_probe_of_pretrained_features(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(monkeypatch, tmp_path, "proxy=probe") == 2
    assert "proxy=probe judges pretrained features; give init=" in capsys.readouterr().err
    arch = Architecture.from_notation("32x1 conv3/2-16 mb5e3/2-24x2 mb3e3/2-48x2 mb3e3-96 conv1-128 fc10")
    torch.save({"state_dict": trained(arch).state_dict(), "notation": arch.notation}, tmp_path / "mine.pth")
    given = ("proxy=probe", f"init={tmp_path / 'mine.pth'}", "baselines.resolutions=[]")
    assert search(monkeypatch, tmp_path, *given) == 0
    front, trials = finished(tmp_path)
    assert {row["how"] for row in trials} == {"probe"}
    assert all(0 < float(row["worth"]) < 1 for row in trials)
    assert max(float(row["accuracy"]) for row in trials) > 0.2  # features of random weights tell digits apart, too
    assert front["proxy"]["how"] == "probe"
    before = load_journal(tmp_path / "run")
    assert search(monkeypatch, tmp_path, *given) == 0  # once more: nothing is judged or trained again
    assert load_journal(tmp_path / "run").trials == before.trials


def test_a_search_by_a_supernet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(monkeypatch, tmp_path, "proxy=supernet", "proxy.epochs=2", "proxy.calibration=2") == 0
    assert "supernet: trained in" in capsys.readouterr().out
    front, trials = finished(tmp_path)
    assert {row["how"] for row in trials} == {"supernet"}
    assert all(0 < float(row["worth"]) < 1 for row in trials)
    assert len({row["worth"] for row in trials}) == len(trials)
    weights = tmp_path / "run" / "supernet.pt"
    written = weights.stat().st_mtime_ns
    assert search(monkeypatch, tmp_path, "proxy=supernet", "proxy.epochs=2", "proxy.calibration=2") == 0
    assert weights.stat().st_mtime_ns == written
    assert finished(tmp_path)[0]["front"] == front["front"]


@pytest.mark.parametrize(
    ("words", "images", "expected"),
    [
        ((), 5000, (20, None, "sgd", 0.1, True, 16)),
        (("init=mine.pth",), 5000, (20, None, "adamw", 0.001, False, None)),
        (("init=mine.pth",), 90_000, (2, None, "adamw", 0.001, False, None)),
        (("init=mine.pth",), 500, (40, None, "adamw", 0.001, False, None)),
        (("init=mine.pth", "training.optimizer=sgd", "proxy.minutes=5"), 500, (None, 5, "sgd", 0.01, False, None)),
        (
            ("proxy.epochs=3", "proxy.sandwich=false", "training.optimizer=adamw"),
            500,
            (3, None, "adamw", 0.01, False, 16),
        ),
        (("init=mine.pth", "proxy.resolution=24", "proxy.sandwich=true"), 5000, (20, None, "adamw", 0.001, True, 24)),
        (("proxy.resolution=null", "proxy.learning_rate=0.3"), 5000, (20, None, "sgd", 0.3, True, None)),
    ],
)
def test_how_shared_weights_are_trained_depends_on_what_they_start_from(
    words: tuple[str, ...], images: int, expected: tuple[Any, ...]
) -> None:
    settings = settings_of("proxy=supernet", *words)
    proxy, pretrained = settings.proxy, settings.init != "none"
    assert isinstance(proxy, SupernetProxy)
    recipe = proxy.recipe(settings.training, images, pretrained=pretrained)
    found = (recipe.epochs, recipe.minutes, recipe.optimizer, recipe.learning_rate, recipe.sandwich)
    assert (*found, settings.proxy_pixels) == expected


@pytest.mark.usefixtures("inline")
def test_the_supernets_largest_network_may_teach_the_long_trainings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = "training.distillation.teacher=supernet"
    assert search(monkeypatch, tmp_path, "proxy=score", teacher) == 2
    assert f"{teacher} needs proxy=supernet, got proxy=score; or give an ONNX file" in capsys.readouterr().err
    arguments = ("proxy=supernet", "proxy.epochs=1", "proxy.joined=false", "trials=3")

    def trained() -> dict[str, dict[str, Any]]:
        attributes = study_notes(load_journal(tmp_path / "run"))
        return {name: record for name, record in attributes.items() if name.startswith("trained:")}

    assert search(monkeypatch, tmp_path, *arguments, teacher) == 0
    taught = trained()
    shutil.rmtree(tmp_path / "run")
    assert search(monkeypatch, tmp_path, *arguments) == 0
    plain = trained()
    assert not taught.keys() & plain.keys()  # of another digest
    same = {name.split(":")[2] for name in taught} & {name.split(":")[2] for name in plain}
    results = [{n.split(":")[2]: r["correct"] for n, r in records.items()} for records in (taught, plain)]
    assert any(results[0][key] != results[1][key] for key in same)


def test_a_proxy_is_told_its_own_settings_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(monkeypatch, tmp_path, "proxy=score", "proxy.epochs=3") == 2
    assert "the chosen proxy has no option 'proxy.epochs'" in capsys.readouterr().err
    assert search(monkeypatch, tmp_path, "proxy=supernet", "proxy.networks=0") == 2
    assert "proxy.networks: input should be greater than or equal to 1, got 0" in capsys.readouterr().err
    assert search(monkeypatch, tmp_path, "proxy=supernet", "rungs=[short]") == 2
    assert "unknown rung 'short'; known: score, supernet" in capsys.readouterr().err
    assert search(monkeypatch, tmp_path, "+proxy.nonsense=1") == 2
    assert "unknown setting 'proxy.nonsense'; known: " in capsys.readouterr().err
