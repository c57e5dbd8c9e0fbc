"""Which networks are confirmed, with how many seeds; then their test images and their files, once each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from optuna.study import Study

from nas.problem import Problem
from nas.results.member import ModelFile
from nas.search.confirm.candidates import confirm_candidates
from nas.search.confirm.export import Exported
from nas.search.confirm.files import evaluate_on_test, export_networks
from nas.search.confirm.network import Confirmed
from nas.search.display import Display
from nas.search.executors.inline import InlineExecutor
from nas.search.front import nondominated
from nas.search.parameters import decode
from nas.search.record.trial import rows
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.cost import cost
from nas.training.divergence import Diverged
from nas.training.long import Judged, Trained, hexadecimal
from tests.helpers.display import Told
from tests.helpers.search import (
    context,
    evaluate,
    go,
    in_memory,
    problem,
)


@dataclass
class FakeTraining:
    """Stands for `LongTraining`: accuracies that depend on network and seed, on 200 images; notes what it was asked."""

    spread: float = 0.0
    fail: Callable[[str, int], bool] = lambda key, seed: False
    fail_test: Callable[[str, int], bool] = lambda key, seed: False
    name: str = "r"
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, arch: Architecture, seed: int) -> Trained:
        self.asked.append((arch.key, seed))
        if self.fail(arch.key, seed):
            raise Diverged("the training loss became nan")
        rng = np.random.default_rng([int(arch.key[:8], 16), seed])
        share = evaluate(arch).accuracy + self.spread * rng.standard_normal()
        correct = np.arange(200) < round(200 * share)
        return Trained(seed, float(correct.mean()), hexadecimal(correct), 200, 16, 1.0)

    def digest(self, arch: Architecture) -> str:
        return self.name

    def test(self, arch: Architecture, seed: int) -> Judged:
        if self.fail_test(arch.key, seed):
            raise OSError("no such weights")
        self.asked.append((arch.key, -seed))
        return Judged((50 + seed) / 100, 100)


def confirming(
    study: Study,
    training: FakeTraining,
    *,
    slots: int = 1,
    wanted: Problem | None = None,
    compared: Iterable[Confirmed] = (),
    display: Display | None = None,
    **changes: int,
) -> dict[str, Confirmed]:
    """`confirm_candidates` of `study`; 4 networks with 2 seeds if not told otherwise."""
    settings = SimpleNamespace(**{"networks": 4, "members": 1, "seeds": 2, "extra": 0} | changes)
    executor: Any = SimpleNamespace(slots=slots, submit=InlineExecutor().submit)
    run = context(wanted or problem(), study, executor=executor, display=display)
    return confirm_candidates(run, training, settings, first_seed=7, compared=compared)  # type: ignore[arg-type]


def test_confirmation_trains_each_network_once_per_seed() -> None:
    study, training = in_memory(problem()), FakeTraining()
    go(problem(), study, trials=10)
    first = confirming(study, training)
    largest_first = sorted(first, key=lambda key: -cost(first[key].architecture).macs)
    assert training.asked == [(key, seed) for key in largest_first for seed in (7, 8)]
    for key, network in first.items():
        assert network.architecture.key == key
        assert [trained.seed for trained in network.trainings] == [7, 8]
    again = FakeTraining()
    assert confirming(study, again) == first
    assert again.asked == []
    more = confirming(study, again, seeds=3)  # a third seed leaves the other two as they are
    assert again.asked == [(key, 9) for key in largest_first]
    assert {key: network.trainings[:2] for key, network in more.items()} == {k: n.trainings for k, n in first.items()}


def test_networks_trained_to_compare_with_are_confirmed_where_they_are_on_the_front() -> None:
    study = in_memory(problem())
    found = go(problem(), study, trials=20)
    first = confirming(study, FakeTraining(), networks=2)
    others = [row for row in found if row.key not in first]
    cheap, expensive = (pick(others, key=lambda row: row.costs["latency_ms"] or 0).key for pick in (min, max))
    networks = {row.key: decode(problem().space, study.trials[row.number].params) for row in found}
    stranger = baseline("mobilenet_v1_w0.25_r32", 1, 10)

    def trained(arch: Architecture, val: float) -> Confirmed:
        correct = np.arange(200) < round(200 * val)
        return Confirmed(arch, (Trained(7, val, hexadecimal(correct), 200, 16, 1.0),))

    training = FakeTraining()
    compared = [trained(networks[cheap], 0.999), trained(networks[expensive], 0.001), trained(stranger, 1.0)]
    chosen = confirming(study, training, networks=2, compared=compared)
    assert list(chosen) == [*first, cheap]  # neither what is beaten nor what the search does not know
    assert training.asked == [(cheap, 7), (cheap, 8)]


def test_confirmation_takes_the_front_first_and_goes_on_while_members_are_missing() -> None:
    study = in_memory(problem())
    found = go(problem(), study, trials=30)
    front = {
        found[index].key for index in nondominated([problem().values(r.figures) for r in found], problem().directions)
    }
    for networks, members, count in (
        (len(front), 1, len(front)),
        (len(front), len(front), len(front)),
        (2, 3, 3),  # these two are members of the confirmed front, one more is wanted
        (2, 2, 2),
        (2, 99, 4),  # never more than twice as many
    ):
        confirmed = confirming(study, FakeTraining(), networks=networks, members=members)
        assert len(confirmed) == count
        assert set(confirmed) <= front if count <= len(front) else front <= set(confirmed)


def test_confirmation_stops_at_enough_members() -> None:
    wanted = problem(objectives=("accuracy",))
    study = in_memory(wanted)
    go(wanted, study, trials=10)
    confirmed = confirming(study, FakeTraining(), wanted=wanted, networks=1)
    best = max(rows(study), key=lambda row: row.accuracy or 0)
    assert list(confirmed) == [best.key]


def test_a_network_is_judged_by_the_seeds_that_did_not_fail() -> None:
    study = in_memory(problem())
    go(problem(), study, trials=10)
    whole = list(confirming(study, FakeTraining()))
    training = FakeTraining(name="other", fail=lambda key, seed: key == whole[0] or (key, seed) == (whole[1], 7))
    said = Told()
    confirmed = confirming(study, training, display=said)
    assert list(confirmed) == whole[1:]
    assert [trained.seed for trained in confirmed[whole[1]].trainings] == [8]
    assert (
        said.messages[0] == f"warning: training {whole[0]} with seed 7 failed: Diverged: the training loss became nan"
    )
    assert len(said.messages) == 3


@pytest.mark.parametrize("slots", [1, 3])
def test_further_seeds_go_where_membership_is_open_and_are_bounded(slots: int) -> None:
    study = in_memory(problem())
    go(problem(), study, trials=20)
    settled = FakeTraining()
    confirming(study, settled, slots=slots)
    before = len(settled.asked)
    training = FakeTraining(spread=0.1, name="noisy")
    plain = confirming(study, training, slots=slots)
    assert len(training.asked) == before
    more = confirming(study, training, slots=slots, extra=9)
    spent = training.asked[before:]
    assert 0 < len(spent) <= 9
    assert len(set(training.asked)) == len(training.asked)
    assert sum(len(network.trainings) for network in more.values()) == before + len(spent)
    assert set(plain) <= set(more)
    for key, network in more.items():
        assert [trained.seed for trained in network.trainings] == list(range(7, 7 + len(network.trainings)))
        assert len(network.trainings) >= 2, key
    again = FakeTraining(spread=0.1, name="noisy")
    assert confirming(study, again, slots=slots, extra=9) == more
    assert again.asked == []


def test_a_training_meets_the_test_images_once() -> None:
    study, training = in_memory(problem()), FakeTraining()
    go(problem(), study, trials=10)
    run = context(problem(), study)
    chosen = confirming(study, training)
    assert all(seed > 0 for _, seed in training.asked)  # nothing is chosen by the test split
    tested = evaluate_on_test(run, training, chosen)  # type: ignore[arg-type]
    assert {key: network.tested for key, network in tested.items()} == {
        key: (Judged(0.57, 100), Judged(0.58, 100)) for key in chosen
    }
    assert {key: replace(network, tested=()) for key, network in tested.items()} == chosen
    asked = len(training.asked)
    assert evaluate_on_test(run, training, chosen) == tested  # type: ignore[arg-type]
    evaluate_on_test(run, training, confirming(study, training, seeds=3))  # type: ignore[arg-type]
    assert sorted(seed for _, seed in training.asked[asked:]) == [-9] * 4 + [9] * 4


def test_a_network_whose_test_failed_is_left_out_with_a_warning() -> None:
    study, training, said = in_memory(problem()), FakeTraining(), Told()
    go(problem(), study, trials=10)
    chosen = confirming(study, training)
    lost = next(iter(chosen))
    training.fail_test = lambda key, seed: (key, seed) == (lost, 8)
    tested = evaluate_on_test(context(problem(), study, display=said), training, chosen)  # type: ignore[arg-type]
    assert list(tested) == list(chosen)[1:]
    assert said.messages == [f"warning: judging {lost} failed: OSError: no such weights"]


@dataclass
class FakeExport:
    """Stands for `Export`: writes a file with the seed, and notes whom it was asked for."""

    folder: Path
    training: Any
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, arch: Architecture, seed: int, metadata: dict[str, Any]) -> Exported:
        self.asked.append((arch.key, seed))
        assert metadata == {"n": arch.notation}
        path = f"{arch.key}.onnx"
        (self.folder / path).write_text(str(seed))
        files = ModelFile("onnx", "fp32", path, 1), ModelFile("onnx", "int8", None, None, error="too small")
        return Exported(seed, files, {path: str(seed)})

    def digest(self, arch: Architecture) -> str:
        return "e"

    def is_whole(self, exported: Exported) -> bool:
        paths = {self.folder / name: digest for name, digest in exported.digests.items()}
        return all(path.exists() and path.read_text() == digest for path, digest in paths.items())


def test_the_best_seed_is_exported_and_only_what_is_lost_again(tmp_path: Path) -> None:
    study, training = in_memory(problem()), FakeTraining(spread=0.05)
    go(problem(), study, trials=10)
    chosen = confirming(study, training)
    weights, said = tmp_path / "weights", Told()
    export = FakeExport(tmp_path, SimpleNamespace(folder=weights))
    run = context(problem(), study, display=said)

    def exported(networks: dict[str, Confirmed]) -> dict[str, Confirmed]:
        weights.mkdir(exist_ok=True)
        return export_networks(run, export, networks, lambda arch: {"n": arch.notation})  # type: ignore[arg-type]

    written = exported(chosen)
    best = {key: max(network.trainings, key=lambda each: each.val).seed for key, network in chosen.items()}
    assert {key: [file.path for file in network.files] for key, network in written.items()} == {
        key: [f"{key}.onnx", None] for key in chosen
    }
    assert export.asked == list(best.items())
    assert said.messages == [f"warning: {key} has no int8 file: too small" for key in best]
    assert not weights.exists()
    assert exported(chosen) == written
    assert len(export.asked) == 4
    for turn, spoil in ((5, Path.unlink), (6, Path.unlink), (7, lambda path: path.write_text("another seed's"))):
        spoil(tmp_path / f"{export.asked[0][0]}.onnx")  # however often
        assert exported(chosen) == written
        assert len(export.asked) == turn
        assert export.asked[-1] == export.asked[0]
