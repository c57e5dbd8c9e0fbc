"""The benchmark of few images: which images a run sees, that runs resume, and what its table says."""

import argparse
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from benchmarks.few_images import Record, cell, figures, link_images, make_missing, read, table
from nas.data.folders import list_images
from nas.errors import DataError, RunError

CLASSES = ("cat", "dog", "owl")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Ten images a class in train, four in val."""
    for split, count in (("train", 10), ("val", 4)):
        for of_class in CLASSES:
            folder = tmp_path / "all" / split / of_class
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.png").write_bytes(f"{split} {of_class} {number}".encode())
    return tmp_path / "all"


def contents(folder: Path, split: str) -> list[bytes]:
    return sorted(path.read_bytes() for path in (folder / split).rglob("*.png"))


def test_every_class_has_so_many_images_the_fewer_among_the_more(photographs: Path, tmp_path: Path) -> None:
    found = {}
    for images, seed in ((2, 0), (5, 0), (2, 1), (10, 1)):
        link_images(photographs, folder := tmp_path / f"{images}-{seed}", images, seed, None)
        listing = list_images(folder)
        assert (listing.classes, set(listing.splits)) == (CLASSES, {"train", "test"})
        assert [int((listing.splits["train"].labels == label).sum()) for label in range(3)] == 3 * [images]
        assert contents(folder, "test") == contents(photographs, "val")
        found[images, seed] = set(contents(folder, "train"))
    assert found[2, 0] < found[5, 0] < found[10, 1] == set(contents(photographs, "train"))
    assert found[2, 0] != found[2, 1]


def test_folders_are_made_anew_and_test_images_are_the_same_for_all_seeds(photographs: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "some", tmp_path / "other"
    link_images(photographs, folder, 5, 0, None)
    link_images(photographs, folder, 2, 0, 3)
    link_images(photographs, other, 7, 4, 3)
    assert (len(contents(folder, "train")), len(contents(folder, "test"))) == (6, 9)
    assert contents(folder, "test") == contents(other, "test")
    with pytest.raises(DataError, match="has 10 images, 11 were asked for"):
        link_images(photographs, folder, 11, 0, None)


def given(path: Path, **changes: Any) -> argparse.Namespace:
    return argparse.Namespace(
        **{"images": [10, 50], "seeds": 2, "results": path, "words": ["a=1"], "scratch": []} | changes
    )


def made(given: argparse.Namespace, images: int, seed: int) -> Record:
    return {"images": images, "seed": seed, "words": given.words, "scratch_words": given.scratch}


def test_runs_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    make_missing(given(path, seeds=1), made)
    path.write_text(path.read_text(encoding="utf-8") + '{"images": 10, "se', encoding="utf-8")  # killed
    asked = []

    def make(given: argparse.Namespace, images: int, seed: int) -> Record:
        asked.append((images, seed))
        return made(given, images, seed)

    make_missing(given(path), make)
    assert asked == [(10, 1), (50, 1)]
    assert set(read(path)) == {(images, seed) for images in (10, 50) for seed in (0, 1)}
    make_missing(given(path, images=[200], words=["a=2"]), make)
    assert asked[2:] == [(200, 0), (200, 1)]


@pytest.mark.parametrize("changes", [{"words": ["a=2"]}, {"scratch": ["b=1"]}])
def test_runs_of_other_settings_are_not_mixed(changes: dict[str, Any], tmp_path: Path) -> None:
    make_missing(given(tmp_path / "results.jsonl"), made)
    with pytest.raises(RunError, match="of other settings: a=1; give another --results"):
        make_missing(given(tmp_path / "results.jsonl", **changes), made)


def record(images: int, seed: int, more: float = 0.0, gain: dict[str, float] | None = None) -> Record:
    front = [{"accuracy": 0.6 + more, "scratch": 0.3}, {"accuracy": 0.7 + more, "scratch": 0.4}]
    return {
        **{"images": images, "seed": seed, "front": front, "baselines": [{"accuracy": 0.5}, {"accuracy": 0.65}]},
        "gain": {"equal_latency": gain},
    }


def test_a_row_is_the_mean_of_the_seeds_with_its_interval() -> None:
    one = record(50, 0, gain={"points": 3.0, "least": -1.0})
    assert figures(one) == pytest.approx([70, 65, 3, -1, 65, 35, 30])
    rows = [one, record(50, 1, 0.04, {"points": 5.0, "least": 1.0}), record(10, 0)]
    _, _, few, more = table(rows).splitlines()
    assert few == "| 10 | 1 | 70.0 | 65.0 | - | - | 65.0 | 35.0 | +30.0 |"
    half = stats.t.ppf(0.975, 1)  # two seeds that are 2 apart have a standard error of 1
    once, twice = f"± {half:.1f}", f"± {2 * half:.1f}"
    assert more == (
        f"| 50 | 2 | 72.0 {twice} | 65.0 ± 0.0 | +4.0 {once} | +0.0 {once} "
        f"| 67.0 {twice} | 35.0 ± 0.0 | +32.0 {twice} |"
    )


def test_runs_with_nothing_to_compare_are_left_out_of_a_mean() -> None:
    assert cell([None, 2.0], "{:+.1f}") == "+2.0 (1 of 2)"
    assert cell([None], "{:+.1f}") == "-"
    mean, _, half = cell([1.0, 2.0, 3.0], "{:.1f}").partition(" ± ")
    assert (mean, half) == ("2.0", f"{stats.t.ppf(0.975, 2) / 3**0.5:.1f}")
