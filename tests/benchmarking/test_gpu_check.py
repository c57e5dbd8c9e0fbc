"""The check of a GPU: every part runs, here on the CPU at toy size, and one that fails does not end the others."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import gpu_check, proxy_fidelity
from benchmarks.gpu_check import PARTS, TOY, Check, main, run
from benchmarks.tables import data_file
from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView
from nas.errors import DataError


def small(cache: Path, pixels: int, accelerator: str = "auto") -> ImageView:
    """Digits in colour, in place of CIFAR-10."""
    decoded = cache / f"images-{pixels}"
    prepare(DataSettings("digits", channels=3, limit=400), 0, pixels, decoded)
    return ImageView(decoded, shift=1, limit=TOY.images, val_limit=50, accelerator=accelerator)


@pytest.fixture
def colourful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_fidelity, "cifar10", small)
    monkeypatch.setattr(proxy_fidelity, "POPULATION", 3)


def table(text: str) -> dict[str, dict[str, str]]:
    """What was found, by part and what was looked at."""
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if line.startswith("| "):
            part, what, value = (cell.strip() for cell in line.strip("|").split(" | "))
            found.setdefault(part, {})[what] = value
    return found


def test_every_part_runs_on_a_cpu_at_toy_size(
    tmp_path: Path, colourful: None, one_thread: None, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        data_file("nas_bench_macro/nas_bench_macro.csv")
    except DataError as error:
        pytest.skip(str(error))
    assert main(["--toy", "--minutes", "1000", "--out", str(tmp_path / "found.md")]) == 0
    printed = capsys.readouterr().out
    assert (tmp_path / "found.md").read_text().strip() == printed.strip()
    found = table(printed)
    assert list(found)[1:] == list(PARTS)
    assert "failed" not in printed
    here, cpu = re.findall(r"[\d.]+%", found["judging"]["test images"])
    assert here == cpu
    assert found["scores"]["depth"].startswith("at most 0.0e+00 apart")
    assert float(found["trials per GPU"]["1 at a time"].split()[0]) > 0
    assert "Kendall" in found["NAS-Bench-Macro"]["supernet + scores"]


def test_without_the_data_folder_the_images_are_digits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAS_DATA_DIR", str(tmp_path / "nothing"))
    view, source = gpu_check.pictures(tmp_path, TOY)
    assert (source, view.images.channels, len(view.images.train)) == ("digits", 1, 100)
    lines, failed = run(Check(TOY, view, source, tmp_path), {"NAS-Bench-Macro": PARTS["NAS-Bench-Macro"]}, 60)
    assert failed == ["NAS-Bench-Macro"]
    assert "nas_bench_macro.csv" in lines[2]


def test_a_part_that_fails_or_takes_too_long_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    def broken(check: Check) -> Iterator[tuple[str, str]]:
        yield "first", "1"
        raise RuntimeError("CUDA error: a | b")

    def endless(check: Check) -> Iterator[tuple[str, str]]:
        time.sleep(100)
        yield "never", "0"

    check = Check(TOY, ImageView(tmp_path), "nothing", tmp_path)
    lines, failed = run(check, {"broken": broken, "good": lambda _: iter([("second", "2")]), "endless": endless}, 0.5)
    assert failed == ["broken", "endless"]
    found = table("\n".join(lines))
    assert found["broken"]["first"] == "1"
    assert found["broken"]["**failed**"] == "RuntimeError: CUDA error: a / b"
    assert found["good"]["second"] == "2"
    assert found["endless"]["**failed**"].startswith("OutOfTime: it was not done within the ")
