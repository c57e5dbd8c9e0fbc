"""`nas.data`: what a data set holds is counted once and truly, copies are found, and nothing is written unasked."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.sources import SOURCES
from nas.data.survey import looking
from nas.data.survey.alike import BITS, CORRELATION, groups
from nas.data.survey.findings import findings, verdict
from nas.data.survey.survey import Copy, Group, Survey, leaked, survey
from nas.spaces.load import load_space, space_for
from tests.data.test_sources import _own_cache, small_source  # noqa: F401
from tests.helpers.calls import call
from tests.helpers.images import break_files, from_folder
from tests.helpers.paths import ROOT
from tests.helpers.processes import python


def picture(number: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """One of many pictures that do not look alike."""
    pixels = np.random.default_rng(number).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def write_photos(root: Path, counts: dict[str, int], **options: Any) -> Path:
    """JPEG files of pictures that differ, so many in each folder."""
    numbers = iter(range(10**6))
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            picture(next(numbers), **options).save(root / name / f"{i:03}.jpg", quality=90)
    return root


def looked_at(path: Path, **changes: Any) -> Survey:
    return survey(from_folder(path, **changes), 0)[0]


# --- copies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_those_that_comparing_all_pairs_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, 60, dtype=np.uint64)
    thumbnails = rng.integers(0, 256, (60, 256), dtype=np.uint8)
    digests = np.array([rng.bytes(16) for _ in range(60)], "S16")
    for i in range(0, 40, 2):  # pairs that differ in 0 to 7 bits, half of them of thumbnails that are alike
        flipped = sum(1 << int(bit) for bit in rng.choice(64, i // 2 % 8, replace=False))
        hashes[i + 1] = hashes[i] ^ np.uint64(flipped)
        if i % 3:
            thumbnails[i + 1] = np.clip(thumbnails[i] + rng.normal(0, 10, 256), 0, 255).astype(np.uint8)
    digests[51:54] = digests[50]
    linked = {
        frozenset(pair)
        for pair in combinations(range(60), 2)
        if digests[pair[0]] == digests[pair[1]]
        or (
            int(np.bitwise_count(hashes[pair[0]] ^ hashes[pair[1]])) <= BITS
            and np.asarray(np.corrcoef(thumbnails[list(pair)]))[0, 1] >= CORRELATION
        )
    }
    found = groups(digests, hashes, thumbnails)
    assert {frozenset(pair) for _, each in found for pair in combinations(each.tolist(), 2)} == linked
    assert [each.tolist() for exact, each in found if exact] == [[50, 51, 52, 53]]
    assert len(found) > 5


def test_many_images_of_one_colour_are_no_copies_unless_they_are_the_same_bytes() -> None:
    count = 3000
    hashes, thumbnails = np.zeros(count, np.uint64), np.repeat(np.arange(count, dtype=np.uint8)[:, None], 256, 1)
    digests = np.array([str(i // 2).encode() for i in range(count)], "S16")
    assert [(exact, len(each)) for exact, each in groups(digests, hashes, thumbnails)] == [(True, 2)] * (count // 2)
    assert groups(digests[:0], hashes[:0], thumbnails[:0]) == []


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "the same file": lambda old, new: new.write_bytes(old.read_bytes()),
    "compressed": lambda old, new: Image.open(old).save(new, "JPEG", quality=40),
    "smaller": lambda old, new: Image.open(old).resize((45, 30)).save(new, "PNG"),
    "grey": lambda old, new: Image.open(old).convert("L").save(new, "PNG"),
    "brighter": lambda old, new: Image.open(old).point(lambda value: 40 + 0.8 * value).save(new, "PNG"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_in_another_split_is_found_and_named(change: str, tmp_path: Path) -> None:
    folder = write_photos(tmp_path, {"train/a": 20, "train/b": 20, "test/a": 8, "test/b": 8})
    CHANGES[change](folder / "train/a/003.jpg", folder / "test/b/copy.jpg")
    found = looked_at(folder)
    (group,) = found.duplicates
    assert group.exact == (change == "the same file")
    assert [(each.label, each.name) for each in group.images] == [("a", "train/a/003.jpg"), ("b", "test/b/copy.jpg")]
    assert group.images[1].split == "test"
    assert leaked(found.duplicates)["test"] == 1
    texts = [each.text for each in findings(found)]
    assert any(text.startswith("1 image of test is also in an earlier split") for text in texts), texts
    assert any(text.startswith("1 image is in several classes") for text in texts), texts


def test_images_leak_into_later_splits_only() -> None:
    def group(*splits: str) -> Group:
        return Group(True, tuple(Copy(i, split, "a", str(i)) for i, split in enumerate(splits)))

    assert leaked([group("train", "train")]) == {"val": 0, "test": 0}
    assert leaked([group("train", "val", "val"), group("val", "test"), group("test", "test")]) == {"val": 2, "test": 1}


# --- counts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
def test_counts_and_what_is_left_out_are_those_that_a_search_has(source: str, tmp_path: Path) -> None:
    settings = small_source(source, tmp_path / "source")
    found, _ = survey(settings, 3)
    images = prepare(settings, 3, 16, tmp_path / "images")
    assert found.counts == images.counts
    assert found.left_out == images.left_out
    assert found.needs.native_resolution == images.native_resolution
    assert sum(found.formats.values()) == sum(found.modes.values()) == sum(found.images.values())


def test_junk_is_counted_by_reason(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", {"a": 30, "b": 30})
    broken = break_files(folder / "a")
    for name in ("notes.txt", ".hidden.jpg", "phone.heic"):
        (folder / "b" / name).write_bytes(b"?")
    settings = from_folder(folder)
    found, images = looked_at(folder), prepare(settings, 0, 16, tmp_path / "images")
    assert found.left_out == images.left_out
    assert found.counts == images.counts
    reasons = {each.reason: each.count for each in found.left_out}
    assert reasons[".txt"] == 1
    assert sum(reasons.values()) == len(broken) + 3
    assert found.unreadable == reasons["unreadable"]


def test_sides_are_percentiles_of_the_images(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write_photos(tmp_path / "x", {"b": 10})
    (tmp_path / "x" / "b").rename(tmp_path / "b")
    (tmp_path / "x").rmdir()
    for i in range(10):
        picture(100 + i, (20 + i, 200)).save(tmp_path / "a" / f"{i}.png")
    found = looked_at(tmp_path)
    assert (found.short_side["least"], found.short_side["most"]) == (20, 40)
    assert (found.long_side["least"], found.long_side["most"]) == (60, 200)
    assert found.long == 10
    assert found.formats == {"PNG": 10, "JPEG": 10}
    assert found.size_bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.*"))


@pytest.mark.parametrize("size", [(40, 40), (200, 150)])
def test_what_a_search_needs_is_what_it_takes(size: tuple[int, int], tmp_path: Path) -> None:
    settings = from_folder(write_photos(tmp_path / "photos", {"a": 20, "b": 20}, size=size))
    needs = survey(settings, 0)[0].needs
    space = load_space(space_for(min(size))).with_data(3, 2, min(size))
    assert (needs.search_space, needs.resolutions) == (space.name, space.resolution)
    assert needs.stored == (32, min(*size, max(space.resolution)))
    kept = 0
    for pixels in needs.stored:
        images = prepare(settings, 0, pixels, tmp_path / str(pixels))
        kept += sum(split.pixels.nbytes for split in images.splits.values())
    assert needs.disk_bytes == kept
    assert needs.decode_seconds > 0


# --- findings ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """A survey in which nothing is to be found fault with."""
    found = looked_at(write_photos(tmp_path_factory.mktemp("sound"), {"a": 15, "b": 15}))
    counts = {"train": {"a": 2000, "b": 1500}, "val": {"a": 300, "b": 300}, "test": {"a": 300, "b": 300}}
    found = replace(found, counts=counts, needs=replace(found.needs, native_resolution=64))
    assert findings(found) == []
    assert verdict([]) == "fit for a search"
    return found


def counted(sound: Survey, split: str, **counts: int) -> Survey:
    return replace(sound, counts={**sound.counts, split: counts})


FAULTS: dict[str, tuple[Callable[[Survey], Survey], bool, str, str]] = {
    "unreadable": (
        lambda s: replace(s, unreadable=9000),
        True,
        "9000 of 13700 images cannot be read",
        "get them again",
    ),
    "an empty split": (lambda s: counted(s, "val", a=0, b=0), True, "no image of val", "add images"),
    "an empty class": (lambda s: counted(s, "train", a=0, b=900), True, "no training image of 'a'", "remove the class"),
    "too many": (
        lambda s: replace(s, needs=replace(s.needs, most_images=3000)),
        True,
        "4700 images",
        "data.limit=2000",
    ),
    "few": (lambda s: counted(s, "train", a=7, b=9), False, "few training images: 7 of 'a'", "init="),
    "few to judge": (
        lambda s: counted(s, "test", a=50, b=50),
        False,
        "test has 100 images.*±6 points",
        "test_fraction",
    ),
    "uneven": (lambda s: counted(s, "train", a=900, b=90), False, "unbalanced classes: 900", "small classes"),
    "unjudged": (
        lambda s: counted(s, "test", a=500, b=0),
        False,
        r"no test image of 1 of 2 classes \(b\)",
        "add images",
    ),
    "long": (lambda s: replace(s, long=900), False, "900 images are more than twice", "crop"),
    "photographs": (
        lambda s: counted(replace(s, needs=replace(s.needs, native_resolution=300)), "train", a=90, b=90),
        False,
        "photographs",
        "init=efficientnet_lite0",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_named_with_its_remedy(fault: str, sound: Survey) -> None:
    change, stops, text, remedy = FAULTS[fault]
    found = findings(change(sound))
    assert found[0].stops == stops
    matching = [each for each in found if re.search(text, each.text) and remedy in each.remedy]
    assert len(matching) == 1, found
    assert verdict(found).startswith("not fit for a search: " if stops else "fit for a search, with ")


# --- the command ------------------------------------------------------------------------------------


@pytest.fixture
def photos(here: Path) -> Path:
    folder = write_photos(here / "photos", {"cat": 30, "<dog>": 30})
    (folder / "cat" / "twin.jpg").write_bytes((folder / "cat" / "000.jpg").read_bytes())
    return folder


def test_the_text_says_what_there_is(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "data", "data.path=photos") == 0
    out = capsys.readouterr().out
    assert "photos: 61 images of 2 classes" in out
    assert "1 group of equal files" in out
    assert "search_space=auto is small" in out
    assert "\nfit for a search, with " in out
    assert list(photos.parent.iterdir()) == [photos]


def test_json_names_every_copy(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "data", "data.path=photos", "format=json", "out=sheet.png") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fit"] is True
    (group,) = found["duplicates"]
    assert {each["name"] for each in group["images"]} == {"cat/000.jpg", "cat/twin.jpg"}
    assert set(group["images"][0]) == {"split", "label", "name"}
    with Image.open("sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.height < 200


def test_the_page_loads_nothing_and_escapes_names(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, "data", "data.path=photos", "out=page.html") == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 8 + 8 + 2
    assert "http" not in page
    assert "<dog>" not in page
    assert "&lt;dog&gt;" in page
    assert "<h2>Twice there</h2>" in page


def test_ctrl_c_leaves_nothing_behind(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, seen = looking.look, [0]

    def interrupted(item: Any) -> looking.Seen:
        seen[0] += 1
        if seen[0] == 20:
            raise KeyboardInterrupt
        return real(item)

    monkeypatch.setattr("nas.data.survey.survey.look", interrupted)
    assert call(monkeypatch, "data", "data.path=photos", "out=page.html") == 130
    assert list(photos.parent.iterdir()) == [photos]
    assert "Traceback" not in capsys.readouterr().err


def test_a_broken_data_set_is_not_fit(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in ("cat", "dog"):
        (here / "photos" / label).mkdir(parents=True)
        for i in range(10):
            (here / "photos" / label / f"{i}.png").write_bytes(b"broken")
    assert call(monkeypatch, "data", "data.path=photos", "out=page.html") == 0
    assert "not fit for a search: 20 of 20 images cannot be read; get them again\n" in capsys.readouterr().out


def test_looking_at_images_loads_no_torch(tmp_path: Path) -> None:
    code = "import sys, nas.data.__main__; print(sorted({'torch', 'optuna', 'matplotlib', 'wandb'} & set(sys.modules)))"
    done = python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_the_survey_is_of_the_splits_that_are_asked_for() -> None:
    found, _ = survey(DataSettings(limit=300), 0)
    assert sum(found.images.values()) == 300
    assert found.carved == ("val", "test")
