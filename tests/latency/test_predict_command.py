"""The commands nas.predict and nas.validate."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.latency.validation import leave_one_out
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from nas.spaces.cost import cost
from tests.helpers.calls import call


def test_predict_json(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "predict", "hardware=pixel4", "arch=mobilenet_v2", "format=json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"arch", "macs", "params", "latency_ms", "in_range"} <= set(found)
    assert (found["arch"], found["macs"], found["params"]) == ("mobilenet_v2", 300_774_272, 3_504_872)
    expected = latency(load_architecture("mobilenet_v2"), load_profile("pixel4"))
    assert found["latency_ms"] == {"value": expected.ms, "low": expected.low, "high": expected.high}
    assert found["in_range"] is True
    assert not list(here.iterdir())


def test_predict_text(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "predict", "hardware=pixel4:1large_int8", "arch=mobilenet_v2") == 0
    (line,) = capsys.readouterr().out.splitlines()
    expected = latency(load_architecture("mobilenet_v2"), load_profile("pixel4:1large_int8"))
    assert line.startswith(f"mobilenet_v2 on pixel4:1large_int8: {expected.ms:.2f} ms (90 % interval")
    assert line.endswith("300.8M MACs, 3.50M params")


def test_predict_says_when_it_extrapolates(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    arch = Architecture.from_notation("32x3 conv3/2-8 sep3-8 fc10")
    (here / "small.json").write_text(json.dumps(arch.to_json()))
    assert call(monkeypatch, "predict", "arch=small.json") == 0
    assert "; beyond what was measured: " in capsys.readouterr().out
    assert call(monkeypatch, "predict", "arch=small.json", "format=json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["in_range"] is False
    assert found["macs"] == cost(arch).macs


def test_validate(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "validate", "hardware=pixel4", "store=false") == 0
    text = " ".join(capsys.readouterr().out.split())
    errors = leave_one_out(load_profile("pixel4"))
    assert "pixel4:1large_fp32: each of 18 networks predicted from the others" in text
    for name, value in (
        ("MAPE", f"{errors.mape_percent:.1f} %"),
        ("largest error", f"{errors.max_percent:.1f} %"),
        ("within 5 %", f"{errors.within_5_percent:.0f} %"),
        ("within 10 %", f"{errors.within_10_percent:.0f} %"),
        ("Spearman", f"{errors.spearman:.3f}"),
    ):
        assert re.search(rf"│ {name} │ {re.escape(value)} │", text), name
