"""The run folder: taken by one process, without links, and gone again where a command is refused."""

from pathlib import Path

import pytest

from nas.errors import DataError, RunError
from nas.search.record.folder import taken
from tests.helpers.refusal import refusal


def take(folder: Path, error: type[BaseException] | None = None) -> None:
    with taken(folder) as held:
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images" / "part").touch()
        if error:
            raise error("why")
        held.release()


@pytest.mark.parametrize("there", [(), ("a",), ("a", "a/b")])
def test_what_was_made_for_a_refused_command_is_gone_again(there: tuple[str, ...], tmp_path: Path) -> None:
    for name in there:
        (tmp_path / name).mkdir()
    with pytest.raises(DataError):
        take(tmp_path / "a" / "b" / "c", DataError)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == list(there)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_other_ends_keep_it(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error):
        take(tmp_path / "run", error)
    assert (tmp_path / "run" / "images" / "part").exists()
    take(tmp_path / "run")  # and leave it free


def test_what_a_killed_process_had_not_written_to_its_end_is_gone(tmp_path: Path) -> None:
    kept = ["front.json", ".hydra/config.yaml", "models/a.onnx", "images/32/images.json", "weights/a-1-b.pt"]
    left = [".0123.part", "models/.a.onnx.0123.part", "models/.a.int8.onnx-x1/prepared.onnx", "images/.32-y/new/a.npy"]
    for name in [*kept, *left]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    with taken(tmp_path) as held:
        held.release()
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files - {".lock"} == set(kept)
    assert not list(tmp_path.rglob(".*-*"))


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError):
        take(tmp_path / "run", DataError)
    assert (tmp_path / "run").exists()


def test_a_folder_is_taken_once_and_the_refused_remove_nothing(tmp_path: Path) -> None:
    with taken(tmp_path / "run") as held:
        assert "another search is running" in refusal(RunError, take, tmp_path / "run")
        assert (tmp_path / "run" / ".lock").exists()
        held.release()


@pytest.mark.parametrize("name", [".lock", "study.journal", "models", "models/x.onnx", ".hydra", "images/32", "wandb"])
def test_no_link_in_it_is_followed(name: str, tmp_path: Path) -> None:
    outside, link = tmp_path / "outside", tmp_path / "run" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    assert f"{name} is a symbolic link" in refusal(RunError, take, tmp_path / "run")
    assert not outside.exists()


def test_links_that_wandb_makes_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "run" / "wandb" / "latest-run").parent.mkdir(parents=True)
    (tmp_path / "run" / "wandb" / "latest-run").symlink_to("x")
    take(tmp_path / "run")
