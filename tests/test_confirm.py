"""Long trainings and what they say: on validation images alone until the end, and files that hold what was judged."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from scipy import special, stats

from benchmarks.proxy_fidelity import draw
from nas.errors import DataError
from nas.nets.build import build
from nas.nets.export import TOLERANCE
from nas.search.allowance import Weighed, best_spent
from nas.search.membership import (
    accuracy_intervals,
    counting_covariance,
    draw_accuracies,
    on_front,
    probabilities,
    seed_spread,
    slope,
)
from nas.spaces.architecture import Architecture
from nas.spaces.load import load_space
from nas.training import confirm, proxies
from nas.training.confirm import Export, LongTraining, bits, hexadecimal
from nas.training.data import normalise
from nas.training.images import open_saved
from nas.training.metrics import wilson
from nas.training.proxies import Pictures, Scale
from nas.training.recipe import Recipe

SPACE = load_space("tiny").with_data(1, 10)
SMALL = SPACE.architecture([0] * len(SPACE.variables))
pytestmark = pytest.mark.usefixtures("one_thread")

PIXELS = 16


@pytest.fixture
def training(pictures: Pictures, tmp_path: Path) -> LongTraining:
    return LongTraining(pictures, Recipe(2, 16, 0.2), Scale(PIXELS, 32), tmp_path / "weights")


class Sealed:
    """A split nobody may look at."""

    def __len__(self) -> int:
        return 10

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a sealed split was asked for its {name}")


def seal(monkeypatch: pytest.MonkeyPatch, pictures: Pictures, *names: str) -> None:
    images = replace(open_saved(pictures.folder))
    for name in names:
        object.__setattr__(images, name, Sealed())
    monkeypatch.setattr(proxies, "_opened", lambda *_: images)


# --- one training ---------------------------------------------------------------------------------


def test_a_training_never_sees_the_test_split(training: LongTraining, monkeypatch: pytest.MonkeyPatch) -> None:
    seal(monkeypatch, training.pictures, "test")
    trained = training(SMALL, 3)
    right = bits(trained.right, trained.images)
    assert (trained.seed, trained.images, trained.resolution) == (3, 140, PIXELS)
    assert trained.val == right.mean() > 0.4
    with pytest.raises(AssertionError, match="a sealed split"):
        training.test(SMALL, 3)


def test_weights_are_kept_and_made_again_when_gone(training: LongTraining) -> None:
    training(SMALL, 3)
    (path,) = training.folder.iterdir()
    first = training.test(SMALL, 3)
    path.unlink()
    assert training.test(SMALL, 3) == first
    assert list(training.folder.iterdir()) == [path]
    other = replace(training, recipe=replace(training.recipe, epochs=1))
    assert other.digest != training.digest
    other(SMALL, 3)
    assert len(list(training.folder.iterdir())) == 2  # another recipe does not write over these
    assert training.test(SMALL, 3) == first


class Zeros:
    """Where every weight starts from zero."""

    def __call__(self, arch: Architecture) -> dict[str, torch.Tensor]:
        return {name: torch.zeros_like(tensor) for name, tensor in build(arch).state_dict().items()}

    def __repr__(self) -> str:
        return "Zeros()"


def test_a_training_may_start_from_given_weights(training: LongTraining) -> None:
    started = replace(training, start=Zeros())
    assert started.digest != training.digest
    started(SMALL, 0)
    first = next(iter(started.net(SMALL, 0).parameters()))
    assert not first.any()  # every path is zero, so that no gradient reaches the first convolution


@pytest.mark.parametrize("count", [1, 7, 8, 140])
def test_flags_as_text(count: int) -> None:
    flags = np.random.default_rng(count).random(count) < 0.5
    assert (bits(hexadecimal(flags), count) == flags).all()


# --- files ----------------------------------------------------------------------------------------


def run(path: Path, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"images": images})[0])


def test_a_confirmed_network_is_files_that_explain_themselves(training: LongTraining, tmp_path: Path) -> None:
    training = replace(training, recipe=Recipe(4, 16, 0.2))
    models = tmp_path / "models"
    models.mkdir()
    export = Export(training, models, calibration=64)
    trained, tested = training(SMALL, 7), training.test(SMALL, 7)
    given = {"latency_ms": {"value": 1.5, "low": 1.4, "high": 1.6}, "macs": "12345"}
    found = export(SMALL, 7, given)
    assert (found.onnx, found.onnx_int8) == (f"{SMALL.key}.onnx", f"{SMALL.key}.int8.onnx")
    assert {path.name for path in models.iterdir()} == {found.onnx, found.onnx_int8}  # nothing beside them
    assert 0 <= found.difference <= TOLERANCE
    assert found.failed is None
    assert found.accuracy_int8 is not None
    assert found.accuracy_int8["fp32"] == pytest.approx(tested.accuracy, abs=1.01 / 140)
    assert abs(found.accuracy_int8["value"] - tested.accuracy) < 0.04
    assert tested.accuracy > 0.6  # so that the figure is not that of a network which learnt nothing

    test = open_saved(training.pictures.folder).test
    for path, share in (
        (models / found.onnx, found.accuracy_int8["fp32"]),
        (models / found.onnx_int8, found.accuracy_int8["value"]),
    ):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
        said = json.loads(metadata["accuracy"])
        assert said == {"value": share, "split": "test", "seed": 7, "resolution": PIXELS}
        assert metadata["precision"] == ("int8" if "int8" in path.name else "fp32")
        assert (metadata["key"], metadata["notation"], metadata["macs"]) == (SMALL.key, SMALL.notation, "12345")
        assert json.loads(metadata["latency_ms"]) == given["latency_ms"]
        assert json.loads(metadata["classes"]) == [str(digit) for digit in range(10)]
        steps = json.loads(metadata["preprocessing"])
        assert (steps["resolution"], steps["channels"], steps["colour"]) == (PIXELS, 1, "grey")
        mean, std = (np.array(steps[name], dtype=np.float32)[:, None, None] for name in ("mean", "std"))
        images = ((np.asarray(test.pixels) * np.float32(steps["scale"]) - mean) / std).astype(np.float32)
        assert float((run(path, images).argmax(1) == test.labels).mean()) == pytest.approx(share, abs=1.01 / 140)
        assert run(path, np.zeros((1, 1, 32, 32), np.float32)).shape == (1, 10)
    assert (found.onnx_bytes, found.onnx_int8_bytes) == tuple(
        (models / name).stat().st_size for name in (found.onnx, found.onnx_int8)
    )
    low, high = wilson(found.accuracy_int8["value"], 140)
    assert (found.accuracy_int8["low"], found.accuracy_int8["high"]) == (low, high)

    record = {"digests": found.digests}
    assert export.is_whole(record)
    (models / found.onnx_int8).write_bytes(b"another")
    assert not export.is_whole(record)
    assert trained.val > 0.6


def test_a_network_that_cannot_be_quantised_keeps_its_fp32_file(
    training: LongTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise ValueError("no ranges\nat all")

    monkeypatch.setattr(confirm, "quantize", broken)
    training = replace(training, recipe=Recipe(1, 16, 0.2))
    found = Export(training, tmp_path, calibration=16)(SMALL, 1, {})
    assert (found.onnx_int8, found.onnx_int8_bytes, found.accuracy_int8) == (None, None, None)
    assert found.failed == "ValueError: no ranges at all"
    assert (tmp_path / found.onnx).is_file()
    assert list(found.digests) == [found.onnx]


def test_int8_is_calibrated_on_training_images_as_they_are(
    training: LongTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(monkeypatch, training.pictures, "test", "val")
    images = Export(training, tmp_path, calibration=50)._calibration(training.data(SMALL, 5))
    assert images.shape == (50, 1, PIXELS, PIXELS)
    assert images.dtype == np.float32
    train = open_saved(training.pictures.folder).train
    every = {image.tobytes() for image in ImagesAsSeen(training.pictures)(train.pixels)}
    assert all(image.tobytes() in every for image in images)  # neither shifted nor flipped


class ImagesAsSeen:
    """Pixels as a network sees them."""

    def __init__(self, pictures: Pictures) -> None:
        self._images = pictures.images

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        return normalise(torch.from_numpy(np.array(pixels)), self._images.mean, self._images.std).numpy()


# --- what accuracies say --------------------------------------------------------------------------


def logit(share: float, images: int = 100) -> float:
    return math.log((share * images + 0.5) / ((1 - share) * images + 0.5))


def test_accuracy_intervals_pool_the_logits_of_seeds() -> None:
    first, second = accuracy_intervals([[0.8, 0.9], [0.7, 0.7, 0.7]], 100)
    pooled = (logit(0.8) - logit(0.9)) ** 2 / 2 / 3  # one and two degrees of freedom
    found, freedom = seed_spread([[0.8, 0.9], [0.7, 0.7, 0.7], [0.1]], 100)
    assert (found, freedom) == (pytest.approx(pooled), 3)
    for each, mean, seeds in ((first, 0.85, 2), (second, 0.7, 3)):
        p = (100 * mean + 0.5) / 101
        parts = pooled / seeds, 1 / (100 * p * (1 - p))
        half = stats.t.ppf(0.975, 3 * (sum(parts) / parts[0]) ** 2) * math.sqrt(sum(parts))
        assert each["value"] == pytest.approx(mean)
        ends = [1 / (1 + math.exp(-logit(mean) - sign * half)) for sign in (-1, 1)]
        assert (each["low"], each["high"]) == pytest.approx(tuple(ends))


def test_accuracy_intervals_at_the_edges() -> None:
    (single,) = accuracy_intervals([[0.5]], 100)  # of counting alone
    assert (single["low"], single["high"]) == pytest.approx((0.5 - 0.097, 0.5 + 0.097), abs=0.002)
    none, low, high, whole = accuracy_intervals([[0.0], [0.0, 0.02], [0.98, 1.0], [1.0]], 100)
    assert (none["low"], whole["high"]) == (0.0, 1.0)
    assert 0 < low["low"] < 0.01 < low["high"] < 0.2
    assert (1 - high["low"], 1 - high["high"]) == pytest.approx((low["high"], low["low"]))
    assert accuracy_intervals([], 100) == []
    assert seed_spread([[0.5], [0.6]], 100) == (0.0, 0)


def test_intervals_hold_what_they_promise() -> None:
    """Weak networks and good ones alike, of 2 seeds each: 95 in 100 intervals hold the mean over all seeds."""
    rng = np.random.default_rng(0)
    middle = np.log(np.array([1.5, 4, 9, 19, 32, 49]))  # logits of 0.6 to 0.98
    true = special.expit(middle + rng.normal(0, 0.3, (100_000, 1))).mean(axis=0)
    held = []
    for _ in range(600):
        seeds = special.expit(middle + rng.normal(0, 0.3, (2, 6)))
        images = rng.random((2000, 1, 1))  # the harder, the fewer networks get it
        found = accuracy_intervals((images < seeds).mean(axis=0).T.tolist(), 2000)
        held.append([each["low"] <= share <= each["high"] for each, share in zip(found, true, strict=True)])
    assert np.mean(held, axis=0) == pytest.approx(0.95, abs=0.03)


def test_the_spread_of_some_networks_is_that_of_another() -> None:
    """On NAS-Bench-Macro: of 7 networks, it tells how far the two trainings of an eighth lie apart."""
    try:
        known = {network.canonical: network.seeds for network in draw(2000, 0)}
    except DataError as error:
        pytest.skip(str(error))
    rng, pairs = np.random.default_rng(0), np.array(list(known.values())) / 100
    held = []
    for _ in range(1500):
        *others, (one, two) = pairs[rng.choice(len(pairs), 8, replace=False)].tolist()
        variance, freedom = seed_spread(others, 10_000)
        apart = abs(logit(one, 10_000) - logit(two, 10_000))
        held.append(apart <= stats.t.ppf(0.975, freedom) * math.sqrt(2 * variance))
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def flags(*shares: float, images: int = 400, seed: int = 0) -> np.ndarray:
    """Independent answers of one training per share, exactly so many of them right."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(np.arange(images) < round(images * share)) for share in shares])


def test_draws_have_the_mean_and_the_spread_of_seeds_and_counting() -> None:
    right = [flags(0.9, 0.94, seed=1), flags(0.8, 0.8, 0.86, seed=2)]
    draws = draw_accuracies(right)
    pooled, freedom = seed_spread([[0.9, 0.94], [0.8, 0.8, 0.86]], 400)
    assert freedom == 3
    shares = np.stack([each.mean(axis=0) for each in right])
    counting = shares.var(axis=1, ddof=1) / 400
    assert np.diag(counting_covariance(right)) == pytest.approx(counting)
    seeds = pooled * slope([0.92, 0.82], 400) ** 2 / np.array([2, 3])
    expected = np.sqrt(seeds + counting)
    assert draws.mean(axis=0) == pytest.approx([0.92, 0.82], abs=4 * expected.max() / math.sqrt(len(draws)))
    inner = np.abs(draws - draws.mean(axis=0)) < expected  # the variance of a t with 3 degrees of freedom is far out
    assert inner.mean(axis=0) == pytest.approx(stats.t.cdf(1, 6) - stats.t.cdf(-1, 6), abs=0.05)
    assert (draw_accuracies(right) == draws).all()


def test_failing_on_the_same_images_tells_networks_apart() -> None:
    """McNemar's point: where both fail on the same images, the few that differ decide."""
    worse = flags(0.90)
    alike = worse.copy()
    alike[0, np.flatnonzero(~worse[0])[:8]] = True  # right wherever the other is, and on 8 images of 400 more
    other = flags(0.92, seed=5)
    costs = np.array([[1.0], [1.0]])
    assert probabilities([worse, alike], costs)[1] > 0.99
    assert 0.7 < probabilities([worse, other], costs)[1] < 0.95


def test_the_probability_of_the_front_is_the_chance_that_no_cheaper_one_is_better() -> None:
    right = [flags(0.90, 0.92, seed=1), flags(0.91, 0.93, seed=2), flags(0.5, 0.5, seed=3)]
    found = probabilities(right, np.array([[1.0], [2.0], [3.0]]))
    assert found[0] == 1.0  # nothing is cheaper
    covariance, (pooled, _) = counting_covariance(right), seed_spread([[0.90, 0.92], [0.91, 0.93], [0.5, 0.5]], 400)
    seeds = pooled * (slope([0.91, 0.92], 400) ** 2).sum() / 2
    spread = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1] + seeds)
    assert found[1] == pytest.approx(stats.norm.cdf(0.01 / spread), abs=0.03)
    assert found[2] < 0.01
    assert probabilities([], np.zeros((0, 1))) == []
    assert sum(probabilities(right[:2], np.zeros((2, 0)))) == pytest.approx(1)  # accuracy alone: one is best


def test_several_costs_and_rivals() -> None:
    draws = np.tile([0.9, 0.8, 0.7], (10, 1))
    assert on_front(draws, np.array([[1, 5], [5, 1], [5, 5]])).tolist() == [1, 1, 0]
    assert on_front(draws[:, ::-1], np.array([[1, 5], [5, 1], [5, 5]])).tolist() == [1, 1, 1]
    assert on_front(draws, np.array([[1], [2], [3]]), rivals=0).tolist() == [1, 1, 1]


# --- where further trainings go -------------------------------------------------------------------


def weighed(cost: float, cheap: float, *shares: float, images: int = 4000, seed: int = 0) -> Weighed:
    right = flags(*shares, images=images, seed=seed) if shares else np.zeros((0, images), dtype=bool)
    return Weighed(cheap, (cost,), right)


def test_no_training_is_spent_where_membership_is_settled() -> None:
    trained = [weighed(1, 0.5, 0.70, 0.71), weighed(2, 0.6, 0.80, 0.81), weighed(3, 0.7, 0.60, 0.61)]
    assert best_spent(trained, [], seeds=2) == []


def test_the_next_training_is_where_it_tells_most() -> None:
    trained = [
        weighed(1, 0.5, 0.70, 0.74, seed=1),
        weighed(2, 0.6, 0.71, 0.75, seed=2),  # open: seeds are as far apart as the two networks
        weighed(3, 0.7, 0.90, 0.94, seed=3),
        weighed(4, 0.7, 0.91, 0.95, 0.90, 0.95, 0.91, 0.95, seed=4),  # as open, but has six seeds
    ]
    order = best_spent(trained, [], seeds=2)
    assert order[0] == 1
    assert set(order) == {1, 3}
    single = [weighed(1, 0.5, 0.70, seed=1), weighed(2, 0.6, 0.705, seed=2)]  # one seed each: of unknown spread
    assert best_spent(single, [], seeds=1) == [1]


def test_another_network_is_taken_where_its_cheap_accuracy_reaches_the_front() -> None:
    trained = [weighed(k, 0.5 + 0.1 * k, 0.6 + 0.08 * k, 0.605 + 0.08 * k, seed=k) for k in range(1, 5)]
    trained[1] = weighed(2, 0.7, 0.74, 0.745, seed=2)  # so that the line is not exact
    near, far, sure = weighed(2.5, 0.69), weighed(2.5, 0.3), weighed(2.5, 0.78)
    assert best_spent(trained, [near, far], seeds=2) == [4]
    assert best_spent(trained, [near, far, sure], seeds=2) == [6, 4]  # it is surely missing from the front
    assert best_spent(trained[:3], [near, far, sure], seeds=2) == []  # three say too little of the others
