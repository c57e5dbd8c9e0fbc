"""What `arch=` may be: members of a run, exported files, and what `load_architecture` takes."""

from pathlib import Path

import onnx
import pytest
from onnx import helper

from nas.errors import ArchitectureError, RunError
from nas.recording.graph import network_graph
from nas.results.named import find_architecture
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline, load_architecture
from tests.helpers.calls import call
from tests.helpers.run_sample import NETWORK, sample_front, sample_trials, write_run


@pytest.fixture
def run(here: Path) -> Path:
    return write_run(here / "run", sample_front(3), sample_trials())


@pytest.mark.parametrize(
    ("arch", "member"),
    [
        ("run#2", None),
        ("run/front.json#1", None),
        ("run", 3),
        ("run", "f000000000000001"),
        ("run/front.json", 2),
        ("run#f000000000000002", None),
        ("run#d000000000000001", None),  # confirmed, and not on the front
    ],
)
def test_members_of_a_run(run: Path, arch: str, member: int | str | None) -> None:
    assert find_architecture(arch, member) == NETWORK


@pytest.mark.parametrize(
    ("arch", "member", "error"),
    [
        ("run", None, "run has members 1 to 3, and keys such as f000000000000000; say which, as run#1 or member=1"),
        ("run#4", None, "there is no member 4: run has members 1 to 3"),
        ("run#0", None, "there is no member 0"),
        ("run#f0000", None, "3 members begin with 'f0000'"),
        ("run#", None, "no member begins with ''"),
        ("run#-1", None, "no member begins with '-1'"),
        ("run#2", 1, "'run#2' says its member already"),
        ("mobilenet_v2", 1, "member=1 goes with the folder of a run or its front.json, not with 'mobilenet_v2'"),
        ("elsewhere#2", None, "unknown network 'elsewhere#2'"),
    ],
)
def test_what_names_no_member_is_refused(run: Path, arch: str, member: int | None, error: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        find_architecture(arch, member)
    assert str(caught.value).startswith(error)
    assert len(str(caught.value)) < 480


def test_a_broken_run_is_named(run: Path) -> None:
    (run / "front.json").write_text("{")
    with pytest.raises(RunError, match=r"run/front\.json: not JSON"):
        find_architecture("run#1")


def test_other_forms_are_read_as_before() -> None:
    assert find_architecture("mobilenet_v2_w0.5") == baseline("mobilenet_v2_w0.5")
    assert find_architecture("16x1 conv3/2-8 fc10").classes == 10


def test_an_exported_file_is_the_network_in_its_metadata(here: Path) -> None:
    arch = Architecture.from_notation("16x1 conv3/2-8 sep3-16 fc10")
    model = network_graph(arch)
    (here / "bare.onnx").write_bytes(model.SerializeToString())
    helper.set_model_props(model, {"notation": arch.notation, "classes": "[]"})
    (here / "net.onnx").write_bytes(model.SerializeToString())
    helper.set_model_props(model, {"notation": "16x1 what"})
    (here / "odd.onnx").write_bytes(model.SerializeToString())
    assert load_architecture("net.onnx") == load_architecture(here / "net.onnx") == arch
    assert onnx.load("net.onnx").metadata_props
    for name, error in (
        ("bare", "its metadata name no architecture"),
        ("odd", "cannot read"),
        ("none", "cannot be read: No such file"),
    ):
        with pytest.raises(ArchitectureError, match=rf"{name}\.onnx: .*{error}"):
            load_architecture(f"{name}.onnx")


def test_the_command_line_takes_a_member_without_quotes(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "predict", "arch=run#2") == 0
    assert capsys.readouterr().out.startswith("run#2 on pixel4:1large_fp32: ")
    assert call(monkeypatch, "predict", "arch=run", "member=2") == 0
