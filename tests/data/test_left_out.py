"""No image is left out in silence: what is an image, what is none, and how the rest is counted and named."""

import errno
import importlib.util
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.folders import list_images
from nas.data.formats import open_image, why_no_image
from nas.data.left_out import by_reason, left_out_text
from nas.data.prepare import prepare
from nas.data.saved import open_saved
from nas.errors import DataError
from nas.results.front import LeftOut
from tests.helpers.images import assert_one_line, from_folder, write_classes

RED = (200, 30, 30)


def reasons(left_out: tuple[LeftOut, ...]) -> dict[str, int]:
    return {each.reason: each.count for each in left_out}


def two_classes(root: Path, count: int = 8) -> Path:
    return write_classes(root, {"cat": count, "dog": count})


# --- formats ----------------------------------------------------------------------------------------


def rasters() -> dict[str, str]:
    """Every extension that Pillow both writes and reads as a raster, with its format."""
    Image.init()
    readable = Image.OPEN.keys() - {"EPS", "WMF", "BUFR", "GRIB", "HDF5"} | {"MPO"}
    return {end: name for end, name in Image.EXTENSION.items() if name in Image.SAVE and name in readable}


def save(path: Path, form: str) -> None:
    for mode in ("RGB", "L", "1", "P"):
        try:
            Image.new("RGB", (16, 16), RED).convert(mode).save(path, form)
        except (OSError, ValueError, KeyError):
            continue
        return
    pytest.skip(f"{form} is not written without more")


@pytest.mark.filterwarnings("ignore:IM image format:DeprecationWarning")
@pytest.mark.parametrize("extension", sorted(rasters()))
def test_every_raster_that_pillow_reads_is_an_image(extension: str, tmp_path: Path) -> None:
    form = rasters()[extension]
    if not Image.OPEN.get(form, (None, lambda prefix: True))[1]:
        assert form in ("IM", "TGA", "SPIDER"), "is found by its extension alone"
    for name in (f"image{extension}", f"IMAGE.1{extension.upper()}"):
        save(tmp_path / name, form)
        assert why_no_image(tmp_path / name) is None
        with open_image(tmp_path / name) as image:
            image.load()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("name", ["n0144_10026", "image.0001", "photo.jpg?size=large", "subject01.glasses"])
def test_what_has_no_extension_is_known_by_content(form: str, name: str, tmp_path: Path) -> None:
    save(tmp_path / name, form)
    assert why_no_image(tmp_path / name) is None
    for content in (b"", b"about these images\n", b"P5 is no portrait\n", b"\0" * 5000, b"%!PS-Adobe-3.0 EPSF-3.0\n"):
        (tmp_path / name).write_bytes(content)
        assert why_no_image(tmp_path / name) == "no image"


@pytest.mark.parametrize(
    "name", ["a.eps", "a.ps", "a.pdf", "a.wmf", "a.emf", "a.h5", "a.mpg", "a.iim", "a.txt", "a.svg"]
)
def test_what_is_no_raster_is_left_out_by_its_extension(name: str, tmp_path: Path) -> None:
    save(tmp_path / name, "PNG")  # whatever it holds
    assert why_no_image(tmp_path / name) == os.path.splitext(name)[1]


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n"
WMF = b"\xd7\xcd\xc6\x9a" + bytes(100)


@pytest.mark.parametrize("content", [EPS, WMF, b"\xc5\xd0\xd3\xc6" + bytes(200), b"%PDF-1.7\n"])
@pytest.mark.parametrize("extension", [".png", ".jpg", ".tif", ".tga"])
def test_no_extension_opens_what_other_programs_draw(
    content: bytes, extension: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(*arguments: object) -> None:
        raise AssertionError("a program is started")

    monkeypatch.setattr("subprocess.Popen", drawn)
    (tmp_path / f"image{extension}").write_bytes(content)
    with pytest.raises(Exception, match="cannot identify"):
        open_image(tmp_path / f"image{extension}").load()


def test_heif_is_named_with_what_reads_it(tmp_path: Path) -> None:
    expected = None if importlib.util.find_spec("pillow_heif") else ".heic (pip install pillow-heif)"
    assert why_no_image(tmp_path / "a.HEIC") == expected


# --- folders ----------------------------------------------------------------------------------------


def test_subfolders_of_a_class_are_searched_in_order_and_each_once(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "data", 2)
    write_classes(root / "cat", {"2021": 1, "2020": 2})
    (root / "cat" / "2020" / "loop").symlink_to(root)
    (root / "cat" / "again").symlink_to(root / "cat" / "2020")
    (root / "cat" / "self").symlink_to(root / "cat" / "self")
    listing = list_images(root)
    names = [str(path.relative_to(root)) for path in listing.splits["train"].paths]
    assert names[:5] == ["cat/0000.png", "cat/0001.png", "cat/2020/0000.png", "cat/2020/0001.png", "cat/2021/0000.png"]
    assert names[5:] == ["dog/0000.png", "dog/0001.png"]
    assert reasons(listing.left_out) == {"a link to a folder already read": 2, "no regular file": 1}


def test_deep_folders_are_searched(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "data", 2)
    deep = root.joinpath("cat", *["d"] * 300)
    write_classes(deep, {"e": 1})
    assert len(list_images(root).splits["train"].paths) == 5


def test_folders_of_systems_are_no_classes_and_their_files_are_counted(tmp_path: Path) -> None:
    root = write_classes(tmp_path, {"cat": 2, "dog": 2, "__MACOSX": 3, ".ipynb_checkpoints": 1})
    write_classes(root / "dog", {".ipynb_checkpoints": 2})
    listing = list_images(root)
    assert listing.classes == ("cat", "dog")
    assert reasons(listing.left_out) == {"hidden": 6}


@pytest.mark.parametrize("names", [("training", "validation", "testing"), ("Train", "VALID", "Test")])
def test_other_names_of_splits(names: tuple[str, str, str], tmp_path: Path) -> None:
    for name, count in zip(names, (5, 4, 3), strict=True):
        two_classes(tmp_path / name, count)
    listing = list_images(tmp_path)
    assert {split: len(files.paths) for split, files in listing.splits.items()} == {"train": 10, "val": 8, "test": 6}
    assert listing.left_out == ()


def test_what_lies_beside_splits_and_classes_is_named(tmp_path: Path) -> None:
    for name in ("train", "val", "dev"):
        two_classes(tmp_path / name, 2)
    write_classes(tmp_path, {"test": 3, "more": 1})  # no class folders in test
    for place in (".", "train", "val"):
        Image.new("L", (9, 9)).save(tmp_path / place / "loose.png")
    (tmp_path / "train" / "labels.csv").write_text("")
    listing = list_images(tmp_path)
    assert list(listing.splits) == ["train", "val"]
    found = {each.reason: each for each in listing.left_out}
    assert {reason: each.count for reason, each in found.items()} == {
        ".csv": 1,
        "in a folder that is no split": 8,
        "in no class folder": 3,
    }
    assert found["in a folder that is no split"].examples[0] == "dev/cat/0000.png"
    assert found["in no class folder"].examples == ("loose.png", "train/loose.png", "val/loose.png")


def test_pipes_sockets_and_dangling_links_are_named_and_never_opened(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "data")
    os.mkfifo(root / "cat" / "pipe.png")
    os.mkfifo(root / "cat" / "pipe")
    (root / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (root / "dog" / "zero.png").symlink_to("/dev/zero")
    images = prepare(from_folder(root), 0, 8, tmp_path / "saved")
    assert reasons(images.left_out) == {"no regular file": 4}


def test_a_class_without_images_says_what_it_has(tmp_path: Path) -> None:
    root = two_classes(tmp_path)
    (root / "emu").mkdir()
    for name in ("a.svg", "b.pdf", "c.pdf"):
        (root / "emu" / name).write_text("")
    with pytest.raises(DataError, match=r"class 'emu' has no image file .*3 files left out: .*2 \.pdf") as caught:
        list_images(root)
    assert_one_line(caught.value)


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff\xfe", "café".encode(), b"a\nb", b"$\\frac{$", b"<b>&"])
def test_odd_names_are_classes_and_come_back(name: bytes, tmp_path: Path) -> None:
    root = two_classes(tmp_path / "data")
    os.rename(os.fsencode(root / "dog"), os.path.join(os.fsencode(root), name))
    odd = Path(os.fsdecode(os.path.join(os.fsencode(root), name)))
    (odd / os.fsdecode(b"\xe9.png")).write_text("broken")
    images = prepare(from_folder(root), 0, 8, tmp_path / "saved")
    title = name.decode("utf-8", "backslashreplace")
    assert set(images.classes) == {"cat", title}
    (left_out,) = images.left_out
    assert left_out.examples == (f"{title}/\\xe9.png (cannot identify image file)",)
    assert open_saved(tmp_path / "saved").left_out == images.left_out
    "".join(images.classes).encode()  # is text
    assert prepare(from_folder(root), 0, 8, tmp_path / "saved").classes == images.classes


# --- files that cannot be read ----------------------------------------------------------------------


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + png_chunk(b"IDAT", zlib.compress(bytes(100)))


def gif(width: int, height: int) -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, width, height, 0)
        + b"\x02\x01\0\0;"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (png(60_000, 60_000), "over 178 megapixels"),
        (gif(65_500, 65_500), "over 178 megapixels"),
        (b"P6 100000 100000 255\n", "over 178 megapixels"),
        (png(9, 9, *[png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2_000_000)))]), "unreadable"),
        (png(9, 9), "unreadable"),  # fewer pixels than it says
        (gif(9, 9), "unreadable"),
        (b"", "unreadable"),
        (b"II*\0\x08\0\0\0\xff\xff" + bytes(40), "unreadable"),
    ],
)
def test_bombs_and_cut_images_are_left_out_and_never_black(content: bytes, reason: str, tmp_path: Path) -> None:
    root = two_classes(tmp_path / "data")
    (root / "cat" / "bad.png").write_bytes(content)
    images = prepare(from_folder(root), 0, 8, tmp_path / "saved")
    (left_out,) = images.left_out
    assert (left_out.reason, left_out.count) == (reason, 1)
    assert left_out.examples[0].startswith("cat/bad.png")
    assert sum(map(len, images.splits.values())) == 16


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "cat/0000.png.*Permission denied"),
        (OSError(errno.EIO, "Input/output error"), "cat/0000.png.*Input/output error"),
        (FileNotFoundError(errno.ENOENT, "No such file"), "cat/0000.png.*No such file"),
        (MemoryError(), "cat/0000.png.*memory is short"),
    ],
)
def test_what_the_machine_cannot_read_ends_the_run(
    error: Exception, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(item: Path) -> Image.Image:
        if item.parts[-2:] == ("cat", "0000.png"):
            raise error
        return open_image(item)

    monkeypatch.setattr("nas.data.decode.open_image", failing)
    with pytest.raises(DataError, match=says) as caught:
        prepare(from_folder(two_classes(tmp_path / "data")), 0, 8, tmp_path / "saved")
    assert_one_line(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_or_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = two_classes(tmp_path / "data")
    write_classes(root / "cat", {"closed": 2})
    (root / "dog" / "picture").write_bytes(png(9, 9))
    stat, opened = Path.stat, Image.open

    def no_stat(path: Path, **options: bool) -> os.stat_result:
        if path.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, **options)

    def no_open(path: Path, **options: object) -> Image.Image:
        if path.name == "picture":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "stat", no_stat)
    with pytest.raises(DataError, match=r"cannot list '.*closed': Permission denied"):
        prepare(from_folder(root), 0, 8, tmp_path / "saved")
    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(Image, "open", no_open)
    with pytest.raises(DataError, match=r"cannot read the image 'dog/picture': Permission denied"):
        prepare(from_folder(root), 0, 8, tmp_path / "saved")


# --- large images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16", "F", "CMYK", "1"])
def test_a_large_image_is_decoded_in_strips_to_the_same_pixels(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nas.data.decode import square

    ramp = np.add.outer(np.arange(90), np.arange(120)).astype(np.uint8)
    picture = Image.fromarray(np.dstack([ramp, ramp[::-1], ramp[:, ::-1], ramp]), "RGBA")
    if mode == "I;16":
        image = Image.fromarray(ramp.astype(np.uint16) * 200)
    elif mode == "F":
        image = Image.fromarray(ramp.astype(np.float32) - 7)
    else:
        image = picture.convert("RGB").convert(mode) if mode != "RGBA" else picture
    whole = [square(image, 32, channels) for channels in (1, 3)]
    monkeypatch.setattr("nas.data.decode._STRIP", 1000)
    for channels, expected in zip((1, 3), whole, strict=True):
        np.testing.assert_array_equal(square(image, 32, channels), expected)


def test_of_thousands_of_frames_the_first_is_decoded(tmp_path: Path) -> None:
    frames = [Image.new("P", (4, 4), i % 250) for i in range(2000)]
    for form in ("GIF", "TIFF"):
        frames[0].save(tmp_path / f"a.{form.lower()}", form, save_all=True, append_images=frames[1:])
        with open_image(tmp_path / f"a.{form.lower()}") as image:
            image.load()
            assert image.tell() == 0


# --- the line ----------------------------------------------------------------------------------------


def test_the_line_counts_and_names() -> None:
    pairs = [(".heic (pip install pillow-heif)", "a/1.heic"), (".heic (pip install pillow-heif)", "a/2.heic")]
    pairs += [("unreadable", "a.jpg"), ("unreadable", "b.jpg")]
    line = left_out_text(by_reason(pairs))
    assert line == "4 files left out: 2 .heic (pip install pillow-heif), 2 unreadable: a.jpg, b.jpg"
    assert left_out_text(by_reason([("hidden", "x")])) == "1 file left out: 1 hidden: x"
    many = [(f"{letter * 200}", name * 300) for letter in "abcdefghij" for name in "uvwxyz"]
    assert len(left_out_text(by_reason(many))) < 500
    assert left_out_text(by_reason(many)).endswith("; and 8 more reasons")
    assert by_reason(many)[0].count == 6


def test_a_new_file_left_out_is_seen_though_the_saved_copy_is_used(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "data")
    (root / "readme.txt").write_text("")
    first = prepare(from_folder(root), 0, 8, tmp_path / "saved")
    (root / "notes.txt").write_text("")
    second = prepare(from_folder(root), 0, 8, tmp_path / "saved")
    assert [reasons(images.left_out) for images in (first, second)] == [{".txt": 1}, {".txt": 2}]
