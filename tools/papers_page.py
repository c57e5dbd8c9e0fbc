"""`python -m tools.papers_page`: docs/papers.md, the papers' own counts beside those that `nas.cost` gives."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nas.resources import replace_file
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import Block
from nas.spaces.catalogue import NETWORKS
from nas.spaces.cost import cost
from nas.spaces.layers import Layer, layers
from tools.settings_page import ROOT

PAGE = ROOT / "docs" / "papers.md"
EXPERIMENTS = ROOT / "docs" / "papers_experiments.json"

HEAD = """\
# The papers' tables

<!-- Made by `python -m tools.papers_page`; the experiments below by `python -m benchmarks.papers`. -->

What the papers on separable convolutions count, beside what `nas.cost` counts for the same network
([cost.md](cost.md)). `tests/spaces/test_papers.py` holds every row: a count agrees when it rounds to the published one,
unless the last column says why it does not.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A count of a paper: `published` as it is printed, `ours` in the same unit; `why` they differ, if they do."""

    what: str
    published: str
    ours: float
    why: str = ""

    @property
    def decimals(self) -> int:
        """Digits after the point that the paper prints."""
        return len(self.published.partition(".")[2])

    @property
    def agrees(self) -> bool:
        """Whether ours rounds to it, give or take half of the last digit that is printed."""
        return abs(self.ours - float(self.published)) <= 0.51 * 10.0**-self.decimals

    def cells(self) -> str:
        """The row of a table."""
        return (
            f"| {self.what} | {self.published} | {self.ours:,.{self.decimals}f} | {'' if self.agrees else self.why} |"
        )


def both(what: str, name: str, macs: str, params: str, why: str = "") -> Iterator[Row]:
    """Millions of MACs and of parameters of a network of the catalogue."""
    found = cost(baseline(name))
    yield Row(f"{what}: million mult-adds", macs, found.macs / 1e6, why)
    yield Row(f"{what}: million parameters", params, found.params / 1e6, why)


def standard_against_separable() -> Iterator[Row]:
    """MobileNet v1, table 4."""
    yield from both("standard convolutions", "mobilenet_v1_conv", "4866", "29.3", "4,866.3 without the classifier")
    yield from both("separable convolutions", "mobilenet_v1", "569", "4.2")


def narrow_against_shallow() -> Iterator[Row]:
    """MobileNet v1, table 5."""
    yield from both("0.75 MobileNet", "mobilenet_v1_w0.75", "325", "2.6")
    yield from both("shallow MobileNet", "mobilenet_v1_shallow", "307", "2.9")


def widths() -> Iterator[Row]:
    """MobileNet v1, table 6."""
    for width, macs, params in (
        ("1", "569", "4.2"),
        ("0.75", "325", "2.6"),
        ("0.5", "149", "1.3"),
        ("0.25", "41", "0.5"),
    ):
        why = "149.5, which the paper cuts" if width == "0.5" else ""
        yield from both(f"α = {width}", f"mobilenet_v1_w{width}", macs, params, why)


def resolutions() -> Iterator[Row]:
    """MobileNet v1, table 7."""
    for pixels, macs in ((224, "569"), (192, "418"), (160, "290"), (128, "186")):
        yield from both(f"{pixels} pixels", f"mobilenet_v1_r{pixels}", macs, "4.2", "290.7, which the paper cuts")


def one_block() -> Iterator[Row]:
    """MobileNet v1, table 3: one block of 512 channels at 14 x 14; parameters without batch norm."""
    cases = (
        ("convolution", "conv", 512, 14, "462", "2.36"),
        ("depthwise separable", "sep", 512, 14, "52.3", "0.27"),
        ("α = 0.75", "sep", 384, 14, "29.6", "0.15"),
        ("ρ = 0.714", "sep", 384, 10, "15.1", "0.15"),
    )
    for what, op, channels, pixels, macs, params in cases:
        walk = list(layers(Architecture(pixels, channels, 1, (Block(op, 3, 1, channels),))))[:-2]
        yield Row(f"{what}: million mult-adds", macs, sum(layer.macs for layer in walk) / 1e6)
        yield Row(f"{what}: million parameters", params, sum(map(kernels, walk)) / 1e6)


def shares() -> Iterator[Row]:
    """MobileNet v1, table 2: percent of mult-adds and of parameters, without batch norm and biases."""
    walk = list(layers(baseline("mobilenet_v1")))
    kinds = {
        "1x1 convolutions": [layer for layer in walk if layer.op == "conv" and layer.kernel == 1],
        "depthwise 3x3": [layer for layer in walk if layer.op == "depthwise"],
        "standard 3x3": [layer for layer in walk if layer.op == "conv" and layer.kernel == 3],
        "classifier": [layer for layer in walk if layer.op == "linear"],
    }
    macs, params = sum(layer.macs for layer in walk), sum(map(kernels, walk))
    printed = (("94.86", "74.59"), ("3.06", "1.06"), ("1.19", "0.02"), ("0.18", "24.33"))
    for (kind, some), (of_macs, of_params) in zip(kinds.items(), printed, strict=True):
        why = "digits are swapped in print: the paper's four shares make 99.29, and 100.01 with 1.91"
        yield Row(f"{kind}: % of mult-adds", of_macs, 100 * sum(layer.macs for layer in some) / macs, why)
        yield Row(f"{kind}: % of parameters", of_params, 100 * sum(map(kernels, some)) / params)


def saving() -> Iterator[Row]:
    """What a separable convolution saves: 1/N + 1/K² of a convolution (MobileNet v1, section 3.1)."""
    whole, parts = (example(op) for op in ("conv", "sep"))
    yield Row("3x3 from RGB to 256 channels: parameters", "6912", sum(map(kernels, whole)))
    yield Row("the same, separable: parameters", "795", sum(map(kernels, parts)))
    ratio = sum(layer.macs for layer in parts) / sum(layer.macs for layer in whole)
    yield Row("share of the mult-adds: 1/256 + 1/9", f"{1 / 256 + 1 / 9:.6f}", ratio)


def example(op: str) -> list[Layer]:
    """The layers of a 3x3 block from RGB to 256 channels."""
    return list(layers(Architecture(32, 3, 1, (Block(op, 3, 1, 256),))))[:-2]


def kernels(layer: Layer) -> int:
    """Parameters of a layer without its batch norm and biases."""
    return layer.params - layer.out_channels * (2 * layer.norm + layer.bias)


def stages_of_v2() -> Iterator[Row]:
    """MobileNet v2, table 2: pixels and channels that reach each of its rows."""
    arch = baseline("mobilenet_v2")
    reached, before = [], None
    for number, block in enumerate(arch.blocks):
        key = (block.op, block.expansion, block.out_channels)
        if key != before:
            walk = list(layers(Architecture(224, 3, 1, arch.blocks[:number] or (Block("conv", 1, 1, 3),))))
            reached.append((walk[-2].in_size, walk[-2].in_channels))
        before = key
    printed = [(224, 3), (112, 32), (112, 16), (56, 24), (28, 32), (14, 64), (14, 96), (7, 160), (7, 320)]
    for number, ((pixels, channels), ours) in enumerate(zip(printed, reached, strict=True), start=1):
        yield Row(f"row {number}: pixels", str(pixels), ours[0])
        yield Row(f"row {number}: channels", str(channels), ours[1])


GRID = {
    1.4: {224: "582"},
    1.3: {224: "509"},
    1.0: {224: "300", 192: "221", 160: "154", 128: "99", 96: "56"},
    0.75: {224: "209", 192: "153", 160: "107", 128: "69", 96: "39"},
    0.5: {224: "97", 192: "71", 160: "50", 128: "32", 96: "18"},
    0.35: {224: "59", 192: "43", 160: "30", 128: "20", 96: "11"},
}
"""Million mult-adds of MobileNet v2 by width and pixels: tensorflow/models, research/slim/nets/mobilenet/README.md."""


def grid_of_v2() -> Iterator[Row]:
    """MobileNet v2, its grid of widths and resolutions."""
    for width, row in GRID.items():
        for pixels, macs in row.items():
            ours = cost(baseline(f"mobilenet_v2_w{width}_r{pixels}")).macs / 1e6
            yield Row(f"width {width}, {pixels} pixels: million mult-adds", macs, ours, "cut, not rounded")


TABLES = {
    "MobileNet v1: separable against standard convolutions (table 4)": standard_against_separable,
    "MobileNet v1: narrow against shallow (table 5)": narrow_against_shallow,
    "MobileNet v1: widths (table 6)": widths,
    "MobileNet v1: resolutions (table 7)": resolutions,
    "MobileNet v1: one block of 14 x 14 x 512 (table 3)": one_block,
    "MobileNet v1: where mult-adds and parameters are (table 2)": shares,
    "MobileNet v1: what a separable convolution saves (section 3.1)": saving,
    "MobileNet v2: what reaches each row (table 2)": stages_of_v2,
    "MobileNet v2: widths and resolutions": grid_of_v2,
}


def page() -> str:
    """The text of docs/papers.md."""
    parts = [HEAD]
    for title, rows in TABLES.items():
        parts.append(f"## {title}\n\n| | published | ours | |\n|---|---|---|---|")
        parts.append("\n".join(row.cells() for row in rows()) + "\n")
    parts.append(_catalogue())
    parts.append(_experiments(EXPERIMENTS))
    return "\n".join(parts)


def _catalogue() -> str:
    lines = [
        "## Every published network\n",
        "Millions of MACs and parameters at width 1; `python -m nas.networks format=json` prints them too.\n",
        "| network | pixels | MACs published | ours | params published | ours | source | why they differ |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, published in NETWORKS.items():
        found = cost(baseline(name))
        theirs = f"{published.params_m} | {found.params / 1e6:.2f} | {published.source} | {published.why}"
        lines.append(
            f"| `{name}` | {published.resolution} | {published.macs_m:,} | {found.macs / 1e6:,.1f} | {theirs} |"
        )
    return "\n".join(lines) + "\n"


def _experiments(file: Path) -> str:
    """What `benchmarks.papers` found, as it wrote it down; empty before it has run."""
    if not file.exists():
        return ""
    found = json.loads(file.read_text(encoding="utf-8"))
    parts = [f"## The papers' experiments\n\n{found['about']}\n"]
    for experiment in found["experiments"]:
        parts.append(
            f"### {experiment['title']}\n\n| | n | {experiment['measure']} | 95 % interval |\n|---|---|---|---|"
        )
        parts += [
            f"| {arm['name']} | {arm['n']} | {arm['mean']:.2f} | {arm['low']:.2f} to {arm['high']:.2f} |"
            for arm in experiment["arms"]
        ]
        parts.append(f"\n{experiment['verdict']}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    replace_file(PAGE, page().encode())
