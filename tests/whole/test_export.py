"""`python -m nas.export`: files from the run folder alone, and the card whose code runs them."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from nas.data.images import Split
from nas.exports import EXPORTERS
from nas.exports.files import lacks
from nas.report.card import write_cards
from nas.results.run_folder import read_front
from tests.helpers.browser import chromium
from tests.helpers.calls import call, check_refused
from tests.helpers.finished import ARCH, CLASSES, PIXELS, coloured, finished_run
from tests.helpers.outside import node_package, openvino_flags, serving
from tests.helpers.processes import python

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "run"
    finished_run(folder)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "run")
    return tmp_path / "run"


# --- files ----------------------------------------------------------------------------------------

EVERY = [name for name, exporter in EXPORTERS.items() if lacks(exporter) is None]


def test_every_format_that_is_written_here(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "weights")  # that of confirmation: the file of weights is enough
    assert call(monkeypatch, "export", f"run={run}", f"formats=[{','.join(EVERY)}]", "format=json") == 0
    (files,) = json.loads(capsys.readouterr().out).values()
    assert [(each["format"], each["precision"]) for each in files] == [
        (EXPORTERS[name].format, EXPORTERS[name].precision) for name in EVERY
    ]
    for each in files:
        assert (each["error"], each["resolution"], each["bytes"] > 0) == (None, PIXELS, True)
        assert (run / each["path"]).stat().st_size == each["bytes"]
        if each["not_run"] is None:
            assert each["torch"]["images"] == 90
            assert each["torch"]["top_class"] >= (0.999 if each["precision"] == "fp32" else 0.98)
            assert each["accuracy"]["value"] > 0.9  # so that agreement means something
        if each["precision"] == "int8":
            assert each["int8"]["held"] is True
            assert each["int8"]["tried"][-1]["rung"] == each["int8"]["rung"]
    (member,) = read_front(run).front
    assert {each.path for each in member.files} == {each["path"] for each in files}
    assert member.onnx == f"models/{ARCH.key}.onnx"
    names = {path.name for path in (run / "models").iterdir()}
    beside = {f"{ARCH.key}{ending}" for ending in (".safetensors", ".md")}
    mistakes = {f"{ARCH.key}.mistakes.jpg"}  # there are none where every image is right
    assert names - mistakes == {Path(each["path"]).name for each in files} | beside
    assert "<html" in (run / "report.html").read_text().lower()


def test_a_fixed_batch_and_no_other_file(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / f"models/{ARCH.key}.onnx").read_bytes()
    assert call(monkeypatch, "export", f"run={run}", f"member={ARCH.key}", "formats=[onnx_int8]", "batch=1") == 0
    assert re.fullmatch(
        rf"{ARCH.key} onnx int8: {re.escape(str(run))}/models/{ARCH.key}\.int8\.onnx, \d+ kB, {PIXELS} pixels, "
        r"accuracy [\d.]+ %, [\d.]+ % of 90 test images as torch, logits within \S+, "
        r"min-max ranges, [+-][\d.]+ points lost and [\d.]+ % as fp32 in validation, .*ms here.*\n"
        rf"how to prepare an image, and all else about it: {re.escape(str(run))}/models/{ARCH.key}\.md\n",
        capsys.readouterr().out,
    )
    session = onnxruntime.InferenceSession(str(run / f"models/{ARCH.key}.int8.onnx"))
    assert session.get_inputs()[0].shape == [1, 3, PIXELS, PIXELS]
    assert (run / f"models/{ARCH.key}.onnx").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("member=2",), "there is no member 2: "),
        (("member=0",), "there is no member 0: "),
        (("member=-1",), "no member begins with '-1'"),
        (("member=" + "9" * 400,), "member: must be a finite number"),
        (("member=nobody",), "no member begins with 'nobody'"),
        (("formats=[tflight]",), "formats: unknown format 'tflight'; known: coreml, "),
        (("formats=[]",), "formats=[] asks for no file"),
        (("formats=[onnx,onnx]",), "formats names onnx twice"),
        (("batch=0",), "batch: "),
        (("int8_loss=-1",), "int8_loss: "),
        (("int8_agreement=101",), "int8_agreement: "),
        (("calibration=0",), "calibration: "),
        (("run=/nowhere/at/all",), "/nowhere/at/all/front.json: cannot be read"),
    ],
)
def test_what_is_refused(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    error: str,
) -> None:
    monkeypatch.chdir(run)
    given = arguments if arguments[0].startswith("run=") else (f"run={run}", *arguments)
    check_refused(monkeypatch, capsys, "export", given, error)


def test_an_extra_that_is_missing_is_named(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nas import exports

    monkeypatch.chdir(run)
    monkeypatch.setattr(exports, "lacks", lambda exporter: f"needs {exporter.needs}: pip install 'sepconv-nas[tflite]'")
    error = "formats: tflite needs ai_edge_litert: pip install 'sepconv-nas[tflite]', or leave it out"
    check_refused(monkeypatch, capsys, "export", (f"run={run}", "formats=[tflite]"), error)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda run: (run / f"models/{ARCH.key}.safetensors").unlink(), r".*safetensors cannot be read: No such file"),
        (lambda run: (run / f"models/{ARCH.key}.safetensors").write_bytes(b"x" * 99), r".*is no file of weights"),
        (lambda run: (run / f"models/{ARCH.key}.safetensors").write_bytes(b""), r".*is no file of weights"),
        (lambda run: shutil.rmtree(run / "images"), r".* has no decoded images; run the search's command again"),
    ],
)
def test_a_run_folder_that_lacks_something(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
    error: str,
) -> None:
    spoil(run)
    front = (run / "front.json").read_bytes()
    assert call(monkeypatch, "export", f"run={run}", "formats=[onnx]") == 2
    said = capsys.readouterr().err
    assert re.match(f"error: {error}", said)
    assert said.count("\n") == 1
    assert (run / "front.json").read_bytes() == front


# --- cards ----------------------------------------------------------------------------------------


def code(card: Path, language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", card.read_text(), re.DOTALL)
    return found


@pytest.fixture(scope="module")
def card(made: Path) -> Path:
    (path,) = write_cards(made, read_front(made))
    return path


def test_a_card_says_what_a_stranger_needs(card: Path) -> None:
    text = card.read_text()
    for heading in (
        "Files",
        "Data",
        "Which classes are taken for which",
        "Latency by device",
        "Preprocessing",
        "Licence",
    ):
        assert f"\n\n## {heading}\n\n" in text, heading
    assert "300 training, 90 validation and 90 test images" in text
    assert "dark \\| red" in text  # no cell of a table is broken by a name
    matrix = re.findall(r"^\| (?:dark \\\| red|green `leaf`|blue) \| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    assert np.array(matrix, int).sum(axis=1).tolist() == [30, 30, 30]
    assert np.trace(np.array(matrix, int)) / 90 == pytest.approx(
        read_front(card.parents[1]).front[0].files[0].accuracy.value
    )
    assert "Google Pixel 4" in text


def test_the_python_of_a_card_runs(card: Path) -> None:
    images = coloured(3, 5)
    for pixels, label in zip(images.pixels, images.labels, strict=True):
        Image.fromarray(pixels.transpose(1, 2, 0)).resize((64, 64), Image.Resampling.NEAREST).save(
            card.parent / "image.png"
        )
        done = python("-c", code(card, "python"), cwd=card.parent)
        (card.parent / "image.png").unlink()
        assert (done.returncode, done.stdout) == (0, f"{CLASSES[label]}\n"), done.stderr


def test_the_javascript_of_a_card_runs_in_node(card: Path) -> None:
    images, rgba = as_rgba()
    asked = (
        f"{code(card, 'js')}\n(async () => {{ for (const image of {rgba}) console.log(await classify(image)); }})();"
    )
    environment = {**os.environ, "NODE_PATH": str(node_package("onnxruntime-web").parent)}
    done = subprocess.run(["node"], input=asked, cwd=card.parent, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [CLASSES[label] for label in images.labels]


def test_the_javascript_of_a_card_runs_in_a_browser(card: Path, tmp_path: Path) -> None:
    images, rgba = as_rgba()
    shutil.copytree(card.parent, tmp_path / "site")
    (tmp_path / "site" / "dist").symlink_to(node_package("onnxruntime-web") / "dist")
    script = code(card, "js").split("\n", 1)[1]
    (tmp_path / "site" / "index.html").write_text(
        f'<meta charset="utf-8"><script src="dist/ort.min.js"></script><script>{script}</script>'
    )
    with serving(tmp_path / "site") as url, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{url}/index.html")
        found = [page.evaluate("classify", image) for image in json.loads(rgba)]
    assert found == [CLASSES[label] for label in images.labels]


def test_the_cpp_of_a_card_runs(card: Path, tmp_path: Path) -> None:
    flags = openvino_flags()
    (tmp_path / "classify.cpp").write_text(code(card, "cpp"))
    subprocess.run(["g++", "classify.cpp", "-o", "classify", *flags], cwd=tmp_path, check=True)
    images = coloured(6, 5)
    for pixels, label in zip(images.pixels, images.labels, strict=True):
        rgb = pixels.transpose(1, 2, 0).tobytes()
        done = subprocess.run([tmp_path / "classify"], input=rgb, cwd=card.parent, capture_output=True)
        assert (done.returncode, done.stdout.decode()) == (0, f"{CLASSES[label]}\n"), done.stderr


def as_rgba() -> tuple[Split, str]:
    """Images, and the bytes of a canvas that shows each, as JSON."""
    images = coloured(6, 5)
    rgba = np.concatenate([images.pixels, np.full((6, 1, PIXELS, PIXELS), 255, np.uint8)], axis=1)
    return images, json.dumps([image.transpose(1, 2, 0).ravel().tolist() for image in rgba])
