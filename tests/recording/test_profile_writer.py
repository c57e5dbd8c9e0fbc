"""From a file of results to a profile."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.errors import ProfileError
from nas.latency.profile import load_profile
from nas.latency.validation import leave_one_out
from nas.recording.bundle import configuration
from nas.recording.profile_writer import recorded_profile, write_profile
from nas.recording.recordings import read_results
from nas.spaces.cost import cost
from nas.spaces.layers import layers
from tests.helpers.paths import ROOT
from tests.helpers.recordings import made_up


def test_results_become_a_profile(tmp_path: Path) -> None:
    write_profile(tmp_path / "box", read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"))))
    profile = load_profile(tmp_path / "box")
    assert (profile.label, profile.threads, profile.precision, profile.cores) == ("box:1t_fp32", 1, "fp32", "all")
    assert (len(profile.measurements), len(profile.held_out), len(profile.layer_times)) == (7, 2, 6)
    for row in (*profile.measurements, *profile.held_out):
        assert row.name == row.architecture.key
        assert row.ms == pytest.approx(cost(row.architecture).macs / 1e6, rel=1e-3)
        assert row.spread_ms == pytest.approx(1.4826 * 5e-3 * row.ms, rel=0.1)
        assert row.layers_ms == pytest.approx([0.01 * i for i in range(len(list(layers(row.architecture))))])
        assert row.other_ms == 0.5
    assert (tmp_path / "box" / "latency.csv").read_text().startswith("configuration,name,mean_ms,spread_ms,role,")
    facts = yaml.safe_load((tmp_path / "box" / "profile.yaml").read_text())["configurations"]["1t_fp32"]["recorded"]
    assert facts["governor"] == "performance"
    assert facts["unsettled"] == 1
    assert leave_one_out(profile).n == 7
    assert json.dumps(profile.provenance())


def test_rows_of_a_device_that_has_no_probe_are_results_too(tmp_path: Path) -> None:
    path = made_up(tmp_path / "r.jsonl", configuration(1, "fp32"))
    recordings = read_results(path)
    assert read_results(edited(path, lambda rows: [row.pop("probe_us", None) for row in rows])) == recordings
    assert recordings["1t_fp32"].unsettled == 1


def test_a_second_configuration_joins_and_the_same_one_is_replaced(tmp_path: Path) -> None:
    box = tmp_path / "box"
    write_profile(box, read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"))))
    before = load_profile(box)
    write_profile(box, read_results(made_up(tmp_path / "r.jsonl", configuration(2, "int8"))))
    assert load_profile(box) == before
    assert load_profile(f"{box}:2t_int8").measurements[0].architecture == before.measurements[0].architecture
    write_profile(box, read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"), count=9)))
    assert len(load_profile(box).measurements) == 6
    assert len(load_profile(f"{box}:2t_int8").measurements) == 7


def test_another_machine_or_a_shipped_profile_is_not_written_over(tmp_path: Path) -> None:
    box = tmp_path / "box"
    write_profile(box, read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"))))
    other = read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"), cpu="Slow CPU"))
    with pytest.raises(ProfileError, match="was recorded with soc Fast CPU, not Slow CPU; choose another hardware"):
        write_profile(box, other)
    shutil.copytree(ROOT / "hardware_profiles" / "pixel4", tmp_path / "pixel4")
    with pytest.raises(ProfileError, match=r"pixel4 holds a profile that nas\.record did not measure"):
        write_profile(tmp_path / "pixel4", other)


def test_a_recording_too_small_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    small = read_results(made_up(tmp_path / "r.jsonl", configuration(2, "fp32"), count=4))
    large = read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32")))
    with pytest.raises(ProfileError, match="2t_fp32 has 2 networks to fit and 1 models that did not settle; 4 are"):
        write_profile(tmp_path / "box", small | large)
    assert len(load_profile(tmp_path / "box").measurements) == 7
    with pytest.raises(ProfileError, match="has no configuration '2t_fp32'; known: 1t_fp32"):
        load_profile(f"{tmp_path / 'box'}:2t_fp32")


def edited(path: Path, edit: Callable[[list[dict[str, Any]]], Any]) -> Path:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    edit(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _layer(rows: list[dict[str, Any]]) -> int:
    """The place of the first row of a layer."""
    return next(number for number, row in enumerate(rows) if "layer" in row.get("model", ()))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda rows: rows.clear(), "r.jsonl: not a results file of this version"),
        (lambda rows: rows[0].update(schema=9), "r.jsonl: not a results file of this version"),
        (lambda rows: rows.insert(3, {"a": 1}), "r.jsonl:4: not a row of nas.record's results"),
        (lambda rows: rows.pop(0), "r.jsonl:1: not a row of nas.record's results"),
        (lambda rows: rows.__delitem__(slice(1, None)), "r.jsonl: nothing was measured yet"),
        (lambda rows: rows.append({**rows[1], "cpu": "Slow CPU"}), "r.jsonl: rows of two machines or runtimes: Fast"),
        (lambda rows: rows[2].pop("ms"), "r.jsonl:3: ms: is missing"),
        (lambda rows: rows[1].pop("cpu"), "r.jsonl:2: cpu: is missing"),
        (lambda rows: rows[22]["model"].pop("notation"), "r.jsonl:23: model: a network must have a notation alone"),
        (lambda rows: rows[22]["model"].update(notation="nix"), "r.jsonl:23: cannot read 'nix'"),
        (lambda rows: rows[22]["model"].update(role="nix"), "r.jsonl:23: model.role: input should be 'fit' or 'valid"),
        (lambda rows: rows[22]["model"].update(id="nix"), "r.jsonl:23: the network has the id 'nix', not its own, "),
        (lambda rows: rows[22].update(model=5), "r.jsonl:23: model: input should be a dictionary"),
        (lambda rows: rows[22].update(kernels={"a": 1}), "r.jsonl:23: kernels: input should be a valid list"),
        (lambda rows: rows[22].update(kernels=[["999.conv", "Conv", 1.0]]), "kernel '999.conv' is of no layer of its"),
        (lambda rows: rows[22].update(kernels=[["a", "b", -1]]), "r.jsonl:23: kernels.0.2: input should be greater"),
        (lambda rows: rows[22].update(id=["a"]), "r.jsonl:23: id: input should be a valid string, got ['a']"),
        (lambda rows: rows[2].update(ms=3), "r.jsonl:3: ms: input should be a valid list, got 3"),
        (lambda rows: rows[2].update(ms=[1, "2", 3, 4]), "r.jsonl:3: ms.1: input should be a valid number, got '2'"),
        (
            lambda rows: rows[2].update(ms=[0, 0, 0, 0]),
            "r.jsonl:3: ms.0: input should be greater than or equal to 0.00",
        ),
        (lambda rows: rows[2].update(kept=None), "r.jsonl:3: kept: input should be a valid integer, got None"),
        (lambda rows: rows[2].update(seconds="long"), "r.jsonl:3: seconds: input should be a valid number, got 'long'"),
        (lambda rows: rows[2].update(configuration="other"), "r.jsonl:3: configuration 'other' has not begun before"),
        (lambda rows: rows[2].update(type=["burst"]), "r.jsonl:3: not a row of nas.record's results"),
        (lambda rows: rows[1].update(cores=3), "r.jsonl:2: cores: input should be a valid list, got 3"),
        (lambda rows: rows[1].update(logical_cores=10**12), "r.jsonl:2: logical_cores: input should be less than or"),
        (lambda rows: rows[1].update(load=[[0]]), "r.jsonl:2: load.0: input should be a valid number, got [0]"),
        (lambda rows: rows[0].update(seed=-1), "r.jsonl:1: seed: input should be greater than or equal to 0, got -1"),
        (lambda rows: rows.insert(1, [1]), "r.jsonl:2: not a row of nas.record's results"),
        (
            lambda rows: rows[_layer(rows)]["model"]["layer"].update(stride=0),
            "stride must be from 1 to 1,000,000, got",
        ),
        (lambda rows: rows[_layer(rows)]["model"]["layer"].pop("op"), "model.layer.op: is missing"),
    ],
)
def test_wrong_results_are_named(edit: Callable[[list[dict[str, Any]]], Any], message: str, tmp_path: Path) -> None:
    path = edited(made_up(tmp_path / "r.jsonl", configuration(1, "fp32")), edit)
    with pytest.raises(ProfileError) as caught:
        read_results(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[" * 100_000, "r.jsonl:2: nested deeper than 64 levels"),
        ('{"type": "begin", "type": "end"}', "r.jsonl:2: the key 'type' is given twice"),
        ('{"type": "burst", "ms": [NaN]}', "r.jsonl:2: NaN is no number"),
        ('{"type": "burst", "kept": ' + "9" * 5000 + "}", "r.jsonl:2: a number of 5000 characters is too long"),
        ("", "r.jsonl:2: not JSON"),
        ("\0", "r.jsonl:2: not JSON"),
    ],
)
def test_lines_that_are_no_rows_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = made_up(tmp_path / "r.jsonl", configuration(1, "fp32"))
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([first, line, *others]))
    with pytest.raises(ProfileError) as caught:
        read_results(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("word", ["1e3", "1.20", "016", "yes", "1:36", "~", "Größe: $x_1$ <b>"])
def test_words_are_read_as_they_were_written(tmp_path: Path, word: str) -> None:
    recorded = read_results(made_up(tmp_path / "r.jsonl", configuration(1, "fp32"), cpu=word, os=word, governor=word))
    write_profile(tmp_path / "box", recorded)
    assert load_profile(tmp_path / "box").soc == word
    assert recorded_profile(tmp_path / "box")["configurations"]["1t_fp32"]["recorded"]["os"] == word
