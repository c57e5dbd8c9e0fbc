"""The fidelity benchmark: what it draws, how it scores, that it goes on where it was interrupted, what it prints."""

import math
import zipfile
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import benchmarks.proxy_fidelity
from benchmarks.fidelity_table import NEAR, Network, columns, near_tau, surrogate_taus, table
from benchmarks.proxy_fidelity import Measurement, draw, measure, photographs, read
from benchmarks.tables import data_file
from nas.errors import DataError
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost

NETWORKS = [
    Network(f"{width}", Architecture.from_notation(f"16x1 conv3/2-{width} mb3e{expansion}-{width} fc10"), seeds)
    for width, expansion, seeds in zip(
        range(8, 32), (3, 6) * 12, [(80 + i / 2, 80 + i / 2 + 0.2 * (-1) ** i) for i in range(24)], strict=True
    )
]
NAMES = ("naswot", "naswot_layers", "entropy")


def scored(network: Network, seconds: float = 0.5) -> dict[str, float]:
    """ScoreValues that tell the accuracy, except one that tells nothing."""
    values = {"naswot": network.accuracy, "naswot_layers": network.seeds[0], "entropy": -network.accuracy}
    values["macs"] = math.log(cost(network.arch).macs)
    return {**values, "build_seconds": 0.25, **{f"{name}_seconds": seconds for name in values}}


def records() -> dict[str, Mapping[str, Mapping[str, float]]]:
    return {
        "scores": {network.canonical: scored(network) for network in NETWORKS},
        "supernet": {n.canonical: {"supernet": -n.accuracy, "supernet_seconds": 2.0} for n in NETWORKS},
    }


def test_pairs_of_like_macs_by_definition() -> None:
    rng = np.random.default_rng(0)
    values, true, macs = rng.integers(0, 9, 30).astype(float), rng.normal(size=30), rng.uniform(10, 12, 30)
    signs = [
        np.sign(values[i] - values[j]) * np.sign(true[i] - true[j])
        for i, j in combinations(range(30), 2)
        if max(macs[i], macs[j]) / min(macs[i], macs[j]) <= NEAR
    ]
    assert near_tau(values, true, macs) == (pytest.approx(np.mean(signs)), len(signs))
    assert near_tau(true, true, macs)[0] == 1
    tau, pairs = near_tau(values[:2], true[:2], np.array([1.0, 2.0]))
    assert (math.isnan(tau), pairs) == (True, 0)


def test_columns_add_up_what_a_proxy_takes() -> None:
    found = {column.label: column for column in columns(NETWORKS, records(), NAMES, {"supernet": 48.0})}
    joined = "naswot + naswot_layers + entropy"
    seconds = {
        "naswot": 0.75,
        "entropy": 0.25 + 0.5 + 0.5,  # the forward pass is timed with naswot
        "macs": 0.0,
        f"{joined}, by rank": 0.25 + 3 * 0.5,
        "supernet (48 s of training, 2.00 s an evaluation)": 2.0 + 48 / 24,
    }
    assert {label: found[label].seconds for label in seconds} == pytest.approx(seconds)
    assert found["naswot"].values.tolist() == [network.accuracy for network in NETWORKS]


def test_the_table_has_a_row_for_all_that_was_measured_whole() -> None:
    lines = table(NETWORKS, records(), NAMES, 5, 10, {"supernet": 48.0}).splitlines()
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines[2:]}
    assert "| 24 | 1.000 (1.00 to 1.00) |" in rows["naswot"]
    assert "| 24 | -1.000 (-1.00 to -1.00) |" in rows["supernet (48 s of training, 2.00 s an evaluation)"]
    assert "| 14 |" in rows["scores calibrated by 10 trained networks"]
    assert "one full training against another" in rows
    assert "|  |" not in "".join(lines)
    partial = {**records(), "supernet": {"8": {"supernet": 0.5, "supernet_seconds": 2.0}}}
    assert "supernet" not in table(NETWORKS, partial, NAMES, 5, 10, {})


def test_a_proxy_that_tells_nothing_is_named_so() -> None:
    flat = {network.canonical: {"short": 0.1, "short_seconds": 2.0} for network in NETWORKS}
    assert "| short | 24 | all alike | 0.000 (" in table(NETWORKS, {"short": flat}, NAMES, 5, 10, {})
    few = table(NETWORKS[:5], {"scores": records()["scores"]}, NAMES, 5, 10, {})
    assert "| naswot | 5 | 1.000 |" in few
    assert "calibrated" not in few


def test_a_surrogate_is_judged_on_networks_it_has_not_seen() -> None:
    scores = {"naswot": np.array([network.accuracy for network in NETWORKS])}
    assert surrogate_taus(NETWORKS, scores, ("naswot",), 4, 10) == pytest.approx(np.ones(4))
    noise = {"naswot": np.random.default_rng(0).normal(size=len(NETWORKS))}
    assert abs(surrogate_taus(NETWORKS, noise, ("naswot",), 20, 10).mean()) < 0.4


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    path, calls = tmp_path / "records.jsonl", []

    def call(arch: Architecture) -> dict[str, float]:
        calls.append(arch)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return {"short": 0.5, "short_seconds": 1.0}

    measurement = Measurement("short", {"epochs": 5, "seed": 0}, call)
    with pytest.raises(KeyboardInterrupt):
        measure(NETWORKS[:6], measurement, path)
    with path.open("a") as file:
        file.write('{"measurement": "sho')
    measure(NETWORKS[:6], measurement, path)
    assert calls == [network.arch for network in (*NETWORKS[:4], *NETWORKS[3:6])]
    found = read(path, [measurement])["short"]
    assert list(found) == [network.canonical for network in NETWORKS[:6]]
    other = Measurement("short", {"epochs": 6, "seed": 0}, call)
    assert read(path, [other]) == {"short": {}}


def test_networks_are_distinct_and_their_draw_is_repeatable() -> None:
    try:
        data_file("nas_bench_macro/nas_bench_macro.csv")
    except DataError as error:
        pytest.skip(str(error))
    networks = draw(64, 0)
    assert networks == draw(64, 0) != draw(64, 1)
    assert len({network.arch.key for network in networks}) == 64
    assert all(20 < accuracy < 95 for network in networks for accuracy in network.seeds)
    with pytest.raises(DataError, match="has 3969 distinct networks, 4000 were asked for"):
        draw(4000, 0)


def test_images_that_two_processes_unpack_at_once_are_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, cache = tmp_path / "images.zip", tmp_path / "cache"
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("all/train/cat/1.png", "of this process")

    def unpacked_by_another(_name: str) -> Path:
        image = cache / "cifar10" / "all" / "train" / "cat" / "1.png"
        image.parent.mkdir(parents=True)
        image.write_text("of another")
        return archive

    monkeypatch.setattr(benchmarks.proxy_fidelity, "data_file", unpacked_by_another)
    assert photographs(cache) == cache / "cifar10" / "all"
    assert [path.read_text() for path in cache.rglob("*.png")] == ["of another"]
    assert list(cache.iterdir()) == [cache / "cifar10"]
