"""nas.train: members of a run and other networks, from the command line."""

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
import yaml

import nas.train
from nas.commandline import parse
from nas.commandline.composing import compose, read_arguments
from nas.data.settings import DataSettings
from nas.nets.build import build
from nas.results.finished import with_finished
from nas.results.front import Front
from nas.results.run_folder import read_front
from nas.search.finish.settings import AugmentSettings, TrainSettings
from nas.search.finish.subject import subject_of
from nas.spaces.architecture import Architecture
from tests.helpers.calls import call, check_refused
from tests.helpers.images import write_classes
from tests.helpers.run_sample import check_run, sample_front, sample_trials, write_run
from tests.helpers.weights import trained

ARCH = Architecture.from_notation("16x1 conv3/2-8 sep3/2-16 fc10")
DATA = {"source": "digits", "path": None, "limit": 120, "val_fraction": 0.2, "test_fraction": 0.2}
QUICK = ("epochs=2", "batch_size=16", "calibration=16")

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


@pytest.fixture
def run(here: Path) -> Path:
    """The folder of a finished search of digits, whose second member is a network that trains in a second."""
    front = sample_front(3)
    small = replace(front.front[1], key=ARCH.key, notation=ARCH.notation, architecture=ARCH, finished=None)
    front = replace(
        front,
        front=(front.front[0], small, front.front[2]),
        confirmed=(front.front[0], small, front.front[2]),
    )
    folder = write_run(here / "run", front, sample_trials())
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump({"data": DATA, "search_space": "tiny", "trials": 3}))
    return folder


def member(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "front.json").read_text())["front"][1]
    return found


def test_a_member_is_finished_after_an_interruption_and_told_in_the_run(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say = nas.train.say

    def interrupt(line: str) -> None:
        say(line)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(nas.train, "say", interrupt)
        assert call(monkeypatch, "train", "run=run", "member=2", *QUICK) == 130
    said = capsys.readouterr()
    assert said.out.startswith("member 2: epoch 1/2  loss ")
    assert said.out.count("\n") == 1
    assert "To go on:\n  python -m nas.train run=run member=2 epochs=2" in said.err
    assert "finished" not in json.dumps(member(run)["finished"] or {})

    assert call(monkeypatch, "train", "run=run", "member=2", *QUICK) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("member 2: epoch 2/2")
    assert " on the test images, 1 seed, 2 epochs; " in lines[1]
    assert lines[-1] == f"report: {run / 'report.html'}"
    front = check_run(run)
    found = front.front[1].finished
    assert found is not None
    assert (found.epochs, found.accuracy.how, found.accuracy.seeds) == (2, "finished", 1)
    assert found.best_epoch in (1, 2)
    for file in found.files:
        assert file.path == f"finished/{ARCH.key}{'.int8' if file.precision == 'int8' else ''}.onnx"
        texts = {entry.key: entry.value for entry in onnx.load(run / file.path).metadata_props}
        assert texts["notation"] == ARCH.notation
    assert "Full trainings" in (run / "report.html").read_text()
    assert not (run / "finished" / "weights").exists()

    assert call(monkeypatch, "train", f"run={run}/front.json", f"member={ARCH.key[:8]}x"[:-1], *QUICK) == 0
    assert "is finished already" in capsys.readouterr().out
    bare = replace(front, front=_without(front), confirmed=_without(front))
    assert with_finished(bare, run) == front  # what a search that is resumed writes


def test_files_name_what_a_training_starts_from(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colours = replace(ARCH, in_channels=3)
    torch.save({"state_dict": trained(colours).state_dict(), "notation": colours.notation}, run.parent / "mine.pth")
    asked = (f"arch='{ARCH.notation}'", "data=digits", "data.limit=120", "hydra.run.dir=out", *QUICK)
    assert call(monkeypatch, "train", *asked, "init=mine.pth") == 0
    (about,) = (run.parent / "out" / "finished").glob("*.json")
    assert json.loads(about.read_text())["finished"]["init"] == "mine"
    files = list((run.parent / "out" / "finished").glob("*.onnx"))
    assert len(files) == 2
    for file in files:
        texts = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
        assert texts["licence"].startswith("trained from mine, whose licence is unknown, ask who gave them")
        assert json.loads(texts["init"])["tensors"] == len(build(ARCH).state_dict())

    assert call(monkeypatch, "train", "run=run", "member=2", *QUICK) == 0
    found = check_run(run).front[1].finished
    assert found is not None
    texts = {entry.key: entry.value for entry in onnx.load(run / found.files[0].path).metadata_props}
    assert (found.init, "init" in texts) == (None, False)
    assert texts["licence"].startswith("trained from random weights")
    front = read_front(run)
    assert json.loads(texts["run"]) == {"space": front.search_space, "search_seed": front.seed}
    assert texts["version"].startswith("0.")


def test_the_space_by_which_networks_are_cut_is_the_runs_whatever_they_start_from(run: Path) -> None:
    told = {"data": DATA, "search_space": "auto", "init": "efficientnet_lite1"}
    (run / ".hydra" / "config.yaml").write_text(yaml.safe_dump(told))
    (config,) = compose("train", TrainSettings, read_arguments(["run=run", "member=2", "init=mine.pth"]))
    found = subject_of(parse(config, TrainSettings), run)
    assert found.space is not None
    assert (found.init, found.space.name) == ("mine.pth", "lite")


def _without(front: Front) -> tuple[nas.results.member.Member, ...]:
    return tuple(replace(each, finished=None) for each in front.front)


def test_any_network_is_trained_to_the_classes_of_the_data_with_a_teacher_and_seeds(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("arch='16x3 conv3/2-8 fc1000'", "data=digits", "data.limit=120", "seeds=2", "hydra.run.dir=out", *QUICK)
    assert call(monkeypatch, "train", *asked, "augment.cutmix=1") == 0
    assert "2 seeds, 2 epochs" in capsys.readouterr().out
    (path,) = (here / "out" / "finished").glob("*[!8].onnx")
    assert (here / "out" / ".hydra" / "config.yaml").is_file()
    texts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert texts["notation"] == "16x1 conv3/2-8 fc10"
    teacher = f"training.distillation.teacher={path}"
    assert call(monkeypatch, "train", *asked, teacher, "hydra.run.dir=taught") == 0
    (about,) = (here / "taught" / "finished").glob("*.json")
    assert json.loads(about.read_text())["finished"]["teacher"] == path.name


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "give either run=RUN member=2"),
        (["run=run"], "member is not set; give member=2"),
        (["run=nowhere", "member=1"], "run='nowhere' is no folder of a finished search"),
        (["run=run", "member=9"], "there is no member 9: run has members 1 to 3"),
        (["run=run", "member=[2,9]"], "there is no member 9"),
        (["run=run", "member=zzzz"], "no member begins with 'zzzz'"),
        (["run=run", "member=1"], "member 1 takes images of 3 channels in 10 classes, the data have 1 channels"),
        (["run=run", "arch=mobilenet_v2", "member=1"], "give either run=RUN member=2"),
        (["arch=mobilenet_v2"], "arch=… needs data=…"),
        (["arch=mobilenet_v2", "member=2", "data=digits"], "member=2 goes with the folder of a run"),
        (["arch=run#9", "data=digits"], "there is no member 9"),
        (["run=run", "member=2", "augment.crop=7"], "augment.crop must be a number from 0.01 to 1"),
        (["run=run", "member=2", "augment.mixup=-1"], "augment.mixup must be a number from 0"),
        (["run=run", "member=2", "epochs=0"], "epochs: input should be greater"),
        (["run=run", "member=2", "init=foo"], "unknown init 'foo'"),
        (["run=run", "member=2", "strategy=magic"], "devices=1 strategy=magic: "),
        (["run=run", "member=2", "training.distillation.teacher=no.onnx"], "there is no teacher"),
        (["run=run", "member=2", "training.distillation.teacher=supernet"], "training.distillation.teacher must be"),
        (["arch=mobilenet_v2", "data=digits", "training.distillation.teacher=best"], "training.distillation.teacher=b"),
        (["run=run", "member=2", "data=imagefolder", "data.path=nowhere"], "data.path 'nowhere'"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_line(
    run: Path,
    arguments: list[str],
    error: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(run.rglob("*"))
    check_refused(monkeypatch, capsys, "train", arguments, error)
    assert sorted({*run.rglob("*")} - {*before}) in ([], [run / ".lock"])


def test_a_run_without_its_settings_wants_to_know_its_images(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / ".hydra" / "config.yaml").unlink()
    check_refused(monkeypatch, capsys, "train", ["run=run", "member=2"], "run/.hydra/config.yaml is not there")
    before = read_front(run)
    (run / ".hydra" / "config.yaml").write_text("data: {source: 3}")
    check_refused(monkeypatch, capsys, "train", ["run=run", "member=2"], "run/.hydra/config.yaml: ")
    assert read_front(run) == before


def test_a_run_whose_images_are_gone_is_finished_with_those_that_it_decoded(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "val", "test"):
        write_classes(run.parent / "photos" / split, {str(digit): 6 for digit in range(10)}, (32, 32))
    data = {"source": "imagefolder", "path": "photos", "channels": 1}
    (run / ".hydra" / "config.yaml").write_text(yaml.safe_dump({"data": data, "search_space": "tiny"}))
    assert call(monkeypatch, "train", "run=run", "member=2", "epochs=1", "calibration=16") == 0
    (run.parent / "photos").rename(run.parent / "elsewhere")
    run.rename(run.parent / "moved")
    capsys.readouterr()
    again = ("run=moved", "member=2", "epochs=2", "calibration=16")
    assert call(monkeypatch, "train", *again) == 0
    said = capsys.readouterr()
    assert said.err.startswith("warning: the images are not where they were (data.path 'photos' does not exist")
    assert " 2 epochs" in said.out
    assert call(monkeypatch, "train", *again, "data=imagefolder", "data.path=elsewhere", "data.channels=1") == 0
    (run.parent / "moved" / "images" / "16").rename(run.parent / "away")
    capsys.readouterr()
    check_refused(monkeypatch, capsys, "train", again, "data.path 'photos' does not exist")


def test_augmentation_replaces_what_the_data_say() -> None:
    data, nothing = DataSettings(flip=True, shift=4), (None,) * 8
    assert AugmentSettings(*nothing).of(data) == data
    assert AugmentSettings("alternating", 0, 0.5, *nothing[3:]).of(data) == replace(
        data, flip="alternating", shift=0, crop=0.5
    )
