"""Profiles as zips: what one holds, that it predicts the same anywhere, and what is refused."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import ProfileError
from nas.latency import profile_zip
from nas.latency.predictor import latency
from nas.latency.profile import canonical_hardware, known_profiles, load_profile, profile_folder
from nas.latency.profile_zip import MEMBERS, MOST_BYTES, pack
from nas.spaces.baselines import baseline
from tests.helpers.calls import call

PI = known_profiles()["raspberry_pi4"]


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pack(PI, tmp_path / "my_pi.zip")
    return tmp_path / "my_pi.zip"


@pytest.mark.parametrize("configuration", ["", ":4t_int8"])
def test_a_zip_predicts_as_its_folder_does(packed: Path, configuration: str) -> None:
    found, known = load_profile(f"my_pi.zip{configuration}"), load_profile(f"raspberry_pi4{configuration}")
    assert found.name == "my_pi"
    assert found.measurements == known.measurements
    arch = baseline("mobilenet_v2")
    assert latency(arch, found) == latency(arch, known)
    assert load_profile("my_pi.zip") is load_profile(packed)


def test_equal_profiles_make_equal_zips_of_nothing_but_tables(packed: Path) -> None:
    again = packed.with_name("again.zip")
    pack(profile_folder("my_pi.zip")[0], again)
    assert again.read_bytes() == packed.read_bytes()
    assert set(zipfile.ZipFile(packed).namelist()) <= set(MEMBERS)


def test_energy_travels_with_the_times(tmp_path: Path) -> None:
    pack(profile_folder("khadas_vim4")[0], tmp_path / "board.zip")
    found, known = load_profile(tmp_path / "board.zip"), load_profile("khadas_vim4")
    assert all(row.mj > 0 for row in found.measurements)
    assert found.measurements == known.measurements


def test_a_zip_has_one_name_wherever_it_is_unpacked(packed: Path) -> None:
    assert canonical_hardware("my_pi.zip") == canonical_hardware(str(packed)) == "my_pi.zip"
    assert canonical_hardware("./my_pi.zip:4t_int8") == "my_pi.zip:4t_int8"


def test_another_zip_of_the_name_is_read_anew(packed: Path) -> None:
    assert load_profile("my_pi.zip").device.startswith("Raspberry")
    pack(known_profiles()["iphone7"], packed)
    assert load_profile("my_pi.zip").device.startswith("Apple")


def _rewritten(file: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> None:
    with zipfile.ZipFile(file) as found:
        content = {name: found.read(name) for name in found.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, text in change(content).items():
            written.writestr(name, text)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda found: {**found, "../evil.csv": b"x"}, "has '../evil.csv'; a profile's zip holds only profile.yaml"),
        (lambda found: {**found, "/tmp/evil": b"x"}, "has '/tmp/evil'"),
        (lambda found: {f"pi/{name}": text for name, text in found.items()}, "has 'pi/"),
        (lambda found: {**found, "latency.csv": b"0" * (MOST_BYTES + 1)}, "latency.csv is larger than 8,000,000 bytes"),
        (lambda found: {"latency.csv": found["latency.csv"]}, "has no profile.yaml"),
        (lambda found: {**found, "profile.yaml": b"a: ["}, "profile.yaml"),
    ],
    ids=["out", "root", "inside", "bomb", "lacking", "yaml"],
)
def test_what_is_no_profile_is_refused_and_nothing_is_written(
    packed: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], says: str
) -> None:
    _rewritten(packed, change)
    with pytest.raises(ProfileError) as caught:
        load_profile("my_pi.zip")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert [path.name for path in packed.parent.iterdir()] == ["my_pi.zip"]


def test_a_file_that_is_no_zip_is_refused(packed: Path) -> None:
    packed.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ProfileError, match=r"my_pi\.zip: not a profile's zip: "):
        load_profile("my_pi.zip")


def test_a_claimed_size_is_not_believed(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_zip, "MOST_BYTES", 100)
    with pytest.raises(ProfileError, match=f"larger than {100 * len(MEMBERS)} bytes"):
        load_profile("my_pi.zip")


def test_record_exports_what_predict_and_validate_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    known = load_profile("pixel4").measurements[:12]
    (tmp_path / "rows.csv").write_text(
        "arch,ms\n" + "".join(f"{row.architecture.notation},{row.ms}\n" for row in known)
    )
    arguments = ("hardware=phone", "like=pixel4", "import=rows.csv", "export=phone.zip")
    assert call(monkeypatch, "record", *arguments) == 0
    assert "phone.zip holds it; hardware=phone.zip uses it anywhere" in capsys.readouterr().out
    assert call(monkeypatch, "predict", "hardware=phone.zip", "arch=mobilenet_v2", "format=json") == 0
    there = json.loads(capsys.readouterr().out)
    assert call(monkeypatch, "predict", "hardware=hardware_profiles/phone", "arch=mobilenet_v2", "format=json") == 0
    assert json.loads(capsys.readouterr().out) == there
    before = (tmp_path / "phone.zip").read_bytes()
    assert call(monkeypatch, "validate", "hardware=phone.zip", "format=json") == 0
    assert "a zip is never written into" in capsys.readouterr().err
    assert (tmp_path / "phone.zip").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("hardware=phone", "import=rows.csv", "export=phone.tar"), "export must be a file NAME.zip, got 'phone.tar'"),
        (("hardware=phone", "import=rows.csv", "export=no/phone.zip"), "export: there is no folder 'no'"),
        (("hardware=phone", "device=bundle", "export=phone.zip"), "export goes with a profile"),
        (("hardware=my_pi.zip", "import=rows.csv"), "hardware: a zip is never written into, got 'my_pi.zip'"),
    ],
)
def test_exports_that_cannot_be_are_refused(
    packed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    assert call(monkeypatch, "record", *arguments) == 2
    assert says in capsys.readouterr().err
    assert [path.name for path in packed.parent.iterdir()] == ["my_pi.zip"]
