"""What is wrong with a profile's files, told in one line."""

import shutil
from pathlib import Path

import pytest

from nas.errors import ProfileError
from nas.latency.profile import known_profiles, load_profile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped profile to damage."""
    return Path(shutil.copytree(known_profiles()["pixel4"], tmp_path / "mine"))


def refusal(name: str | Path) -> str:
    with pytest.raises(ProfileError) as caught:
        load_profile(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_unknown_hardware_lists_the_known() -> None:
    assert refusal("pixel5") == (
        f"unknown hardware 'pixel5'; known: {', '.join(sorted(known_profiles()))}. A path to a profile folder works too"
    )
    assert refusal("pixel5:1large_fp32").startswith("unknown hardware 'pixel5'")


def test_unknown_configuration_lists_the_known() -> None:
    known = "1large_fp32, 1large_int8, 1med_fp32, 1med_int8, 3med_fp32, 3med_int8"
    assert refusal("pixel4:9huge") == f"pixel4 has no configuration '9huge'; known: {known}"


def test_folder_without_profile(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path} is not a profile folder: it has no profile.yaml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("soc:", "sock:", "profile.yaml:soc is missing"),
        ("default:", "colour: red\ndefault:", "profile.yaml:colour is not known; known: configurations"),
        ('"2.10"', '""', "profile.yaml:runtime_version must be a text"),
        ("default: 1large", "default: 2large", "profile.yaml:default must be one of 1large_fp32"),
        ("threads: 1", "threads: none", "profile.yaml:configurations.1large_fp32.threads must be a whole number"),
        ("precision: fp32", "precision: fp31", "configurations.1large_fp32.precision must be one of fp16, fp32, int8"),
        ("threads: 1,", "", "profile.yaml:configurations.1large_fp32.threads is missing"),
        (
            "threads: 1,",
            "threads: 1, like: 3,",
            "configurations.1large_fp32.like must be the label of a profile, got 3",
        ),
        ("notes:\n", "notes: 1\nwords:\n", "profile.yaml:words is not known"),
        ("device: ", "device: [", "profile.yaml: not YAML"),
        ("device: ", "device: !!python/name:os.system ", "profile.yaml: not YAML"),
    ],
)
def test_wrong_profile_yaml(folder: Path, old: str, new: str, message: str) -> None:
    edit(folder / "profile.yaml", old, new)
    assert message in refusal(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("latency.csv", "39.722", "fast", "latency.csv:2: mean_ms must be a number of milliseconds, got 'fast'"),
        ("latency.csv", "39.722", "-1", "latency.csv:2: mean_ms must be a number"),
        ("latency.csv", "39.722", "0", "latency.csv:2: mean_ms must be above 0"),
        ("latency.csv", "12.2493,0.029", "12.2493,nan", "latency.csv:3: spread_ms must be a number"),
        ("latency.csv", "12.2493,0.029", "12.2493", "latency.csv:3: the row must have 4 cells"),
        ("latency.csv", "fp32,mobilenet_wd2", "fp32,mobilenet_w1", "latency.csv:3: network 'mobilenet_w1' is measured"),
        ("latency.csv", "fp32,mobilenet_wd2", "fp32,resnet", "latency.csv:3: network 'resnet' is not in networks.csv"),
        ("latency.csv", "mean_ms", "ms", "latency.csv:1: the columns must be configuration,name,mean_ms,spread_ms"),
        ("networks.csv", "mobilenet_wd2", "mobilenet_w1", "networks.csv:3: network 'mobilenet_w1' is given twice"),
        ("networks.csv", "sep3-64", "sepp-64", "networks.csv:2: cannot read the block 'sepp-64'"),
    ],
)
def test_wrong_tables(folder: Path, file: str, old: str, new: str, message: str) -> None:
    edit(folder / file, old, new)
    assert message in refusal(folder)


def test_missing_and_too_short_tables(folder: Path) -> None:
    lines = (folder / "latency.csv").read_text().splitlines()
    (folder / "latency.csv").write_text("\n".join(lines[:4]) + "\n")
    assert "1large_fp32 has 3 networks; a fit needs 4 or more" in refusal(folder)
    (folder / "networks.csv").unlink()
    assert "networks.csv: cannot be read" in refusal(folder)
