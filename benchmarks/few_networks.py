"""How well a phone that is not on the shelf is predicted from few of its networks, by `like=auto` as it ships.

    python -m benchmarks.few_networks DATA --networks 10 5 --draws 5 --results results/few_networks

DATA is the folder of the calibration data. Every set of cores of its five phones, in fp32 and int8, is a new device in
turn: 66 configurations, those that the shelf holds and those that scatter too much for it alike. Of its networks (18 at
224 pixels), as many as `--networks` says are drawn at random, by the number of the draw and the configuration's name;
`few_shot` adapts the most alike profile to them, with nothing from that phone in it or in what devices have in common;
the others are predicted. A line of JSON for each draw goes to `--results`; those that are there are not made again.

Printed is the mean over configurations of their mean error, how many the intervals cover, and the worst
configuration: of all, and of those alone that the shelf holds.
"""

import argparse
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nas.latency.few_shot import few_shot
from nas.latency.profile import Measurement, known_labels, load_profile
from nas.latency.validation import validate_kept_back
from tools.shelf import SPECIFICATION, configurations
from tools.shelf_sources import all_rows

PHONES = ("galaxy_s10", "xiaomi_mi8se", "galaxy_a03s", "iphone7", "iphone_xs")

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A configuration of a phone, as if none of that phone were known."""

    label: str
    device: str
    precision: str
    rows: tuple[Measurement, ...]


def targets(data: Path) -> Iterator[Target]:
    """The configurations of PHONES, without their graphics processors."""
    networks = {row.name: row for row in load_profile("pixel4").measurements}
    devices = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))["devices"]
    rows = all_rows(data, networks)
    for name in PHONES:
        for configuration, (settings, times) in configurations(devices[name], rows):
            if not configuration.startswith("gpu"):
                measured = tuple(
                    Measurement(key, networks[key].architecture, *times[key]) for key in networks if key in times
                )
                yield Target(f"{name}:{configuration}", devices[name]["device"], settings["precision"], measured)


def drawn(target: Target, networks: int, draw: int) -> Result:
    """One draw: the profile that was adapted, and of the networks kept back their error and how many are covered."""
    order = np.random.default_rng([draw, zlib.crc32(target.label.encode())]).permutation(len(target.rows))
    rows = [target.rows[index] for index in order]
    name = target.label.partition(":")[0]
    adapted = few_shot(name, rows[:networks], precision=target.precision, about={"device": target.device})
    table = validate_kept_back(adapted, rows[networks:]).table
    found = {"mape": table.mape_percent, "covered": table.coverage_percent, "kept_back": table.n}
    return {"target": target.label, "networks": networks, "draw": draw, "like": adapted.like, **found}


def read_results(file: Path) -> list[Result]:
    """The draws made so far; a line that a kill cut short is left out."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def write_result(file: Path, result: Result) -> None:
    """Append a draw on a line of its own."""
    cut = file.exists() and not file.read_bytes().endswith(b"\n")
    with file.open("a", encoding="utf-8") as stream:
        stream.write("\n" * cut + json.dumps(result) + "\n")


def report(results: Sequence[Result], shelf: Sequence[str]) -> str:
    """A Markdown table: a row for each number of networks, of all configurations and of those on the `shelf`."""
    lines = ["| networks | of | configurations | draws | MAPE | worst | covered |", "|---|---|---|---|---|---|---|"]
    for networks in sorted({each["networks"] for each in results}, reverse=True):
        for of, known in (("all", None), ("the shelf's", shelf)):
            chosen = [r for r in results if r["networks"] == networks and (known is None or r["target"] in known)]
            if chosen:
                lines.append(_line(networks, of, chosen))
    return "\n".join(lines)


def _line(networks: int, of: str, chosen: Sequence[Result]) -> str:
    labels = sorted({each["target"] for each in chosen})
    errors = {label: np.mean([each["mape"] for each in chosen if each["target"] == label]) for label in labels}
    worst = max(labels, key=lambda label: errors[label])
    covered = np.average([each["covered"] for each in chosen], weights=[each["kept_back"] for each in chosen])
    cells = [networks, of, len(labels), len({each["draw"] for each in chosen}), f"{np.mean(list(errors.values())):.1f}"]
    return f"| {' | '.join(map(str, cells))} | {errors[worst]:.1f} ({worst}) | {covered:.0f} |"


def main() -> None:
    """Make the draws that are not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the calibration data")
    parser.add_argument("--networks", type=int, nargs="+", default=[10, 5], help="measured on the new device")
    parser.add_argument("--draws", type=int, default=5, help="of each configuration")
    parser.add_argument("--results", type=Path, default=Path("results/few_networks"), help="folder of the draws")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    file = options.results / "draws.jsonl"
    done = {(each["target"], each["networks"], each["draw"]) for each in read_results(file)}
    phones = list(targets(options.data))
    for draw in range(options.draws):
        for target in phones:
            for networks in options.networks:
                if (target.label, networks, draw) not in done:
                    write_result(file, drawn(target, networks, draw))
    print(report(read_results(file), known_labels()))


if __name__ == "__main__":
    main()
