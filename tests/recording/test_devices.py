"""Every kind of device."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.recording.devices import stream_rows
from nas.recording.devices.link import Link, place, reconciled, send
from tests.helpers.calls import check_refused
from tests.helpers.recordings import QUICK


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("device=ssh",), "device=ssh needs host=…, such as host=pi@10.0.0.7"),
        (("device=ssh", "host=-oProxy"), "host must not be empty or begin with -, got '-oProxy'"),
        (("device=ssh", "host=pi", "serial=XYZ"), "serial goes with device=adb, not with device=ssh"),
        (("host=pi",), "host goes with device=ssh, not with device=host"),
        (("device=bundle", "remote=x"), "remote goes with device=ssh or device=adb, not with device=bundle"),
        (("device=ssh", "host=pi", "port=0"), "port must be 1 to 65535, got 0"),
        (("device=ssh", "host=pi", "identity=/no/key"), "identity: there is no file '/no/key'"),
        (("device=adb", "perf_test=nix"), "perf_test: there is no file 'nix'"),
        (("device=adb", "perf_test=nix", "python=p"), "python and perf_test do not go together"),
    ],
)
def test_wrong_settings_are_one_line(
    arguments: tuple[str, ...],
    message: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check_refused(monkeypatch, capsys, "record", ("hardware=x", *QUICK, *arguments), message)


def test_the_longer_results_hold_if_they_go_on_from_the_shorter() -> None:
    assert reconciled(b"a\nb\n", b"a\nb\nc\nto", "x") == b"a\nb\nc\n"
    assert reconciled(b"a\nb\n", b"", "x") == b"a\nb\n"
    with pytest.raises(NasError, match=r"results\.jsonl in x has other rows than the one here; move one of them away"):
        reconciled(b"a\nb\n", b"a\nc\nd\n", "x")


def test_paths_there_are_quoted() -> None:
    for text, meant in (("it's; rm x", "it's; rm x"), ("/$(x)", "/$(x)"), ("~/a b", "HOME/a b"), ("a/b", "HOME/a/b")):
        done = subprocess.run(["sh", "-c", f"printf %s {place(text)}"], capture_output=True, text=True, check=True)
        assert done.stdout == meant.replace("HOME", os.environ["HOME"])


def test_what_streams_rows_needs_nothing_and_is_python_39() -> None:
    tree = ast.parse(Path(stream_rows.__file__).read_text(), feature_version=(3, 9))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    found |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {str(name).split(".")[0] for name in found} <= sys.stdlib_module_names


def test_a_folder_there_may_hold_files_of_any_name(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for folder in (there, here):
        folder.mkdir()
    for name in ("a file", "two\nlines", " ", "-rf", "$x", os.fsdecode(b"latin-\xe9"), "total"):
        (there / name).write_text("something")
    for name in ("same.onnx", "new.onnx", "other size.onnx"):
        (here / name).write_text("model")
    (there / "same.onnx").write_text("MODEL")
    (there / "other size.onnx").write_text("models")
    lines: list[str] = []
    files = {path.name: path for path in sorted(here.iterdir())}
    send(Link("this machine", ("sh", "-c"), {}), str(there), files, {}, lines.append)
    assert lines == ["sending 2 files, 0.0 MB"]
    assert [(there / name).read_text() for name in files] == ["model", "model", "MODEL"]
