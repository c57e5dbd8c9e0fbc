"""Shared weights: what is drawn; their training resumes to the bit; what it judges."""

import math
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.data.batches import resize
from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView, TrainingResolution
from nas.errors import BudgetError, ConfigError, RunError, SpaceError
from nas.identity import digest
from nas.nets.build import build
from nas.proxies.supernet import SharedAccuracy
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from nas.training.metrics import judge
from nas.training.supernet.stream import NetworkStream, balanced
from nas.training.supernet.train import Progress, SharedRecipe, largest, train_supernet
from nas.training.supernet.weights import FromShared, SharedWeights, TaughtByShared
from tests.helpers.spaces import networks

pytestmark = pytest.mark.usefixtures("one_thread")


# --- what is drawn --------------------------------------------------------------------------------


def test_balanced_draws_take_each_value_once_in_turn(options: SearchSpace) -> None:
    rows = balanced(options, np.random.default_rng(0), 60)
    for column, variable in zip(rows.T, options.variables, strict=True):
        count = len(variable.values)
        assert all(sorted(column[i : i + count]) == list(range(count)) for i in range(0, 60 - count, count))
    assert len({tuple(row) for row in rows.tolist()}) > 50


def test_draws_repeat_and_keep_to_the_budget() -> None:
    space, budget = load_space("nas_bench_macro"), Budget.parse("40M")
    drawn, again = NetworkStream(space, 3, budget=budget), NetworkStream(space, 3, budget=budget)
    macs = np.array([cost(drawn[i]).macs for i in range(300)])
    assert [drawn[i] for i in (299, 5)] == [again[i] for i in (299, 5)]
    assert drawn[5] != NetworkStream(space, 4, budget=budget)[5]
    largest, smallest = (cost(arch).macs for arch in drawn.ends())
    assert smallest <= macs.min() * 1.05 < 0.95 * macs.max() <= largest <= 40e6
    uniform = [cost(space.architecture(row)).macs for row in space.sample(np.random.default_rng(0), 300, budget)]
    assert np.quantile(macs, 0.2) < 0.95 * np.quantile(uniform, 0.2)  # even over MACs: more of the small ones
    with pytest.raises(BudgetError, match="no network"):
        NetworkStream(space, 0, budget=Budget.parse("1M"))


@pytest.mark.parametrize("group", [2, 7])
def test_the_networks_of_a_step_cost_about_the_same(group: int) -> None:
    """The same networks in another order: groups of those that are next to each other in MACs, and the rest."""
    space = load_space("nas_bench_macro")
    streams = [NetworkStream(space, 3, group=size) for size in (1, group)]
    alone, drawn = ([stream[i] for i in range(240)] for stream in streams)
    assert sorted(arch.key for arch in drawn) == sorted(arch.key for arch in alone)
    macs = np.array([cost(arch).macs for arch in drawn])
    whole = macs[: 240 - 240 % group].reshape(-1, group)
    ratios = whole.max(axis=1) / whole.min(axis=1)
    assert np.median(ratios) < 1 + 0.02 * group
    assert (np.diff(whole[:, 0]) < 0).any()  # the groups themselves come in any order


def test_some_networks_alone_are_drawn_evenly_over_macs() -> None:
    space = load_space("nas_bench_macro")
    rows = space.sample(np.random.default_rng(0), 400)
    some = [cost(space.architecture(row)).macs for row in rows]
    wide = rows[np.argsort(some)[-300:]], rows[np.argsort(some)[:20]]
    among = np.concatenate(wide)
    stream = NetworkStream(space, 3, among=among, group=2)
    drawn = [stream[number] for number in range(480)]
    assert {arch.key for arch in drawn} <= {space.architecture(row).key for row in among}
    least = max(cost(space.architecture(row)).macs for row in wide[1])
    assert np.mean([cost(arch).macs <= least for arch in drawn]) > 0.1  # 20 of 320 are
    assert {arch.key for arch in stream.ends()} <= {space.architecture(row).key for row in among}


def test_without_a_budget_the_ends_are_those_of_the_space() -> None:
    space = load_space("tiny")
    largest, smallest = (cost(arch).macs for arch in NetworkStream(space, 0).ends())
    macs = [cost(space.architecture(row)).macs for row in space.genotypes()]
    assert (smallest, largest) == (min(macs), max(macs))


# --- training -------------------------------------------------------------------------------------

SPACE = load_space("tiny").with_data(1, 10)
SCALE = TrainingResolution(16, 32)
RECIPE = SharedRecipe(epochs=2, batch_size=32, learning_rate=0.2, networks=2, precision="fp32")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> ImageView:
    """300 digits at 16 pixels, 180 of them to train on and 60 to judge on."""
    folder = tmp_path_factory.mktemp("digits") / "images"
    prepare(DataSettings("digits", limit=300, val_fraction=0.2, test_fraction=0.2), 0, 16, folder)
    return ImageView(folder, flip=False, shift=1)


class Killed(Exception):
    """The end of a training before its time."""


def train(
    path: Path,
    pictures: ImageView,
    recipe: SharedRecipe = RECIPE,
    seed: int = 0,
    kill_at: int | None = None,
    threads: int = 1,
) -> list[Progress]:
    """The progress of a training to `path`, saved after every step and killed after one."""
    seen: list[Progress] = []

    def progress(step: Progress) -> None:
        seen.append(step)
        if step.step == kill_at:
            raise Killed

    train_supernet(SPACE, pictures, recipe, SCALE, seed, path, threads=threads, progress=progress, save_seconds=0)
    return seen


def saved(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)["weights"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sandwich": True},
        {"sandwich": True, "distillation": 0.5, "drawn": "macs"},
        {"networks": 3, "batch_size": 16},  # dealt out as 6, 5 and 5; of the last batch, of 4, each of two gets 2
        {"optimizer": "adamw", "learning_rate": 0.005},
    ],
)
def test_a_killed_training_ends_as_an_unbroken_one_with_any_number_of_threads(
    changes: dict[str, object], tmp_path: Path, pictures: ImageView
) -> None:
    recipe = replace(RECIPE, **changes)  # type: ignore[arg-type]
    whole = train(tmp_path / "whole", pictures, recipe)
    for threads, kill_at in enumerate((3, 6, 9), start=1):
        with pytest.raises(Killed):
            train(tmp_path / "broken", pictures, recipe, kill_at=kill_at, threads=threads)
    rest = train(tmp_path / "broken", pictures, recipe, threads=2)
    assert whole[-1].step == rest[-1].step == 2 * -(-180 // recipe.batch_size)
    assert whole[-1].share == 1
    assert [(p.step, p.share, p.loss) for p in whole[-len(rest) :]] == [(p.step, p.share, p.loss) for p in rest]
    first, second = saved(tmp_path / "whole"), saved(tmp_path / "broken")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "broken"}


def test_seeds_tell_trainings_apart_and_finished_ones_stay(tmp_path: Path, pictures: ImageView) -> None:
    train(tmp_path / "a", pictures)
    train(tmp_path / "b", pictures, seed=1)
    assert any(not torch.equal(v, saved(tmp_path / "b")[k]) for k, v in saved(tmp_path / "a").items())
    content, progress = (tmp_path / "a").read_bytes(), train(tmp_path / "a", pictures)
    assert progress == []
    assert (tmp_path / "a").read_bytes() == content


def test_a_foreign_checkpoint_is_refused(tmp_path: Path, pictures: ImageView) -> None:
    path = tmp_path / "shared.pt"
    train(path, pictures)
    with pytest.raises(RunError, match=r"shared\.pt' holds shared weights of learning_rate 0\.2, not 0\.1"):
        train(path, pictures, replace(RECIPE, learning_rate=0.1))
    with pytest.raises(RunError, match="another space"):
        train_supernet(load_space("nas_bench_macro"), pictures, RECIPE, SCALE, 0, path)
    for content in (b"", b"no checkpoint", path.read_bytes()[:2000]):
        path.write_bytes(content)
        with pytest.raises(RunError, match=r"shared\.pt' holds no shared weights"):
            train(path, pictures)
    torch.save({"schema": 0, "made_from": {}}, path)
    with pytest.raises(RunError, match="schema 0, not 2"):
        train(path, pictures)


def test_a_time_budget_ends_the_training(tmp_path: Path, pictures: ImageView) -> None:
    seen = train(tmp_path / "shared", pictures, replace(RECIPE, epochs=None, minutes=0.02))
    assert seen[-1].share == 1
    assert seen[-1].seconds >= 1.2 > (seen[-2].seconds if len(seen) > 1 else 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"minutes": 3}, "epochs or minutes"),
        ({"epochs": None}, "epochs or minutes"),
        ({"epochs": 0}, "epochs must be above 0, got 0"),
        ({"networks": 0}, "networks must be above 0"),
        ({"distillation": 1.5}, "distillation must be a share from 0 to 1, got 1.5"),
    ],
)
def test_wrong_recipes(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(RECIPE, **wrong)  # type: ignore[arg-type]


# --- judging --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, pictures: ImageView) -> SharedWeights:
    """The trained weights of `SPACE`."""
    path = tmp_path_factory.mktemp("shared") / "shared.pt"
    train_supernet(SPACE, pictures, replace(RECIPE, epochs=40, networks=3), SCALE, 0, path)
    return SharedWeights(SPACE, pictures, path, SCALE, calibration=3, batch_size=60, precision="fp32")


def test_shared_weights_have_learnt(shared: SharedWeights) -> None:
    evaluations = [SharedAccuracy(shared)(arch) for arch in networks(SPACE, 5)]
    assert np.mean([e.accuracy for e in evaluations]) > 0.3  # 0.1 is chance
    assert {(e.how, e.seeds, e.resolution) for e in evaluations} == {("supernet", 1, 16)}
    assert all(e.low < e.accuracy < e.high and e.seconds > 0 for e in evaluations)


def test_the_evaluator_travels_and_repeats(shared: SharedWeights) -> None:
    arch = networks(SPACE, 1)[0]
    again = pickle.loads(pickle.dumps(SharedAccuracy(shared))).weights
    assert again == shared
    assert again.judge(arch) == shared.judge(arch)


def test_a_start_is_the_network_that_was_judged(shared: SharedWeights) -> None:
    arch = networks(SPACE, 3)[2]
    net = build(arch)
    net.load_state_dict(FromShared(shared, "20 epochs")(arch))
    data = shared.pictures.at(16, 60, 0)
    metrics = judge(net, data.val_dataloader())
    assert metrics.accuracy == shared.judge(arch).accuracy
    assert metrics.loss == pytest.approx(shared.judge(arch).loss, rel=1e-4)
    assert math.isfinite(metrics.loss)


def test_the_largest_network_teaches_at_the_pixels_it_was_trained_at(shared: SharedWeights) -> None:
    most = largest(SPACE, RECIPE, 0)
    assert all(cost(arch).macs <= cost(most).macs for arch in networks(SPACE, 50))
    teacher = pickle.loads(pickle.dumps(TaughtByShared(shared, most, "20 epochs")))
    images = torch.randn(4, 1, 16, 16)
    with torch.no_grad():
        expected = shared.subnet(most)(images)
        torch.testing.assert_close(teacher(images), expected)
        doubled = images.repeat_interleave(2, 2).repeat_interleave(2, 3)
        assert teacher(doubled).shape == expected.shape
        torch.testing.assert_close(teacher(doubled), teacher(resize(doubled, 16)))
    elsewhere = replace(teacher, shared=replace(shared, checkpoint=Path("elsewhere")))
    assert digest(elsewhere, 1) == digest(teacher, 1) != digest(replace(teacher, made_by="30 epochs"), 1)


def test_unfinished_or_other_weights_are_not_judged(tmp_path: Path, shared: SharedWeights, pictures: ImageView) -> None:
    arch = networks(SPACE, 1)[0]
    with pytest.raises(RunError, match="train them first"):
        replace(shared, checkpoint=tmp_path / "none").judge(arch)
    with pytest.raises(Killed):
        train(tmp_path / "half", pictures, kill_at=2)
    with pytest.raises(RunError, match="not finished"):
        replace(shared, checkpoint=tmp_path / "half").judge(arch)
    with pytest.raises(RunError, match=r"pixels .*16.*not .*8"):
        replace(shared, scale=TrainingResolution(8, 32)).judge(arch)
    with pytest.raises(SpaceError, match="not in the space"):
        shared.judge(Architecture.from_notation("32x1 conv3-16 fc10"))


def test_networks_of_fewer_pixels_are_trained_and_judged_at_fewer(tmp_path: Path, pictures: ImageView) -> None:
    space = SearchSpace(replace(SPACE.choices, resolution=(16, 32)))
    path = tmp_path / "shared.pt"
    train_supernet(space, pictures, replace(RECIPE, epochs=1), SCALE, 0, path)
    shared = SharedAccuracy(SharedWeights(space, pictures, path, SCALE, calibration=1, precision="fp32"))
    small, large = (replace(networks(SPACE, 1)[0], resolution=pixels) for pixels in (16, 32))
    assert (shared(small).resolution, shared(large).resolution) == (8, 16)
