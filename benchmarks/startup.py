"""How long commands take to answer, as a share of `import torch`, each a process of its own, one after another.

python -m benchmarks.startup [--rounds N]

Processor seconds, since they tell more than the clock where other processes run; the clock's are printed beside them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from statistics import median

TORCH = "import torch"
CALLS: Mapping[str, Sequence[str]] = {
    TORCH: ("-c", "import torch"),
    "search --help": ("-m", "nas.search", "--help"),
    "search hardwar=pixel4": ("-m", "nas.search", "hardwar=pixel4"),
    "predict arch=mobilenet_v2": ("-m", "nas.predict", "hardware=pixel4", "arch=mobilenet_v2"),
}
WANTED = {"search --help": 0.5, "search hardwar=pixel4": 0.5, "predict arch=mobilenet_v2": 0.3}
"""What no release may be above."""


def measured(arguments: Sequence[str]) -> tuple[float, float]:
    """Processor seconds and seconds of the clock of one process."""
    with tempfile.TemporaryDirectory() as place, open(os.devnull, "w") as nowhere:
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments], cwd=place, stdout=nowhere, stderr=nowhere)
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0  # it has been waited for
        return used.ru_utime + used.ru_stime, time.perf_counter() - started


def rounds(count: int) -> dict[str, list[tuple[float, float]]]:
    """Every call `count` times, in turns, after one round that fills the caches."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CALLS}
    for number in range(count + 1):
        for name, arguments in CALLS.items():
            seconds = measured(arguments)
            if number:
                found[name].append(seconds)
    return found


def ratios(found: Mapping[str, Sequence[tuple[float, float]]], which: int) -> dict[str, list[float]]:
    """Of each round, the seconds (0: processor, 1: clock) over those of `import torch` in the same round."""
    return {
        name: sorted(mine[which] / torch[which] for mine, torch in zip(each, found[TORCH], strict=True))
        for name, each in found.items()
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    found = rounds(parser.parse_args().rounds)
    processor, clock = ratios(found, 0), ratios(found, 1)
    print("| process | processor s | of `import torch` | least and most | by the clock | at most |")
    print("|---|---|---|---|---|---|")
    for name, each in found.items():
        share, limit = processor[name], f"{WANTED[name]:g}" if name in WANTED else ""
        print(
            f"| `{name}` | {median(used for used, _ in each):.2f} | {median(share):.2f} | "
            f"{share[0]:.2f} to {share[-1]:.2f} | {median(clock[name]):.2f} | {limit} |"
        )


if __name__ == "__main__":
    main()
