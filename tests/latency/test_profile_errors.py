"""What is wrong with a profile's files, told in one line."""

import re
import shutil
from pathlib import Path

import pytest

from nas.errors import ProfileError
from nas.latency.profile import canonical_hardware, known_profiles, load_profile, read_profile_yaml
from nas.resources import names


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
        f"unknown hardware 'pixel5'; known: {names(known_profiles())}. A path to a profile folder works too. "
        "Did you mean pixel4?"
    )
    assert refusal("pixel5:1large_fp32").startswith("unknown hardware 'pixel5'")


def test_unknown_configuration_lists_the_known() -> None:
    known = names(read_profile_yaml(known_profiles()["pixel4"] / "profile.yaml")["configurations"])
    assert refusal("pixel4:9huge") == f"pixel4 has no configuration '9huge'; known: {known}"


def test_folder_without_profile(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path} is not a profile folder: it has no profile.yaml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("soc:", "sock:", "profile.yaml: soc: is missing"),
        ("default:", "colour: red\ndefault:", "profile.yaml: colour: is no known key"),
        ('"2.10"', '""', "profile.yaml: runtime_version: must be a text that is not empty, got ''"),
        ("default: 1large", "default: 2large", "profile.yaml: default: must be one of 1large1med_fp32, "),
        (
            "threads: 1",
            "threads: none",
            "profile.yaml: configurations.1large_fp32.threads: input should be a valid integer, got 'none'",
        ),
        (
            "precision: fp32",
            "precision: fp31",
            "configurations.1large_fp32.precision: input should be 'fp32', 'fp16' or 'int8', got 'fp31'",
        ),
        ("threads: 1,", "", "profile.yaml: configurations.1large_fp32.threads: is missing"),
        (
            "threads: 1,",
            "threads: 1, like: [3],",
            "configurations.1large_fp32.like: input should be a valid string, got",
        ),
        ("threads: 1,", "threads: 016,", ": 016: write 16"),
        ("threads: 1,", "threads: 1, threads: 1,", "the key 'threads' is given twice"),
        ("precision: fp32", "precision: [fp32]", "precision: input should be 'fp32', 'fp16' or 'int8', got ['fp32']"),
        ("default: 1large_fp32", "default: [1]", "profile.yaml: default: input should be a valid string, got [1]"),
        ("notes:\n", "notes:\n  - 5\n", "profile.yaml: notes.0: input should be a valid string, got 5"),
        ("notes:\n", "words:\n", "profile.yaml: words: is no known key"),
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
        ("latency.csv", "39.722", "1e-300", "latency.csv:2: mean_ms must be above 0, got '1e-300'"),
        ("latency.csv", "39.722", "1e300", "latency.csv:2: mean_ms must be a number of milliseconds, got '1e300'"),
        ("latency.csv", "39.722", "1e9", "latency.csv:2: mean_ms must be above 0, got '1e9'; from 1e-06 to 1e+07 is"),
        ("latency.csv", "39.722", "39_722", "latency.csv:2: mean_ms must be a number of milliseconds, got '39_722'"),
        ("latency.csv", "39.722", "\u0663", "latency.csv:2: mean_ms must be a number of milliseconds, got '\u0663'"),
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


def test_one_network_by_two_notations_is_refused(folder: Path) -> None:
    notation = (folder / "networks.csv").read_text().splitlines()[1].split(",")[1]
    with (folder / "networks.csv").open("a") as file:
        file.write(f"again,{notation.replace('224x3', '0224x3')}\n")
    assert "networks.csv:20: network 'again' is the same as 'mobilenet_w1'; keep one of them" in refusal(folder)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A copy of the shipped profile that nas.record made."""
    return Path(shutil.copytree(known_profiles()["host_x86"], tmp_path / "mine"))


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("latency.csv", {"role": "fits"}, "role must be one of fit, validate, got 'fits'"),
        ("latency.csv", {"low_ms": "0.2"}, "mean_ms must be from low_ms to high_ms, got 0.15653, 0.2 and 0.16066"),
        ("latency.csv", {"bursts": "16.5"}, "bursts must be a whole number in the digits 0 to 9, got '16.5'"),
        ("latency.csv", {"runs": "9" * 5000}, "runs a number of 5000 characters is too long, got '999"),
        ("kernels.csv", {"name": "nothing"}, "network 'nothing' is not in networks.csv"),
        ("kernels.csv", {"layers_us": "1 2 3"}, "network 'f67599052ceb7d56' has 17 layers, layers_us has 3"),
        ("kernels.csv", {"layers_us": " ".join("1" * 16) + " -1"}, "layers_us must be a number of microseconds, got"),
        ("layers.csv", {"op": "norm"}, "op must be one of add, conv, depthwise, linear, pool, scale, got 'norm'"),
        ("layers.csv", {"stride": "0"}, "stride must be from 1 to 1,000,000, got 0"),
        ("layers.csv", {"in_size": "-7"}, "in_size must be from 1 to 1,000,000, got -7"),
        ("layers.csv", {"kernel": "1" + "0" * 12}, "kernel must be from 1 to 1,000,000, got 1000000000000"),
        ("layers.csv", {"kernel": "1_0"}, "kernel must be a whole number in the digits 0 to 9, got '1_0'"),
        ("layers.csv", {"norm": "2"}, "norm must be from 0 to 1, got 2"),
        ("layers.csv", {"activation": "swish"}, "unknown activation 'swish'; known: elu, hsigmoid, hswish, none, relu"),
        ("layers.csv", {"out_channels": "8"}, "depthwise keeps channels, got in_channels 4608 and 8 out"),
        (
            "layers.csv",
            {"op": "conv", "in_size": "1000000", "kernel": "999"},
            "a layer has at most 9.0e+15 multiply-acc",
        ),
        ("layers.csv", {"mean_ms": "0"}, "mean_ms must be above 0, got '0'"),
    ],
)
def test_wrong_rows_of_a_recorded_profile(recorded: Path, file: str, changes: dict[str, str], message: str) -> None:
    header, first, *others = (recorded / file).read_text().splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True)) | changes
    (recorded / file).write_text("\n".join([header, ",".join(row.values()), *others]))
    assert f"{file}:2: {message}" in refusal(recorded)


@pytest.mark.parametrize("file", ["latency.csv", "kernels.csv", "layers.csv"])
def test_two_rows_of_one_thing_are_refused(recorded: Path, file: str) -> None:
    lines = (recorded / file).read_text().splitlines()
    (recorded / file).write_text("\n".join([*lines, lines[1]]))
    assert re.search(rf"{file}:{len(lines) + 1}: .* measured twice on '", refusal(recorded))


def test_texts_are_kept_as_they_are_written(folder: Path) -> None:
    edit(folder / "profile.yaml", '"2.10"', "2.10")
    assert load_profile(folder).runtime_version == "2.10"


def test_folders_with_byte_order_marks_and_letters_of_any_script_are_read(folder: Path) -> None:
    for file in folder.iterdir():
        if file.suffix in (".yaml", ".csv"):
            file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    edit(folder / "profile.yaml", "device: ", "device: Größe ")
    assert load_profile(folder).device.startswith("Größe ")


@pytest.mark.parametrize("spelled", ["my_box", "./hardware_profiles/my_box", "hardware_profiles/my_box"])
def test_what_was_recorded_here_is_known_by_its_name(
    spelled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(known_profiles()["pixel4"], tmp_path / "hardware_profiles" / "my_box")
    assert load_profile(spelled).label == "my_box:1large_fp32"
    assert load_profile(f"{spelled}:1large_int8").label == "my_box:1large_int8"
    assert canonical_hardware(spelled) == canonical_hardware("my_box") == "hardware_profiles/my_box"
    with pytest.raises(ProfileError, match=r"Did you mean my_box\?"):
        load_profile("my_bxo")


def test_a_shipped_name_means_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(known_profiles()["iphone7"], tmp_path / "hardware_profiles" / "pixel4")
    assert load_profile("pixel4").device == "Google Pixel 4"
    assert load_profile("./hardware_profiles/pixel4").device == "Apple iPhone 7"
