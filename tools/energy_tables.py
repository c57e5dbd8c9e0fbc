"""Writes energy.csv of the shipped profiles whose source gives watts: MLPerf Inference v3.0, single stream.

    python -m tools.energy_tables

It reads `mlperf_v3` in the data folder (NAS_DATA_DIR) and writes, for each configuration of POWERED that is there, the
watts of the networks that the profile holds. They are the analyser's means over a run, of the whole board and with what
it draws idle; a board is never measured idle, so that is not taken off.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from nas.latency.energy_table import FILE, WATTS
from nas.latency.profile import known_profiles, read_profile_yaml
from nas.latency.profile_tables import read_latencies, read_networks
from nas.resources import replace_file

POWERED = {
    ("firefly_rk3588s", "ruy_int8"): ("firefly-tflite-v2.11.0-ruy", "int8"),
    ("khadas_vim4", "ruy_int8"): ("vim4-tflite-v2.11.0-ruy", "int8"),
    ("khadas_vim4", "mali_fp32"): ("vim4-armnn-v22.11-opencl", "fp32"),
    ("jetson_orin", "xnnpack_fp32"): ("nvidia_orin-tflite_cpp-cpu-tflite-vmaster-default_config", "fp32"),
}
"""System and precision in the source by profile and configuration: those whose energy is predicted within 6 %."""


def main() -> None:
    """Write the tables."""
    source = Path(os.environ.get("NAS_DATA_DIR", "../shared/data"), "mlperf_v3", "singlestream.csv")
    with source.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    watts = {(row["system"], row["precision"], row["network"]): row["watts"] for row in rows if row["watts"]}
    for name, folder in known_profiles().items():
        cells = [",".join(cell) for cell in _cells(name, folder, watts)]
        if cells:
            replace_file(folder / FILE, "\n".join([",".join(WATTS), *cells, ""]).encode())
            print(folder / FILE, len(cells))


def _cells(name: str, folder: Path, watts: dict[tuple[str, str, str], str]) -> Iterator[tuple[str, str, str]]:
    configurations = read_profile_yaml(folder / "profile.yaml")["configurations"]
    networks = read_networks(folder / "networks.csv")
    for row, _, _ in read_latencies(folder / "latency.csv", networks):
        configuration, network = row["configuration"], row["name"]
        system = POWERED.get((name, configuration), ("", ""))
        if configuration in configurations and (found := watts.get((*system, network))):
            yield configuration, network, found


if __name__ == "__main__":
    main()
