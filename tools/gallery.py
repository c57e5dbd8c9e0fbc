"""docs/gallery/: pictures of the pages that runs leave behind, taken by a headless Chromium.

python -m tools.gallery report=RUN/report.html images=photos.html …    the names are those of SHOTS
"""

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from nas.resources import replace_file
from tools.settings_page import ROOT

FOLDER = ROOT / "docs" / "gallery"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Shot(NamedTuple):
    """A picture `name` of the page called `page`: pixels of the window, and whether its reader likes it dark."""

    name: str
    page: str
    width: int
    height: int
    dark: bool = False


SHOTS = (
    Shot("report", "report", 1400, 1500),
    Shot("report_dark", "report", 1400, 1500, dark=True),
    Shot("report_narrow", "report", 390, 1500),
    Shot("comparison", "comparison", 1400, 1200),
    Shot("images", "images", 1000, 1500),
)


def take(shot: Shot, page: Path) -> bytes:
    """The picture as WebP."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is installed")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shot.png"
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--blink-settings=preferredColorScheme={0 if shot.dark else 1}", "--virtual-time-budget=4000"]
        command += [f"--window-size={shot.width},{shot.height}", f"--screenshot={file}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        content = io.BytesIO()
        Image.open(file).convert("RGB").save(content, "WEBP", quality=80, method=6)
    return content.getvalue()


def main(arguments: list[str]) -> Iterator[Path]:
    """Take every picture of the pages that are given, as NAME=FILE."""
    pages = dict(each.split("=", 1) for each in arguments)
    if unknown := set(pages) - {shot.page for shot in SHOTS}:
        raise SystemExit(f"unknown {', '.join(sorted(unknown))}; known: {', '.join({shot.page for shot in SHOTS})}")
    FOLDER.mkdir(exist_ok=True)
    for shot in SHOTS:
        if shot.page in pages:
            path = FOLDER / f"{shot.name}.webp"
            replace_file(path, take(shot, Path(pages[shot.page])))
            yield path


if __name__ == "__main__":
    for path in main(sys.argv[1:]):
        print(path)
