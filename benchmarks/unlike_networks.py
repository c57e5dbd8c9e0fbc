"""How far predictions are off where all networks of a kind are left out: a family, a resolution, a width of a family.

    python -m benchmarks.unlike_networks pixel4:1large_fp32 raspberry_pi4:4t_int8     # a row for each kind
    python -m benchmarks.unlike_networks                                              # all of the shelf, by precision

A cell is the mean error and the largest in percent, and how many networks the interval of the rest covers. Left out is
only what leaves FEWEST networks for the fit, and predicted what consists of kinds of layers that these have.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nas.latency.predictor import predictor
from nas.latency.profile import HardwareProfile, Measurement, load_profile
from nas.latency.shelf import shelf
from nas.latency.validation import predictable

FEWEST = 6


@dataclass(frozen=True, slots=True)
class Unlike:
    """A network predicted from networks that are not of its kind: the relative error, and whether it is covered."""

    error: float
    covered: bool


def family(row: Measurement) -> str | None:
    """`mobilenet_v1` of the boards; of the phones `mobilenet`, whatever its batch norms (`mobilenetb`)."""
    found = re.match(r"(mobilenet_v\d|[a-z]+?(?:v2)?)b?_", row.name)
    return found[1] if found else None


def width(row: Measurement) -> str | None:
    """`mobilenet_v2_w0.5` of all resolutions."""
    found = re.match(r"(mobilenet_v\d_w[\d.]+)_r\d", row.name)
    return found[1] if found else None


KINDS: Mapping[str, Callable[[Measurement], str | None]] = {
    "a family": family,
    "a resolution": lambda row: str(row.architecture.resolution),
    "a width of a family": width,
}


def left_out(profile: HardwareProfile, kind: str) -> Iterator[Unlike]:
    """Each network of a kind, predicted from all of other kinds."""
    of = KINDS[kind]
    for each in sorted({name for row in profile.measurements if (name := of(row)) is not None}):
        rest = tuple(row for row in profile.measurements if of(row) != each)
        if FEWEST <= len(rest) < len(profile.measurements):
            without = replace(profile, measurements=rest)
            forecast = predictor(without)
            for row in predictable(without, [row for row in profile.measurements if of(row) == each]):
                found = forecast(row.architecture)
                yield Unlike(abs(found.ms / row.ms - 1), found.low <= row.ms <= found.high)


def cell(found: Sequence[Unlike]) -> str:
    """Mean and largest error and coverage, in percent."""
    if not found:
        return ""
    errors = 100 * np.array([each.error for each in found])
    covered = 100 * np.mean([each.covered for each in found])
    return f"{errors.mean():.1f}, {errors.max():.1f}, {covered:.0f}"


def of_profiles(labels: Sequence[str]) -> str:
    """A Markdown table, a column for each configuration."""
    lines = [f"| left out together | {' | '.join(labels)} |", f"|---|{'---|' * len(labels)}"]
    for kind in KINDS:
        cells = [cell(list(left_out(load_profile(label), kind))) for label in labels]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def of_shelf() -> str:
    """A Markdown table of all configurations of the literature, a row for each kind and precision."""
    lines = ["| left out together | precision | configurations | n | MAPE, max, covers |", "|---|---|---|---|---|"]
    labels = [(each.label, each.precision) for each in shelf() if each.name != "host_x86"]
    for kind in KINDS:
        for precision in ("fp32", "int8"):
            chosen = [label for label, its in labels if its == precision]
            found = list(filter(None, (list(left_out(load_profile(label), kind)) for label in chosen)))
            every = list(_all(found))
            lines.append(f"| {kind} | {precision} | {len(found)} | {len(every)} | {cell(every)} |")
    return "\n".join(lines)


def _all(found: Iterable[Iterable[Unlike]]) -> Iterator[Unlike]:
    for each in found:
        yield from each


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hardware", nargs="*", help="configurations, such as pixel4:1large_int8; none: the shelf")
    labels = parser.parse_args().hardware
    print(of_profiles(labels) if labels else of_shelf())


if __name__ == "__main__":
    main()
