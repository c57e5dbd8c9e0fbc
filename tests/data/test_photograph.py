"""A raw photograph goes through what the images of its training went through, to the bit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.data.batches import ImageData
from nas.data.photograph import photograph
from nas.data.prepare import prepare
from tests.helpers.images import from_folder, split_paths


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEG and PNG of several sizes: large, grey, transparent, turned by their orientation."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir()
        for i in range(10):
            image = Image.effect_noise((90 + 40 * i, 300 - 20 * i), 90).convert("RGB")
            image = image.resize((300, 200)) if i % 2 else image
            path = folder / name / f"{i}.jpg"
            if i % 5 == 1:
                exif = Image.Exif()
                exif[0x0112] = 6
                image.save(path, exif=exif)
            elif i % 5 == 2:
                alpha = Image.fromarray(rng.integers(0, 256, image.size[::-1], np.uint8))
                image.putalpha(alpha)
                image.save(path.with_suffix(".png"))
            elif i % 5 == 3:
                image.convert("L").save(path)
            else:
                image.save(path)
    return folder


@pytest.mark.parametrize("resolution", [24, 16, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_is_as_in_training(photos: Path, tmp_path: Path, channels: int, resolution: int) -> None:
    """Decoded at 24 pixels, seen at those, at fewer, at more."""
    settings = from_folder(photos, channels=channels)
    images = prepare(settings, 0, 24, tmp_path / "images")
    data = ImageData(images, batch_size=8, resolution=resolution, device="cpu")
    seen = torch.cat([batch for batch, _ in data.test_dataloader()])
    paths = split_paths(settings)["test"]
    assert len(seen) == len(paths) > 2
    found = torch.cat([photograph(path, data.preprocessing()) for path in paths])
    assert torch.equal(found, seen)


def test_an_opened_image_is_turned_upright_too(photos: Path, tmp_path: Path) -> None:
    how = ImageData(
        prepare(from_folder(photos), 0, 24, tmp_path / "images"), batch_size=8, device="cpu"
    ).preprocessing()
    path = photos / "a" / "1.jpg"
    with Image.open(path) as image:
        assert image.getexif()[0x0112] == 6
        found = photograph(image, how)
    expected = photograph(path, how)
    assert (found - expected).abs().mean() < 0.5 * (found.rot90(1, (2, 3)) - expected).abs().mean()
