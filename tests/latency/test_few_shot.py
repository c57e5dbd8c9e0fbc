"""Few-shot profiles: reading ten rows, adapting a known profile, writing it, and what it predicts."""

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra

from nas.errors import ProfileError
from nas.latency.features import network_counts
from nas.latency.few_shot import FEWEST, few_shot, read_rows, write_few_shot
from nas.latency.models import known_devices
from nas.latency.models.linear import RIDGE, fit, known_coefficients, observed
from nas.latency.predictor import latency, predictor
from nas.latency.profile import HardwareProfile, Measurement, known_labels, known_profiles, load_profile
from nas.latency.validation import leave_one_out, spearman
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from tests.helpers.calls import call
from tests.helpers.paths import ROOT, shared_data

PIXEL4 = load_profile("pixel4")
NAMES = [
    f"mobilenet_v{v}_w{w}_r{r}" for v in (1, 2) for w, r in ((1, 224), (0.5, 224), (0.5, 128), (1, 160), (0.75, 192))
]
FIVES = "224x3 conv3/2-32 mb5e3/2-24x2 mb5e6/2-40x3 mb5e6/2-80x3 mb5e6/2-160x3 conv1-1280 fc1000"


def timed(name: str, profile: HardwareProfile, factor: float = 1.0) -> Measurement:
    """A network whose milliseconds are `factor` times what `profile` predicts."""
    arch = baseline(name)
    return Measurement(name, arch, factor * predictor(profile).model.milliseconds(network_counts(arch)), 0.0)


ROWS = tuple(timed(name, PIXEL4, 3.0) for name in NAMES)


def refusal(call, *arguments, **options) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(ProfileError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Reading


def test_rows_are_names_notations_files_and_json(tmp_path: Path) -> None:
    file = tmp_path / "net.json"
    file.write_text(json.dumps(baseline("mobilenet_v2_w0.5").to_json()))
    inline = json.dumps(baseline("mobilenet_v1_w0.25").to_json())
    with (tmp_path / "rows.csv").open("w", newline="") as stream:
        cells = [("arch", "ms"), ("mobilenet_v2", "27.5"), (FIVES, 12), (str(file), "8"), (inline, "1e0")]
        csv.writer(stream).writerows(cells)
    named, notation, path, text = read_rows(tmp_path / "rows.csv")
    assert named == Measurement("mobilenet_v2", baseline("mobilenet_v2"), 27.5, 0.0)
    assert notation == Measurement(notation.architecture.key, Architecture.from_notation(FIVES), 12.0, 0.0)
    assert (path.architecture, path.ms) == (baseline("mobilenet_v2_w0.5"), 8.0)
    assert (text.architecture, text.ms) == (baseline("mobilenet_v1_w0.25"), 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,ms\nmobilenet_v2,3\n", "rows.csv:1: the columns must be arch,ms, got 'name,ms'"),
        ("arch,ms\nmobilenet_v2,3\nresnet,3\n", "rows.csv:3: unknown network 'resnet'; like it are "),
        ("arch,ms\nmobilenet_v2,fast\n", "rows.csv:2: ms must be a number of milliseconds, got 'fast'"),
        ("arch,ms\nmobilenet_v2,0\n", "rows.csv:2: ms must be above 0, got '0'"),
        ("arch,ms\nmobilenet_v2\n", "rows.csv:2: the row must have 2 cells"),
        (
            "arch,ms\nmobilenet_v2,3\nmobilenet_v2_r224,3\n",
            "rows.csv:3: the network 'mobilenet_v2_r224' is given twice",
        ),
        ("arch,ms\n224x3 conw3-4 fc10,3\n", "rows.csv:2: cannot read the block 'conw3-4'"),
        ("arch,ms\n{resolution: 3},3\n", "rows.csv:2: arch: not JSON"),
        ("arch,ms\nnowhere/net.json,3\n", "rows.csv:2: nowhere/net.json: cannot be read"),
    ],
)
def test_wrong_rows_are_one_line_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    assert message in refusal(read_rows, tmp_path / "rows.csv")


# Adapting


def test_a_device_three_times_slower_is_learned_from_ten_networks() -> None:
    profile = few_shot("phone", ROWS, "pixel4")
    for name in ("mobilenet_v1_w0.25_r192", "mobilenet_v2_w1_r192", "mobilenet_v2_w0.35"):
        expected = timed(name, PIXEL4, 3.0)
        assert latency(expected.architecture, profile).ms == pytest.approx(expected.ms, rel=0.02)
    assert leave_one_out(profile).mape_percent < 2


def test_the_most_alike_profile_of_the_precision_is_taken() -> None:
    label = "raspberry_pi4:4t_int8"
    rows = tuple(timed(name, load_profile(label), 0.4) for name in NAMES)
    profile = few_shot("phone", rows, precision="int8")
    tried = [known for known in known_labels() if "int8" in known and not known.startswith("host")]
    errors = {known: leave_one_out(few_shot("phone", rows, known)) for known in tried}
    assert profile.like == label
    assert leave_one_out(profile) == errors[label]
    assert errors[label].mape_percent == min(found.mape_percent for found in errors.values())
    assert few_shot("phone", rows, precision="int8") == profile


def test_the_profile_says_that_it_is_few_shot_and_its_error() -> None:
    profile = few_shot("phone", ROWS, "pixel4", threads=2, about={"device": "A phone", "cores": "2 large"})
    errors = leave_one_out(profile)
    stated = profile.provenance()
    assert (stated["like"], stated["device"], stated["cores"]) == ("pixel4:1large_fp32", "A phone", "2 large")
    assert (profile.label, stated["soc"], stated["networks"]) == ("phone:2t_fp32", "not stated", 10)
    assert stated["notes"] == [
        "Few-shot: 10 networks adapt pixel4:1large_fp32. Each of them predicted from the others errs by "
        f"{errors.mape_percent:.1f} % in the mean, {errors.max_percent:.1f} % at most."
    ]
    assert "like" not in PIXEL4.provenance()


@pytest.mark.parametrize(("label", "like"), [("pixel4:3med_int8", "raspberry_pi4:4t_int8"), ("pixel4", "jetson_orin")])
def test_five_networks_never_make_a_cost_out_of_nothing(label: str, like: str) -> None:
    """A feature that costs nothing on any known device is left out, whatever the five networks are."""
    known = load_profile(label)
    for seed in range(12):
        order = np.random.default_rng(seed).permutation(len(known.measurements))[:5]
        profile = few_shot("phone", [known.measurements[index] for index in order], like)
        for row in known.measurements:
            assert latency(row.architecture, profile).ms < 2 * row.ms


def test_a_few_shot_profile_borrows_nothing_from_its_own_device() -> None:
    """Nor does the profile it is like, which else would have borrowed from the shelf's figures of that very device."""
    rows = load_profile("galaxy_s10").measurements[:10]
    own = few_shot("phone", rows, "pixel4", about={"device": "Samsung Galaxy S10"})
    assert predictor(own).model != predictor(few_shot("phone", rows, "pixel4")).model
    costs = known_devices.expected_costs("fp32", "Google Pixel 4", "Samsung Galaxy S10")
    alike = fit(*observed(PIXEL4), costs, RIDGE)
    found = known_coefficients(PIXEL4, "Samsung Galaxy S10")
    assert found == pytest.approx(alike)


def test_layers_that_the_known_profile_measured_are_in_range() -> None:
    rows = [row for row in ROWS if "_v2" in row.name]
    profile = few_shot("phone", rows, "pixel4")
    assert latency(Architecture.from_notation(FIVES), profile).in_range
    assert not latency(Architecture.from_notation(FIVES), replace(profile, like="")).in_range


def test_a_profile_in_a_folder_can_be_adapted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(known_profiles()["pixel4"], tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert few_shot("phone", ROWS, "mine").like == f"{tmp_path}/mine:1large_fp32"
    assert few_shot("phone", ROWS, "mine:3med_fp32").like == f"{tmp_path}/mine:3med_fp32"
    assert few_shot("phone", ROWS, str(known_profiles()["pixel4"])).like == "pixel4:1large_fp32"


def test_what_cannot_be_adapted_is_refused(tmp_path: Path) -> None:
    write_few_shot(tmp_path / "phone", few_shot("phone", ROWS, "pixel4"))
    assert f"needs {FEWEST} measured networks, better ten, got 4" in refusal(few_shot, "phone", ROWS[:4], "pixel4")
    assert "no known profile has precision fp16" in refusal(few_shot, "phone", ROWS, precision="fp16")
    assert "unknown hardware 'pixel5'" in refusal(few_shot, "phone", ROWS, "pixel5")
    message = refusal(few_shot, "other", ROWS, str(tmp_path / "phone"))
    assert message == f"{tmp_path}/phone:1t_fp32 is few-shot itself, like pixel4:1large_fp32: adapt that one"


# The folder


def test_the_folder_reads_back_and_predicts_the_same(tmp_path: Path) -> None:
    profile = few_shot("phone", ROWS, "pixel4")
    write_few_shot(tmp_path / "phone", profile)
    assert load_profile(tmp_path / "phone") == profile
    assert predictor(load_profile(tmp_path / "phone")).model == predictor(profile).model
    fewer = few_shot("phone", ROWS[:7], "pixel4")
    write_few_shot(tmp_path / "phone", fewer)
    assert load_profile(tmp_path / "phone") == fewer


def test_other_measurements_are_never_replaced(tmp_path: Path) -> None:
    shutil.copytree(known_profiles()["pixel4"], tmp_path / "mine")
    profile = few_shot("mine", ROWS, "pixel4")
    assert "mine holds other measurements (1large1med_fp32," in refusal(write_few_shot, tmp_path / "mine", profile)
    write_few_shot(tmp_path / "phone", profile)
    other = few_shot("phone", ROWS, "pixel4", threads=4)
    assert "phone holds other measurements (1t_fp32)" in refusal(write_few_shot, tmp_path / "phone", other)
    (tmp_path / "file").write_text("")
    assert "file cannot be written" in refusal(write_few_shot, tmp_path / "file", profile)


def test_a_chain_of_few_shot_profiles_is_refused(tmp_path: Path) -> None:
    write_few_shot(tmp_path / "phone", few_shot("phone", ROWS, "pixel4"))
    file = tmp_path / "phone" / "profile.yaml"
    file.write_text(file.read_text().replace("like: pixel4:1large_fp32", f"like: {tmp_path}/phone"))
    assert "itself few-shot" in refusal(predictor, load_profile(tmp_path / "phone"))
    file.write_text(file.read_text().replace(f"like: {tmp_path}/phone", "like: nothing"))
    assert "unknown hardware 'nothing'" in refusal(predictor, load_profile(tmp_path / "phone"))


# The command

DOCS = (ROOT / "docs" / "latency.md").read_text(encoding="utf-8")
LIKE_PIXEL4 = ("hardware=new_phone", "like=pixel4", "import=ten_rows.csv")


TEN = (
    *(f"mobilenet_v1_{size}" for size in ("w0.25_r128", "w0.5_r192", "w1_r128", "w1_r224")),
    *(f"mobilenet_v2_{size}" for size in ("w0.5_r128", "w0.5_r224", "w1_r192", "w1.4_r224")),
    *("efficientnet_lite0", "efficientnet_lite1"),
)


@pytest.fixture
def ten_rows(here: Path) -> Path:
    """The networks of `raspberry_pi4` that the page names, as a table in the working folder."""
    known = {row.name: row for row in load_profile("raspberry_pi4:4t_fp32").measurements}
    with (here / "ten_rows.csv").open("w", newline="") as stream:
        rows = [(known[name].architecture.notation, known[name].ms) for name in TEN]
        csv.writer(stream).writerows([("arch", "ms"), *rows])
    return here / "ten_rows.csv"


def test_the_command_prints_what_the_page_shows_and_predicts(
    ten_rows: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"    python -m nas.record {' '.join(LIKE_PIXEL4)}\n" in DOCS
    assert call(monkeypatch, "record", *LIKE_PIXEL4) == 0
    found = capsys.readouterr().out
    assert f"```text\n{found}```" in DOCS
    assert load_profile(here / "hardware_profiles" / "new_phone") == few_shot(
        "new_phone", read_rows(ten_rows), "pixel4"
    )
    GlobalHydra.instance().clear()
    assert call(monkeypatch, "record", *LIKE_PIXEL4) == 0  # the same again replaces it
    assert capsys.readouterr().out == found


def test_settings_of_the_command_apply_and_the_most_alike_profile_is_named(
    ten_rows: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("hardware=fast", "import=ten_rows.csv", "threads=4", "precision=int8", "cores=[2,3]")
    assert call(monkeypatch, "record", *settings) == 0
    profile = load_profile(here / "hardware_profiles" / "fast")
    assert (profile.threads, profile.precision, profile.cores) == (4, "int8", "2, 3")
    assert profile.like == few_shot("fast", read_rows(ten_rows), precision="int8").like
    shown = f"fast:4t_int8: 10 networks adapt {profile.like}, the most alike of the known ones; each"
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("like=pixel4",), "like goes with a table of measured networks, import=NAME.csv; got none"),
        (
            ("like=pixel4", "import=r.jsonl"),
            "like goes with a table of measured networks, import=NAME.csv; got import",
        ),
        (
            ("import=ten_rows.csv", "threads=[1,2]"),
            "threads: a table of measured networks is of one configuration",
        ),
        (
            ("import=ten_rows.csv", "precision=[fp32]"),
            "precision: a table of measured networks is of one",
        ),
        (("import=ten_rows.csv", "like=pixel5"), "unknown hardware 'pixel5'; known: "),
        (("import=none.csv",), "none.csv: cannot be read"),
    ],
)
def test_wrong_settings_are_one_line(
    arguments: tuple[str, ...],
    message: str,
    ten_rows: Path,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, "record", "hardware=x", *arguments) == 2
    found = capsys.readouterr().err
    assert found.startswith(f"error: {message}")
    assert found.count("\n") == 1
    assert os.listdir(here) == ["ten_rows.csv"]


def test_a_few_shot_profile_and_a_recording_do_not_replace_each_other(
    ten_rows: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "record", *LIKE_PIXEL4) == 0
    GlobalHydra.instance().clear()
    assert call(monkeypatch, "record", "hardware=new_phone", "import=results.jsonl") == 2
    assert "new_phone holds a profile that nas.record did not measure; choose another" in capsys.readouterr().err
    shutil.copytree(known_profiles()["pixel4"], here / "hardware_profiles" / "mine")
    GlobalHydra.instance().clear()
    assert call(monkeypatch, "record", "hardware=mine", "like=pixel4", "import=ten_rows.csv") == 2
    assert "mine holds other measurements (1large1med_fp32," in capsys.readouterr().err


# Devices of the literature


def pixel4_rows(cores: str) -> list[Measurement]:
    """The networks of `pixel4` on other cores, from the source's table where the shared data folder exists."""
    with shared_data("pixel4", "tflite_real.csv").open(newline="") as stream:
        times = {row["model"]: float(row[f"{cores}_mean_ms"]) for row in csv.DictReader(stream)}
    return [replace(row, ms=times[row.name], spread_ms=0.0) for row in PIXEL4.measurements]


@pytest.mark.parametrize("cores", ["2med_float", "1small_float", "2small_float", "3small_float"])
def test_eight_networks_from_ten_others(cores: str) -> None:
    rows, errors, ranks = pixel4_rows(cores), [], []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(rows))
        forecast = predictor(few_shot("phone", [rows[index] for index in order[:10]]))
        kept = [rows[index] for index in order[10:]]
        ms = np.array([forecast.model.milliseconds(network_counts(row.architecture)) for row in kept])
        measured = np.array([row.ms for row in kept])
        errors.append(np.mean(np.abs(ms / measured - 1)))
        ranks.append(spearman(ms, measured))
    assert np.mean(errors) < 0.04
    assert np.mean(ranks) > 0.97
