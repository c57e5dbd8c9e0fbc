"""init=: what a search starts from, how its images are normalised, what it is compared with, and what it says of it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from nas.errors import ConfigError
from nas.identity import digest
from nas.nets.conventions import PLAIN, TENSORFLOW
from nas.nets.pretrained import family, load
from nas.nets.slices.cut import initial
from nas.nets.slices.kept import kept
from nas.nets.slices.least_cut import least_cut
from nas.nets.start import FromWeights
from nas.problem import Problem
from nas.proxies.base import Evaluation
from nas.proxies.supernet import SharedAccuracy
from nas.search.checks import check_settings
from nas.search.confirm.baselines import networks_to_compare
from nas.search.evaluations import Trainings, decode_images, make_trainings
from nas.search.plan import Plan, _metadata
from nas.search.result.about import about_settings, data_facts
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.budget import Budget
from nas.spaces.load import load_space
from nas.training.start import FittedStart, OwnWeights
from tests.helpers.calls import check_refused
from tests.helpers.refusal import refusal
from tests.helpers.search import PIXEL4, TINY, context, in_memory
from tests.helpers.search import problem as tiny_problem
from tests.helpers.weights import needs_lite, trained
from tests.whole.test_run_folder import identity_of, settings_of

ARCH = Architecture.from_notation("32x3 conv3/2-16 mb5e3/2-24x2 mb3e3/2-48x2 mb3e3-96 conv1-128 fc7")
"""One of the space tiny, but for its classes."""
QUICK = ("search_space=tiny", "budget=null", "proxy.epochs=1", "confirm.epochs=1", "proxy.correction=0", "workers=1")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    load.cache_clear()
    path = tmp_path / "mine.pth"
    state = trained(ARCH, TENSORFLOW).state_dict()
    torch.save({"state_dict": state, "notation": ARCH.notation, "eps": 1e-3, "padding": "same"}, path)
    return path


def trainings_of(folder: Path, *overrides: str) -> Trainings:
    settings = settings_of(*QUICK, "data.limit=60", *overrides)
    run = context(tiny_problem(), in_memory(tiny_problem()), folder=folder)
    return make_trainings(settings, decode_images(settings, run.problem, 8, folder), run)


def test_trainings_and_baselines_start_from_the_weights(weights: Path, tmp_path: Path) -> None:
    trainings = trainings_of(tmp_path, f"init={weights}", "confirm.resolution=16", "proxy.resolution=8")
    long, arch = trainings.long, TINY.architecture([0] * len(TINY.variables))
    assert (long.conventions, trainings.baseline.conventions) == (TENSORFLOW, TENSORFLOW)
    assert isinstance(long.start, FittedStart)
    (theirs,) = long.start.weights.digests
    assert isinstance(trainings.baseline.start, FittedStart)
    assert trainings.baseline.start.weights == FromWeights((str(weights),), (theirs,))
    assert (long.start.scale, long.start.pictures.statistics) == (long.scale, long.pictures.statistics)
    assert (long.recipe.optimizer, long.recipe.schedule, long.recipe.learning_rate) == ("adamw", "cosine", 0.001)
    expected, found = initial(arch, load(str(weights)), TINY), long.start(arch)
    assert found.keys() == expected.keys()
    assert torch.equal(found["0.0.weight"], expected["0.0.weight"])  # the stem is rescaled by its norm alone
    evaluation = trainings.ladder.rungs[0].evaluator(arch)
    assert isinstance(evaluation, Evaluation)
    assert 0 <= evaluation.accuracy <= 1

    trained_here = long(arch, 1)
    net = long.net(arch, 1)
    assert {module.eps for module in net.modules() if isinstance(module, nn.BatchNorm2d)} == {1e-3}
    assert 0 <= trained_here.val <= 1
    (tmp_path / "models").mkdir()
    exported = trainings.export(arch, 1, {})
    assert {file.error for file in exported.files} == {None}
    assert long.digest(ARCH) != trainings_of(tmp_path, "confirm.resolution=16", "proxy.resolution=8").long.digest(ARCH)


def shared_weights(weights: Path, folder: Path, *words: str) -> tuple[Problem, Trainings]:
    """What proxy=supernet makes ready, trained for a moment from `weights`."""
    own = ["proxy=supernet", "proxy.epochs=1", "proxy.resolution=8", f"init={weights}"]
    settings = settings_of("search_space=tiny", "budget=null", "data.limit=60", "seed=0", *own, *words)
    problem = check_settings(settings).problem
    run = context(problem, in_memory(problem), folder=folder)
    return problem, make_trainings(settings, decode_images(settings, problem, 8, folder), run)


def test_long_trainings_start_from_fitted_slices_unless_asked_otherwise(weights: Path, tmp_path: Path) -> None:
    _, trainings = shared_weights(weights, tmp_path)
    assert isinstance(trainings.long.start, FittedStart)
    arch = TINY.architecture([0] * len(TINY.variables))
    assert trainings.long.digest(arch) == trainings.baseline.digest(arch)


def test_shared_weights_begin_in_the_weights_and_get_norms_of_the_images(weights: Path, tmp_path: Path) -> None:
    wanted, trainings = shared_weights(weights, tmp_path, "proxy.start=true")
    arch = TINY.architecture([0] * len(TINY.variables))
    evaluator = trainings.ladder.rungs[0].evaluator
    assert isinstance(evaluator, SharedAccuracy)
    found, cut = evaluator.weights.subnet(arch).state_dict(), initial(arch, load(str(weights)), TINY)
    content = torch.load(evaluator.weights.checkpoint, weights_only=True)
    assert content["made_from"]["among"] == digest(least_cut(wanted, 0).tolist(), version=1)
    moved = (found["0.0.weight"] - cut["0.0.weight"]).abs().max()
    assert 0 < moved < 0.05  # trained at a low rate, from there
    assert not torch.allclose(found["0.1.running_mean"], cut["0.1.running_mean"], atol=0.01)
    assert 0 <= evaluator(arch).accuracy <= 1
    start = trainings.long.start
    assert isinstance(start, OwnWeights)
    assert torch.equal(start(arch)["0.0.weight"], found["0.0.weight"])
    whole = replace(start, fitted=replace(start.fitted, weights=FromWeights.of((str(weights),))))
    assert trainings.baseline.start
    of_own = replace(ARCH, in_channels=1, classes=10)  # none of its blocks is cut, and it is not in the space
    assert torch.equal(whole(of_own)["0.0.weight"], trainings.baseline.start(of_own)["0.0.weight"])
    assert trainings.long.digest(of_own) == trainings.baseline.digest(of_own)  # so it is trained once
    assert trainings.long.digest(arch) != trainings.baseline.digest(arch)


def test_a_search_knows_what_its_networks_keep_of_the_weights(weights: Path) -> None:
    found = check_settings(settings_of(*QUICK, f"init={weights}")).problem
    assert found.kept == kept(found.space, load(str(weights)))
    assert found.kept_of(found.space.genotype(replace(ARCH, in_channels=1, classes=10))[None]) == [0]
    assert check_settings(settings_of(*QUICK)).problem.kept == ()


def test_without_init_nothing_changes(tmp_path: Path) -> None:
    trainings = trainings_of(tmp_path, "proxy.resolution=8")
    assert (trainings.long.start, trainings.baseline.start, trainings.long.pictures.statistics) == (None, None, None)
    assert trainings.long.conventions == trainings.baseline.conventions == PLAIN


@pytest.mark.parametrize(("pixels", "shift"), [(8, 1), (16, 1), (32, 2), (64, 4)])
def test_a_proxy_of_few_pixels_shifts_by_as_few(tmp_path: Path, pixels: int, shift: int) -> None:
    settings = settings_of(*QUICK, "data.limit=60", "data.shift=4", f"proxy.resolution={pixels}")
    space = replace(TINY, choices=replace(TINY.choices, resolution=(32, 64)))
    data = decode_images(settings, Problem(space, PIXEL4, Budget()), 8, tmp_path)
    assert (data.small.shift, data.large.shift) == (shift, 4)


@needs_lite(0)
def test_images_are_normalised_as_the_weights_want(tmp_path: Path) -> None:
    settings = settings_of(
        *QUICK, "search_space=lite", "data.limit=60", "init=efficientnet_lite0", "proxy.resolution=8"
    )
    space = load_space("lite").with_data(1, 10)
    run = context(Problem(space, PIXEL4, Budget()), in_memory(tiny_problem()), folder=tmp_path)
    data = decode_images(settings, replace(run.problem, space=TINY), 8, tmp_path)
    trainings = make_trainings(settings, data, run)
    pictures = trainings.long.pictures.at(16, 8, 0)
    assert (pictures.mean, pictures.std) == (pytest.approx((127 / 255,)), pytest.approx((128 / 255,)))
    said = pictures.preprocessing()
    assert (said["mean"], said["std"]) == (list(pictures.mean), list(pictures.std))
    images, _ = next(iter(pictures.val_dataloader()))
    assert images.min() >= -127 / 128 - 1e-5
    about = about_settings(settings, run.problem, data_facts(settings, data.images), "x")
    facts = about.init
    assert facts is not None
    assert (facts.name, facts.licence, facts.tensors) == ("efficientnet_lite0", "Apache-2.0", 296)
    plan = Plan(settings.confirm, settings.baselines, settings.warm_start, about, init=settings.init)
    for name, theirs in (
        ("mobilenet_v2_w0.5", "efficientnet_lite0"),
        *((name, name) for name in family(settings.init)),
    ):
        told = _metadata(run, baseline(f"{name}_r64", 1, 10), plan)
        assert (told["init"]["name"], told["init"]["licence"]) == (theirs, "Apache-2.0")
        assert f"trained from {theirs}, whose licence is Apache-2.0" in told["licence"]


def test_it_is_compared_with_the_network_of_the_weights_at_several_sizes(weights: Path) -> None:
    space = replace(TINY, choices=replace(TINY.choices, resolution=(16, 24, 32, 48, 64)))
    wanted = Problem(space, PIXEL4, Budget())
    settings = settings_of("hardware=pixel4").baselines
    found = networks_to_compare(wanted, settings, str(weights), 8)
    assert list(found) == ["mine_r16", "mine_r32", "mine_r64"]
    assert {arch.blocks for arch in found.values()} == {ARCH.blocks}
    assert {(arch.in_channels, arch.classes) for arch in found.values()} == {(1, 10)}
    chosen = networks_to_compare(wanted, replace(settings, resolutions=(40, 20)), str(weights), 8)
    assert [arch.resolution for arch in chosen.values()] == [20, 40]
    assert networks_to_compare(wanted, replace(settings, resolutions=()), str(weights), 8) == {}
    tight = Problem(space, PIXEL4, Budget.parse("1M"))
    assert list(networks_to_compare(tight, settings, str(weights), 8)) == ["mine_r16"]
    from_scratch = Problem(load_space("small").with_data(1, 10, 32), PIXEL4, Budget())
    assert {name.rpartition("_w")[0] for name in networks_to_compare(from_scratch, settings, "none", 32)} == {
        "mobilenet_v1",
        "mobilenet_v2",
    }


@needs_lite(0)
@needs_lite(1)
@needs_lite(2)
def test_efficientnet_lite_are_compared_with_all_three() -> None:
    wanted = Problem(load_space("lite").with_data(3, 10), PIXEL4, Budget())
    settings = replace(settings_of("hardware=pixel4").baselines, resolutions=(96,))
    found = networks_to_compare(wanted, settings, "efficientnet_lite1", 96)
    assert list(found) == [f"efficientnet_lite{size}_r96" for size in range(3)]
    start = FromWeights.of(tuple(f"efficientnet_lite{size}" for size in range(3)))
    state = start.fitted(found["efficientnet_lite2_r96"], torch.zeros(2, 3, 96, 96))
    assert state["0.0.weight"].abs().sum() == load("efficientnet_lite2").state["0.0.weight"].abs().sum()


@needs_lite(0)
@needs_lite(1)
@needs_lite(2)
@pytest.mark.parametrize("size", range(3))
def test_a_network_of_the_family_is_trained_once_as_candidate_and_as_baseline(tmp_path: Path, size: int) -> None:
    """Both start from its own weights, whichever of the family `init` is; what is cut out is cut out of `init`."""
    trainings = trainings_of(tmp_path, "search_space=lite", f"init=efficientnet_lite{size}", "proxy.resolution=8")
    assert trainings.long.digest(ARCH) == trainings.baseline.digest(ARCH)
    assert isinstance(trainings.long.start, FittedStart)
    weights = trainings.long.start.weights
    for other in range(3):
        name = f"efficientnet_lite{other}"
        assert weights.own(baseline(f"{name}_r64", 3, 10)) == load(name)
    assert weights.own(ARCH) == load(f"efficientnet_lite{size}")


def test_it_names_the_run_and_its_content_must_agree(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = [settings_of(f"init={init}") for init in ("none", weights, "mine.pth", "./mine.pth")]
    assert settings[0].run_name() != settings[1].run_name()
    assert len({each.run_name() for each in settings[1:]}) == 1
    identities = [identity_of(each) for each in settings[:2]]
    assert "init" not in identities[0]
    before = identities[1]["init"]
    state = trained(ARCH, TENSORFLOW, seed=1).state_dict()
    torch.save({"state_dict": state, "notation": ARCH.notation}, weights)
    load.cache_clear()
    assert identity_of(settings[1])["init"] != before
    os.rename("mine.pth", "other.pth")
    load.cache_clear()
    assert identity_of(settings_of("init=other.pth"))["init"] == identity_of(settings_of("init=./other.pth"))["init"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["init=efficientnet_lite9"], "unknown init 'efficientnet_lite9'; known: none, efficientnet_lite0"),
        (["init=text.pth"], "init={folder}/text.pth: is no file of tensors"),
        (["init=missing.pth"], "init=missing.pth: cannot be read: No such file or directory"),
        (["init=" + "x" * 3000], "unknown init 'xxx"),
        (["init=mine.pth", "search_space=mobilenet_v2"], "init=mine has 5 stages, stem and head among them"),
    ],
)
def test_wrong_weights_are_refused_in_one_line(
    arguments: list[str],
    error: str,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pth").write_text("hello")
    check_refused(monkeypatch, capsys, "search", arguments, error.format(folder=tmp_path))


def test_the_settings_are_checked_with_the_space(weights: Path) -> None:
    problem = check_settings(settings_of(*QUICK, f"init={weights}")).problem
    assert problem.space.name == "tiny"
    message = refusal(ConfigError, check_settings, settings_of(*QUICK, f"init={weights}", "search_space=separable"))
    assert "choose a search_space that begins from it" in message


@needs_lite(0)
def test_the_space_made_of_the_weights_is_the_default() -> None:
    wanted = ("hardware=pixel4", "init=efficientnet_lite0", "baselines.resolutions=[]")
    assert check_settings(settings_of(*wanted)).problem.space.name == "lite"
    assert check_settings(settings_of("hardware=pixel4")).problem.space.name == "small"


@pytest.mark.parametrize(
    ("given", "images", "pretrained", "epochs"),
    [
        ("null", 20_000, False, 6),
        ("null", 100, False, 6),
        ("null", 100, True, 40),
        ("null", 2_000, True, 10),
        ("null", 20_000, True, 3),
        ("7", 100, True, 7),
        ("7", 100, False, 7),
    ],
)
def test_few_images_are_shown_to_pretrained_networks_more_often(
    given: str, images: int, pretrained: bool, epochs: int
) -> None:
    confirm = settings_of(f"confirm.epochs={given}").confirm
    assert confirm.passes(images, pretrained=pretrained) == epochs
