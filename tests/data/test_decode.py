"""Reading any image file, and many of which some are broken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.data import decode as decoding
from nas.data.decode import decode_all, square
from nas.data.prepare import prepare
from nas.errors import DataError
from tests.helpers.images import break_files, from_folder, split_paths, write_classes

RED = (200, 30, 30)


# --- one file -------------------------------------------------------------------------------------


def palette(transparency: object = None) -> tuple[Image.Image, dict[str, Any]]:
    image = Image.new("P", (9, 9), 1)
    image.putpalette([0, 0, 255, *RED])
    return image, {} if transparency is None else {"transparency": transparency}


# name: image, options of save, suffix, expected RGB (within 6: JPEG and CMYK are not exact)
MODES: dict[str, tuple[Image.Image, dict[str, Any], str, tuple[int, int, int]]] = {
    "RGB": (Image.new("RGB", (9, 9), RED), {}, ".png", RED),
    "RGB jpg": (Image.new("RGB", (9, 9), RED), {"quality": 95}, ".JPG", RED),
    "RGB webp": (Image.new("RGB", (9, 9), RED), {"lossless": True}, ".webp", RED),
    "RGB bmp": (Image.new("RGB", (9, 9), RED), {}, ".bmp", RED),
    "RGB ppm": (Image.new("RGB", (9, 9), RED), {}, ".ppm", RED),
    "RGB with a transparent colour": (Image.new("RGB", (9, 9), RED), {"transparency": RED}, ".png", (255, 255, 255)),
    "L": (Image.new("L", (9, 9), 77), {}, ".png", (77, 77, 77)),
    "L pgm": (Image.new("L", (9, 9), 77), {}, ".pgm", (77, 77, 77)),
    "P": (*palette(), ".png", RED),
    "P gif": (*palette(), ".gif", RED),
    "P with a transparent index": (*palette(1), ".png", (255, 255, 255)),
    "P with alpha per index": (*palette(bytes([255, 0])), ".png", (255, 255, 255)),
    "1": (Image.new("1", (9, 9), 1), {}, ".png", (255, 255, 255)),
    "RGBA opaque": (Image.new("RGBA", (9, 9), (*RED, 255)), {}, ".png", RED),
    "RGBA clear": (Image.new("RGBA", (9, 9), (*RED, 0)), {}, ".png", (255, 255, 255)),
    "RGBA half": (Image.new("RGBA", (9, 9), (0, 0, 0, 128)), {}, ".tiff", (127, 127, 127)),
    "LA half": (Image.new("LA", (9, 9), (0, 128)), {}, ".png", (127, 127, 127)),
    "CMYK": (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), {}, ".tif", (255, 0, 0)),
    "CMYK jpg": (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), {"quality": 95}, ".jpeg", (254, 0, 0)),
    "I;16": (Image.new("I;16", (9, 9), 40000), {}, ".png", (156, 156, 156)),
    "I": (Image.new("I", (9, 9), 40000), {}, ".tif", (156, 156, 156)),
    "F": (Image.new("F", (9, 9), 0.25), {}, ".tif", (64, 64, 64)),
    "F up to 255": (Image.new("F", (9, 9), 64.0), {}, ".tif", (64, 64, 64)),
}


@pytest.mark.parametrize("name", MODES)
def test_every_mode_is_read_as_rgb_and_as_grey(name: str, tmp_path: Path) -> None:
    image, options, suffix, expected = MODES[name]
    path = tmp_path / f"image{suffix}"
    image.save(path, **options)
    rgb = decoding.decode(path, 6, 3)
    assert rgb.shape == (3, 6, 6)
    assert rgb.dtype == np.uint8
    np.testing.assert_allclose(rgb.mean(axis=(1, 2)), expected, atol=6)
    grey = decoding.decode(path, 6, 1)
    assert grey.shape == (1, 6, 6)
    luma = 0.299 * expected[0] + 0.587 * expected[1] + 0.114 * expected[2]
    np.testing.assert_allclose(grey.mean(), luma, atol=6)


def test_alpha_is_laid_on_white() -> None:
    image = Image.new("RGBA", (4, 4), (*RED, 0))
    image.paste((*RED, 255), (2, 0, 4, 4))
    pixels = square(image, 4, 3)
    assert (pixels[:, :, :2] == 255).all()
    assert (pixels[:, :, 2:] == np.array(RED)[:, None, None]).all()


@pytest.mark.parametrize("high", [65535, 4095])
def test_16_bit_is_scaled_and_not_clipped(high: int, tmp_path: Path) -> None:
    ramp = np.linspace(0, high, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    pixels = decoding.decode(tmp_path / "ramp.png", 8, 1)[0]
    np.testing.assert_array_equal(pixels, np.rint(ramp / 257))


@pytest.mark.parametrize(("low", "high"), [(-3.0, 5.0), (0.0, 1e6)])
def test_floats_of_unknown_range_are_stretched(low: float, high: float) -> None:
    ramp = np.linspace(low, high, 64, dtype=np.float32).reshape(8, 8)
    pixels = square(Image.fromarray(ramp), 8, 1)[0]
    np.testing.assert_allclose(pixels.ravel(), np.linspace(0, 255, 64), atol=0.51)


def test_float_without_contrast_or_with_nan_is_read() -> None:
    assert (square(Image.fromarray(np.full((5, 5), -7, dtype=np.float32)), 4, 1) == 0).all()
    assert square(Image.fromarray(np.full((5, 5), np.nan, dtype=np.float32)), 4, 3).shape == (3, 4, 4)


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 8, 16))  # left half white, as stored
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = decoding.decode(tmp_path / "turned.png", 16, 1)[0]
    assert (pixels[:8] == 255).all()
    assert (pixels[8:] == 0).all()


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, (0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(decoding.decode(tmp_path / "a.gif", 8, 3).mean(axis=(1, 2)), RED, atol=6)


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 70), height=st.integers(1, 70), resolution=st.integers(1, 40))
def test_any_size_becomes_the_resolution(width: int, height: int, resolution: int) -> None:
    pixels = square(Image.new("RGB", (width, height), RED), resolution, 3)
    assert pixels.shape == (3, resolution, resolution)
    assert (pixels == np.array(RED)[:, None, None]).all()


def test_the_centre_is_kept(tmp_path: Path) -> None:
    image = Image.new("L", (300, 100), 0)
    image.paste(255, (100, 0, 200, 100))
    assert (square(image, 100, 1) == 255).all()


def test_large_jpeg_is_reduced_to_the_same_picture(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 512).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(ramp, (400, 512)).copy())
    image.save(tmp_path / "photo.jpg", quality=95)
    expected = square(image, 24, 1).astype(int)
    np.testing.assert_allclose(decoding.decode(tmp_path / "photo.jpg", 24, 1), expected, atol=4)


# --- many files -----------------------------------------------------------------------------------


def test_broken_files_are_left_out_and_named(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"cat": 20, "dog": 20})
    broken = break_files(root / "cat")
    images = prepare(from_folder(root), 0, 12, tmp_path / "saved")
    link, unreadable = sorted(images.left_out, key=lambda each: each.count)
    assert (link.reason, link.count, link.examples) == ("no regular file", 1, ("cat/link.png",))
    assert (unreadable.reason, unreadable.count) == ("unreadable", len(broken) - 1)
    for path in sorted(set(broken) - {root / "cat" / "link.png"}):
        (example,) = (each for each in unreadable.examples if each.startswith(f"{path.relative_to(root)} ("))
        assert broken[path] in example
        assert "\n" not in example
    assert sum(map(len, images.splits.values())) == 40
    for name, paths in split_paths(from_folder(root)).items():  # none moved to another split
        assert len(images.splits[name]) == len(set(paths) - set(broken))
    for part in images.splits.values():  # pixels and labels still belong together: write_classes puts 40 c in red
        np.testing.assert_array_equal(part.pixels[:, 0, 0, 0], 40 * part.labels)


def test_mostly_broken_data_is_refused(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"cat": 2, "dog": 1})
    break_files(root / "cat")
    with pytest.raises(DataError, match=r"^4 of 7 images cannot be read, the first is .* \(.*\)$"):
        prepare(from_folder(root), 0, 8, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_more_than_fits_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LIMIT_BYTES", 1000)
    with pytest.raises(DataError, match=r"data\.limit=5 or less"):
        next(decode_all(6, lambda i: Path("none.png"), lambda i, item: str(i), 8, 3))
