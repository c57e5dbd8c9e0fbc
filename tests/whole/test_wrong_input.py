"""Wrong input is one line and exit code 2."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nas.report.__main__ import main as report
from tests.helpers.calls import call

TYPO = """
resolution: 32
downsample: 2
stages:
  - {op: sep, kernal: 3, out_channels: 8, stride: 2}
"""

# what is wrong: command, arguments, what the one line must say
WRONG: dict[str, tuple[str, list[str], str]] = {
    "hardware": ("search", ["hardware=pixel5"], r"unknown hardware.* 'pixel5'; known: .*pixel4"),
    "device": ("search", ["device=phone"], r"device: .*'auto', 'none', 'host', 'ssh' or 'adb', got 'phone'"),
    "accelerator": ("search", ["accelerator=tpu"], r"accelerator: .*'auto', 'cpu' or 'gpu', got 'tpu'"),
    "device without host": ("search", ["device=ssh"], r"device=ssh needs host=…"),
    "host without device": ("search", ["reach.host=pi"], r"host goes with device=ssh, not with device=host"),
    "configuration": ("search", ["hardware=pixel4:9huge"], r"9huge.*1large_fp32"),
    "space": ("search", ["search_space=huge"], r"unknown search space 'huge'; known: .*separable.*tiny"),
    "space typo": ("search", ["search_space=typo.yaml"], r"typo\.yaml: stage1: unknown key 'kernal'; known: .*kernel"),
    "space not YAML": ("search", ["search_space=broken.yaml"], r"broken\.yaml: not YAML"),
    "negative budget": ("search", ["budget=-3M"], r"a budget must be above 0, got -3M MACs"),
    "unreadable budget": ("search", ["budget=abc"], r"cannot read the budget 'abc'; use 300M"),
    "zero budget": ("search", ["budget=0ms"], r"a budget must be above 0, got 0 ms"),
    "budget without unit": ("search", ["budget=300"], r"no unit in the budget '300'"),
    "budget unit": ("search", ["budget=3parsec"], r"unknown unit 'parsec'"),
    "budget twice": ("search", ["budget=[300M,200M]"], r"the budget limits macs twice"),
    "impossible budget": ("search", ["budget=1k"], r"no network of small meets the budget .* smallest has [\d.]+M"),
    "impossible second budget": ("search", ["budget=[300M,0.01ms]"], r"no network .* the smallest has .* ms"),
    "data path": ("search", ["data=imagefolder", "data.path=nowhere"], r"nowhere"),
    "no data path": ("search", ["data=imagefolder"], r"data\.path is not set; give data\.path="),
    "empty data folder": ("search", ["data=imagefolder", "data.path=empty"], r"empty"),
    "run folder": (
        "search",
        ["hydra.run.dir=file/run"],
        r"cannot write the run folder.*file/run; choose hydra.run.dir",
    ),
    "run folder is a file": ("search", ["hydra.run.dir=file"], r"cannot write the run folder.*file"),
    "unknown key": ("search", ["trails=3"], r"unknown setting 'trails'; did you mean trials\? known: .*trials"),
    "unknown inner key": (
        "search",
        ["confirm.epoch=3"],
        r"unknown .*; did you mean confirm\.epochs\? ",
    ),
    "added key": ("search", ["+colour=red"], r"unknown setting 'colour'; did you mean data\.colour\? known: .*budget"),
    "added inner key": ("search", ["+proxy.width=2"], r"unknown setting 'proxy\.width'; known: .*proxy\.epochs"),
    "wrong type": ("search", ["trials=many"], r"trials: .*integer.*'many'"),
    "wrong inner type": ("search", ["proxy.learning_rate=fast"], r"proxy\.learning_rate: .*number.*'fast'"),
    "wrong type of a list": ("search", ["baselines.widths=[a]"], r"baselines\.widths\.0: .*'a'"),
    "zero trials": ("search", ["trials=0"], r"trials: .*greater than or equal to 1, got 0"),
    "zero workers": ("search", ["workers=0"], r"workers.*: .*greater than or equal to 1, got 0"),
    "negative seed": ("search", ["seed=-1"], r"seed: .*greater than or equal to 0, got -1"),
    "zero time": ("search", ["time_limit=0"], r"time_limit.*: .*greater than 0, got 0"),
    "members": (
        "search",
        ["confirm.members=13"],
        r"confirm\.members=13 is more than .* confirm\.networks=4, .* up to 8",
    ),
    "objective": ("search", ["objectives=[accuracy,speed]"], r"unknown objective 'speed'; known: accuracy, .*latency"),
    "no device": ("search", ["hardware=[]"], r"hardware=\[\] names no device"),
    "unknown device": ("search", ["hardware=[pixel4,pixel5]"], r"unknown hardware.* 'pixel5'"),
    "device twice": ("search", ["hardware=[pixel4,pixel4]"], r"hardware lists 'pixel4:1large_fp32' twice"),
    "combine": ("search", ["combine=best"], r"combine: .*'each' or 'worst', got 'best'"),
    "combine of one": ("search", ["combine=worst"], r"combine=worst is for several devices"),
    "limit of no device": (
        "search",
        ["hardware=[pixel4,raspberry_pi4]", "budget=[iphone:20ms]"],
        r"the budget limits 'iphone', which is none of the devices of hardware: pixel4, raspberry_pi4",
    ),
    "several measured": (
        "search",
        ["hardware=[pixel4,raspberry_pi4]", "device=host"],
        r"device=host measures on one device, and hardware lists 2; use device=none",
    ),
    "batch": ("search", ["batch=8"], r"no configuration like it at batch 8; known: .* nas\.record batch=8"),
    "no energy": ("search", ["objectives=[accuracy,energy]"], r"pixel4:1large_fp32 has no figures of the energy"),
    "no accuracy": ("search", ["objectives=[latency]"], r"accuracy must be one of the objectives"),
    "rungs": ("search", ["rungs=[short,huge]"], r"unknown rung 'huge'; known: .*short"),
    "order of rungs": (
        "search",
        ["rungs=[long,short]"],
        r"must go from cheap to expensive .* got \['long', 'short'\]",
    ),
    "score": ("search", ["score.names=[magic]"], r"unknown score 'magic'; known: depth, .*zico"),
    "no rungs": ("search", ["rungs=[]"], r"the last of rungs must be a training.*got \[\]"),
    "keep": ("search", ["keep=1.5"], r"keep: .*less than 1, got 1\.5"),
    "patience": ("search", ["patience=0"], r"patience.*: .*greater than or equal to 1, got 0"),
    "group option": ("search", ["sampler=magic"], r"unknown sampler 'magic'; known: nsga2, pareto, random, tpe"),
    "tracker option": (
        "search",
        ["tracker=neptune"],
        r"unknown tracker 'neptune'; known: mlflow, none, tensorboard, wandb",
    ),
    "data option": (
        "search",
        ["data=mnist"],
        r"unknown data 'mnist'; known: cifar10, digits, fashion_mnist, hf, imagefolder",
    ),
    "group name": ("search", ["sampler.name=magic"], r"unknown sampler 'magic'; known: nsga2, pareto, random, tpe"),
    "proxy name": ("search", ["proxy.name=magic"], r"unknown proxy 'magic'; known: probe, score, short, supernet"),
    "executor name": ("search", ["executor.name=magic"], r"unknown executor 'magic'; known: local, ray, submitit"),
    "grammar": ("search", ["budget=[300M"], r"cannot read the command line: .* in 'budget=\[300M'"),
    "no value": ("search", ["trials"], r"trials"),
    "sampler option": ("search", ["sampler.start=many", "data.limit=60"], r"sampler\.start: input should be .*'many'"),
    "storage": ("search", ["storage=nothing://x", "data.limit=60"], r"cannot open storage=nothing://x"),
    "no arch": ("predict", [], r"arch is not set; give arch="),
    "arch": ("predict", ["arch=resnet50"], r"unknown network 'resnet50'; like it are .*; python -m nas.networks lists"),
    "arch JSON": ("predict", ["arch=broken.json"], r"broken\.json"),
    "arch key": ("predict", ["arch=typo.json"], r"typo\.json.*kernal"),
    "arch file": ("predict", ["arch=nowhere.json"], r"nowhere\.json"),
    "arch notation": ("predict", ["arch='32x3 conv3/2-8 septic fc10'"], r"cannot read the block 'septic'"),
    "format": ("predict", ["arch=mobilenet_v2", "format=xml"], r"format: .*'text' or 'json'.*'xml'"),
    "predict hardware": ("predict", ["arch=mobilenet_v2", "hardware=pixel5"], r"unknown hardware.* 'pixel5'"),
    "validate hardware": ("validate", ["hardware=pixel5"], r"unknown hardware.* 'pixel5'"),
    "validate key": (
        "validate",
        ["hardwear=pixel4"],
        r"did you mean hardware\? known: format, hardware, rem",
    ),
}


@pytest.fixture
def mistakes(here: Path) -> Path:
    (here / "typo.yaml").write_text(TYPO)
    (here / "broken.yaml").write_text("stages: [")
    (here / "broken.json").write_text("{")
    (here / "typo.json").write_text(
        '{"resolution": 32, "blocks": [{"op": "conv", "kernel": 3, "stride": 1, "out_channels": 8, "kernal": 3}]}'
    )
    (here / "file").write_text("not a folder")
    (here / "empty").mkdir()
    return here


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_one_line_and_exit_code_2(
    what: str, mistakes: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    name, arguments, message = WRONG[what]
    assert call(monkeypatch, name, *arguments) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert re.search(message, lines[0]), lines[0]


def test_report_of_no_run_folder(mistakes: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["report", "empty"])
    assert report() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"error: empty/front\.json: cannot be read: .*; give the folder of a finished search", line)


def test_a_real_process_says_the_same(mistakes: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "nas.search", "budget=-3M"], capture_output=True, text=True, timeout=300, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(r"error: a budget must be above 0, got -3M MACs; .*\n", ended.stderr)
