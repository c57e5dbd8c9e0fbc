"""Files are written whole or not at all, under names nobody can guess, and never through a link."""

import ast
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from nas.resources import replace_file, replacing
from tests.helpers.paths import MODULES, where

WRITERS = {"write_text", "write_bytes", "savefig", "save_model"}
ELSEWHERE = {
    "nas/resources.py": "replacing itself",
    "nas/commandline/exits.py": "into nowhere",
    "nas/report/drawing.py": "into memory",
    "nas/training/long.py": "into memory",
    "nas/training/supernet/checkpoint.py": "into the file of replacing",
    "nas/data/saved.py": "into a new folder of its own",
    "nas/recording/runner/results.py": "rows added, in a folder that was looked through",
    "nas/recording/devices/link.py": "rows added, in a folder that was looked through",
    "nas/recording/devices/stream_rows.py": "on the device",
    "nas/recording/devices/bundle.py": "into the file of replacing",
    "nas/exports/coreml.py": "into the file of replacing",
    "nas/exports/ncnn.py": "into the file of replacing",
    "nas/exports/openvino.py": "into the file of replacing",
    "nas/exports/lite/file.py": "into nowhere",
    "nas/latency/profile_zip.py": "into memory, and into a new folder of its own",
    "nas/training/full.py": "into memory",
}


def writes(path: Path) -> bool:
    """Whether a module opens files for writing by itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            modes = [each.value for each in values if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if (name in WRITERS and isinstance(node.func, ast.Attribute)) or (
                name in ("open", "ZipFile") and any(set("wax") & set(mode[:1]) for mode in modes)
            ):
                return True
            if (
                name == "save"
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func.value) in ("np", "torch")
            ):
                return True
    return False


@pytest.mark.parametrize("path", MODULES, ids=where)
def test_files_are_written_in_one_place(path: Path) -> None:
    assert writes(path) == (where(path) in ELSEWHERE)


def test_a_link_is_replaced_and_what_it_names_stays(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("theirs")
    (tmp_path / "front.json").symlink_to(tmp_path / "outside")
    replace_file(tmp_path / "front.json", b"ours")
    assert (tmp_path / "outside").read_text() == "theirs"
    assert not (tmp_path / "front.json").is_symlink()
    assert (tmp_path / "front.json").read_text() == "ours"


def test_nothing_that_lies_in_the_way_is_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "known")
    (tmp_path / "outside").write_text("theirs")
    (tmp_path / ".known.part").symlink_to(tmp_path / "outside")
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "front.json", b"ours")
    assert (tmp_path / "outside").read_text() == "theirs"


def test_part_files_have_random_names_and_the_usual_rights(tmp_path: Path) -> None:
    names = set()
    before = os.umask(0o027)
    try:
        for _ in range(3):
            with replacing(tmp_path / "file") as file:
                names |= {path.name for path in tmp_path.glob(".*.part")}
                file.write(b"x")
    finally:
        os.umask(before)
    assert len(names) == 3
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_what_ends_in_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"old")
    with suppress(RuntimeError), replacing(tmp_path / "file") as file:
        file.write(b"half")
        raise RuntimeError
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]
