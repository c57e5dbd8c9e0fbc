"""A run opened from Python: its front, its trials, what notebooks show of it; nothing here is trained."""

import csv
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

import nas
from nas.errors import ArchitectureError, ConfigError, ProfileError, RunError
from nas.results.run_folder import read_front
from tests.helpers.paths import ROOT
from tests.helpers.refusal import refusal
from tests.helpers.run_sample import bare_front, sample_front, sample_trials, write_run


@pytest.fixture
def run(tmp_path: Path) -> nas.Run:
    return nas.open_run(write_run(tmp_path / "run", sample_front(), sample_trials()))


@pytest.fixture
def empty(tmp_path: Path) -> nas.Run:
    return nas.open_run(write_run(tmp_path / "empty", bare_front(), []))


def test_a_folder_or_its_front_json_is_opened(run: nas.Run) -> None:
    again = nas.open_run(run.folder / "front.json")
    assert again == run
    assert run.report == run.folder / "report.html"
    assert run.warnings == sample_front().warnings
    assert "give the folder of a finished search" in refusal(RunError, nas.open_run, run.folder / "models")


def test_a_front_is_a_sequence_of_its_members(run: nas.Run) -> None:
    front = run.front
    assert (len(front), len(list(front)), front[-1]) == (6, 6, front[5])
    assert front[1:3] == (front[1], front[2])
    assert front[2] in front
    assert [member.latency_ms.value for member in front] == sorted(member.latency_ms.value for member in front)
    assert front.index(run.member(3)) == 2
    assert len({*front}) == 6
    with pytest.raises(IndexError):
        front[6]


def test_a_member_says_what_front_json_says(run: nas.Run) -> None:
    member, found = run.front[2], sample_front().front[2]
    assert member.name == "m3 · 94.8 % · 10.4 ms"
    assert (member.key, member.notation, member.macs, member.params) == (
        found.key,
        found.notation,
        found.macs,
        found.params,
    )
    assert (member.accuracy, member.latency_ms, member.architecture) == (
        found.accuracy,
        found.latency_ms,
        found.architecture,
    )
    assert member.onnx == run.folder / found.onnx
    assert member.onnx.is_file()
    assert member.onnx_int8 is None
    assert run.front[0].onnx_int8 == run.folder / found.onnx.replace("2.onnx", "0.int8.onnx")
    assert run.front[1].accuracy.how == "finished"


def test_any_confirmed_network_is_found_by_number_or_key(run: nas.Run) -> None:
    beaten = run.front.result.confirmed[-1]
    assert run.member(1) == run.front[0]
    assert run.member(beaten.key).accuracy == beaten.accuracy
    assert run.member(beaten.key).name.startswith("c2 ")
    assert "there is no member 9" in refusal(ArchitectureError, run.member, 9)


def test_a_member_is_chosen(run: nas.Run) -> None:
    front = run.front
    assert front.at(latency_ms=14) == front[3]
    assert front.at(latency_ms=100, params=10**6) == front[1]
    assert front.at() == front[5]
    assert front.knee() in front[1:-1]
    assert front.recommended() == front[4]  # the cheapest within a point of the best
    told = "no member of the front is within latency_ms=1; the least there is: latency_ms=5.2"
    assert refusal(ConfigError, front.at, latency_ms=1) == told
    assert refusal(ConfigError, front.at, latency=1).startswith(
        "unknown cost 'latency'; did you mean latency_ms?; known: "
    )


def test_an_empty_front_says_so(empty: nas.Run) -> None:
    assert len(empty.front) == len(empty.trials) == 0
    for call in (empty.front.knee, empty.front.at):
        assert refusal(ConfigError, call).startswith("the front is empty: No network was confirmed")
    assert "no network can be recommended" in refusal(ConfigError, empty.front.recommended)
    assert len(empty.front.to_frame()) == len(empty.trials.to_frame()) == 0
    assert "No network was confirmed" in empty._repr_html_()
    assert empty.front.save(empty.folder / "front.csv").read_text() == "member\n"


def test_frames_have_a_row_for_each_member_and_trial(run: nas.Run) -> None:
    frame = run.front.to_frame()
    assert list(frame.index) == [1, 2, 3, 4, 5, 6]
    assert frame.loc[3, "name"] == run.front[2].name
    assert frame.latency_ms.is_monotonic_increasing
    assert (frame.latency_low_ms < frame.latency_ms).all()
    assert frame.macs.tolist() == [member.macs for member in run.front]
    assert frame.int8_accuracy.isna().tolist() == [False, False, True, False, False, False]
    trials = run.trials.to_frame()
    assert len(trials) == len(run.trials) == len(sample_trials())
    assert trials.state.value_counts().to_dict() == {"complete": 30, "rejected": 6, "failed": 2}
    assert trials.accuracy.max() == max(row.accuracy or 0 for row in run.trials)
    assert run.trials[:2] == tuple(sample_trials()[:2])


def test_without_pandas_the_message_says_what_to_install(run: nas.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for frame in (run.front.to_frame, run.trials.to_frame):
        assert refusal(ConfigError, frame) == "to_frame() needs pandas: pip install 'sepconv-nas[pandas]'"


def test_a_front_is_saved_by_the_ending_of_the_file(run: nas.Run, tmp_path: Path) -> None:
    rows = list(csv.DictReader(run.front.save(tmp_path / "f.csv").read_text().splitlines()))
    assert [row["key"] for row in rows] == [member.key for member in run.front]
    assert float(rows[0]["latency_high_ms"]) == run.front[0].latency_ms.high
    (tmp_path / "copy").mkdir()
    run.front.save(tmp_path / "copy" / "front.json")
    assert read_front(tmp_path / "copy") == run.front.result
    assert run.front.save(str(tmp_path / "f.PNG")).read_bytes().startswith(b"\x89PNG")
    assert ElementTree.fromstring(run.front.save(tmp_path / "f.svg").read_text()).tag.endswith("svg")
    told = "cannot save the front as 'f.xlsx'; the name must end in .csv, .json, .png, .svg"
    assert refusal(ConfigError, run.front.save, tmp_path / "f.xlsx") == told
    assert "cannot write" in refusal(RunError, run.front.save, tmp_path / "nowhere" / "f.csv")


def test_a_front_is_drawn_on_axes_of_ones_own(run: nas.Run) -> None:
    axes = Figure().subplots()
    assert run.front.plot(axes) is axes
    assert axes.get_xlabel() == "latency (ms)"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "front, confirmed (6)" in labels


def test_a_member_is_described_layer_by_layer(run: nas.Run) -> None:
    found = run.front[0].describe()
    assert "stage2.block1" in repr(found)
    assert "MACs" in repr(found)
    assert len(found.anatomy.parts) == 5
    assert "pixel4:1large" not in repr(found)  # a made-up configuration, of which no profile is there
    ElementTree.fromstring(found._repr_html_())
    there = run.front[0].describe(hardware="raspberry_pi4")
    assert [device.label for device in there.anatomy.devices] == ["raspberry_pi4:4t_fp32"]
    assert "beside the layers" in repr(there)
    assert "known:" in refusal(ProfileError, run.front[0].describe, hardware="raspberry")


def test_what_is_printed_is_plain_and_short(run: nas.Run) -> None:
    assert repr(run.front).splitlines()[1:] == [f"  {member.name}" for member in run.front]
    assert repr(run).splitlines()[-1] == f"report: {run.report}"
    assert repr(run.front[0]).startswith("<m1 · 90.5 % · 5.2 ms · f000000000000000: 224x3 conv3/2-16")


def test_notebooks_get_well_formed_html_without_script_or_address(run: nas.Run) -> None:
    for html in (run._repr_html_(), run.front._repr_html_(), run.front[1]._repr_html_()):
        ElementTree.fromstring(html)
        assert not re.search(r"<script|https?://(?!www\.w3\.org)", html)
        assert html.count("<svg") == 1
    assert run.front._repr_html_().count("<tr>") == 7
    assert 'stroke-width="2"' in run.front[1]._repr_html_()


def test_names_from_files_are_text_in_a_notebook(tmp_path: Path) -> None:
    front = sample_front()
    bad = replace(front, hardware=replace(front.hardware, device="<b>x</b>"), warnings=("<script>alert(1)</script>",))
    html = nas.open_run(write_run(tmp_path / "bad", bad, sample_trials()))._repr_html_()
    ElementTree.fromstring(html)
    assert "&lt;script&gt;" in html
    assert "<b>x" not in html
    assert json.dumps(html)


def test_dir_lists_what_there_is_and_all_of_it_is_there() -> None:
    listed = set(dir(nas))
    assert {*nas.__all__, "nets", "search", "training", "errors", "__version__"} <= listed
    assert all(hasattr(nas, name) for name in listed)
    assert not {"os", "sys", "signal", "import_module", "Any"} & listed


def test_the_stub_has_the_same_public_names() -> None:
    stub = Path(nas.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    for name in nas.__all__:
        assert f'"{name}"' in stub
        assert re.search(rf"import .*\b{name}\b", stub)
    assert stub.count('    "') == len(nas.__all__)


def test_the_page_names_what_there_is() -> None:
    table = (ROOT / "docs" / "python.md").read_text(encoding="utf-8").split("## Objects")[1].split("| of |")[1]
    for kind in (nas.Run, nas.Front, nas.Member):
        named = re.findall(rf"\b{kind.__name__.lower()}\.([a-z]\w*)", table)
        of_sequences = {"count", "index"}
        files = {"csv", "json"}
        assert {*named} - files == {name for name in dir(kind) if not name.startswith("_")} - of_sequences, kind
