"""What int8 loses of separable networks that are known for it: plain quantisation beside every rung of the ladder.

    python -m benchmarks.int8_loss --images FOLDER --epochs 60 --seeds 0 1 2

Trains each network of `NETWORKS`, with a total stride of 8, on the 32 x 32 images of a folder such as CIFAR-10,
train/<class> and val/<class>; a test split is carved from train. Then takes it to int8 by each rung of
`nas.exports.int8.ladder`, and by the ladder itself, which chooses on the validation images. Losses are points of
accuracy on the test images, against fp32 in ONNX Runtime; then come the test images, in percent, that plain
quantisation and the ladder give the class of fp32.

What is trained is kept in `--folder`, and what is finished is added to `results.jsonl` there, so that the same command
goes on where it stopped; the table is of all that is there with these settings.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nas.data.batches import ImageData
from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.exports.graph import Graph, graph_of
from nas.exports.int8.ladder import PLAIN, RUNGS, Bounds, climb, hold
from nas.exports.int8.quantised import Quantised
from nas.exports.onnx_graph import open_graph
from nas.nets.build import build
from nas.nets.safetensors_file import read_safetensors, write_safetensors
from nas.resources import names
from nas.search.confirm.export import asked_of_int8, calibration_images
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import Block
from nas.spaces.chain import divisible
from nas.training.fit import fit
from nas.training.recipe import Recipe

PIXELS, CLASSES = 32, 10
STRIDE = 8
_MNASNET = [
    *((3, 3, 24, 3, 2), (5, 3, 40, 3, 2), (5, 6, 80, 3, 2)),
    *((3, 6, 96, 2, 1), (5, 6, 192, 4, 2), (3, 6, 320, 1, 1)),
]
"""Kernel, expansion, channels, depth, stride of MnasNet-B1's stages: Tan et al. 2019, https://arxiv.org/abs/1807.11626."""
_FAST = [(64, 2), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 4, (1024, 1)]
"""Channels and stride of FD-MobileNet's blocks: Qin et al. 2018, https://arxiv.org/abs/1802.03750."""


def _mnasnet(width: float) -> Iterator[Block]:
    yield Block("conv", 3, 2, divisible(32 * width))
    yield Block("sep", 3, 1, divisible(16 * width))
    for kernel, expansion, channels, depth, stride in _MNASNET:
        for index in range(depth):
            yield Block("mbconv", kernel, stride if index == 0 else 1, divisible(channels * width), expansion)
    yield Block("conv", 1, 1, 1280)


def _fd_mobilenet(width: float) -> Iterator[Block]:
    yield Block("conv", 3, 2, divisible(32 * width))
    for channels, stride in _FAST:
        yield Block("sep", 3, stride, divisible(channels * width))


def _small(blocks: Iterator[Block]) -> Architecture:
    """For 32 pixels: of the strides of 2 the first become 1, until the total is 8."""
    kept, left = list[Block](), 32 // STRIDE
    for block in blocks:
        one = left > 1 and block.stride > 1
        left //= block.stride if one else 1
        kept.append(replace(block, stride=1) if one else block)
    return Architecture(PIXELS, 3, CLASSES, tuple(kept))


NETWORKS: Mapping[str, Architecture] = {
    "mobilenet_v1_w0.25": baseline(f"mobilenet_v1_w0.25_s{STRIDE}_r{PIXELS}", 3, CLASSES),
    "mobilenet_v2_w0.35": baseline(f"mobilenet_v2_w0.35_s{STRIDE}_r{PIXELS}", 3, CLASSES),
    "mnasnet_w0.5": _small(_mnasnet(0.5)),
    "fd_mobilenet_w0.25": _small(_fd_mobilenet(0.25)),
}


def trained(name: str, data: ImageData, recipe: Recipe, seed: int, folder: Path) -> torch.nn.Module:
    """The network, trained, or as it was trained before."""
    path, arch = folder / f"{name}-{recipe.epochs}-{recipe.precision}-{seed}.safetensors", NETWORKS[name]
    if not path.is_file():
        print(f"training {name}, seed {seed}", flush=True)
        fitted = fit(arch, data, recipe, seed)
        write_safetensors(path, fitted.net.state_dict(), {"notation": arch.notation})
    net = build(arch)
    net.load_state_dict(read_safetensors(path)[0])
    return net.eval()


def measured(name: str, data: ImageData, net: torch.nn.Module, calibration: int, bounds: Bounds) -> dict[str, Any]:
    """Of the test images, in percent: accuracies in fp32, by every rung and by what the ladder chooses, and those of
    each rung and of the ladder that have the class of fp32.
    """
    graph, images = graph_of(net, NETWORKS[name]), calibration_images(data, calibration)
    asked = asked_of_int8(data, bounds)
    labels = np.concatenate([each.numpy() for _, each in data.test_dataloader()])
    fp32 = _classes(graph, data)
    shares = {"fp32": _percent(fp32 == labels)}
    same: dict[str, float] = {}
    for rung, quantised, kept in climb(graph, torch.from_numpy(images), asked):
        label = f"{rung} ({len(kept)})" if kept else rung
        found = _classes(quantised, data)
        shares[label], same[label] = _percent(found == labels), _percent(found == fp32)
        change = shares[label] - shares["fp32"]
        print(f"{name}: {label}: {change:+.2f} points on test, {same[label]:.2f} % as fp32", flush=True)
    held = hold(graph, images, asked)
    found = _classes(held.quantised, data)
    chosen = {"test": _percent(found == labels), "same": _percent(found == fp32)}
    return {"rungs": shares, "same": same, "ladder": {**chosen, **held.facts()}}


def _classes(network: Graph | Quantised, data: ImageData) -> NDArray[np.int64]:
    run = open_graph(network)
    return np.concatenate([run(images.numpy()).argmax(1) for images, _ in data.test_dataloader()])


def _percent(which: NDArray[np.bool_]) -> float:
    return 100 * float(which.mean())


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """One row a network: means over seeds; losses in points of test accuracy."""
    heads = ["network", "seeds", "fp32, %", *RUNGS, "the ladder", "by", "as fp32: plain", "as fp32: the ladder"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for name in NETWORKS:
        mine = [each for each in records if each["network"] == name]
        if not mine:
            continue
        cells = [name, str(len(mine)), f"{np.mean([each['rungs']['fp32'] for each in mine]):.2f}"]
        for rung in RUNGS:
            lost = [_lost(each, rung) for each in mine]
            cells.append(f"{np.mean(lost):.2f}")
        ladder = [each["rungs"]["fp32"] - each["ladder"]["test"] for each in mine]
        by = ", ".join(dict.fromkeys(each["ladder"]["rung"] for each in mine))
        plain, chosen = ([each[which][key] for each in mine] for which, key in (("same", PLAIN), ("ladder", "same")))
        cells += [f"{np.mean(ladder):.2f}", by, f"{np.mean(plain):.2f}", f"{np.mean(chosen):.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _lost(record: Mapping[str, Any], rung: str) -> float:
    """Of a rung that has several, the one with most layers in fp32."""
    shares = [share for label, share in record["rungs"].items() if label.split(" (")[0] == rung]
    return float(record["rungs"]["fp32"] - shares[-1]) if shares else float("nan")


def main() -> None:
    """Do what is left to do, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder with train/<class> and val/<class>")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/int8_loss"), help="where weights and results are kept"
    )
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS, help=names(NETWORKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"), help="that networks are trained in")
    parser.add_argument("--calibration", type=int, default=256, help="training images that ranges are taken from")
    parser.add_argument("--points", type=float, default=0.5, help="that the ladder may lose on validation images")
    parser.add_argument("--agreement", type=float, default=98, help="percent of those that must get the class of fp32")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    settings = DataSettings("imagefolder", str(asked.images))
    images = prepare(settings, 0, PIXELS, asked.folder / "images")
    results = asked.folder / "results.jsonl"
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []
    recipe = Recipe(asked.epochs, 64, 0.1, precision=asked.precision)
    shared = {name: getattr(asked, name) for name in ("epochs", "points", "agreement", "calibration", "precision")}
    bounds = Bounds(asked.points, asked.agreement)
    for seed in asked.seeds:
        for name in asked.networks:
            mine = {"network": name, "seed": seed, **shared}
            if any(mine.items() <= each.items() for each in done):
                continue
            data = ImageData(images, batch_size=64, seed=seed, flip=True, shift=4, device="cpu")
            net = trained(name, data, recipe, seed, asked.folder)
            done.append({**mine, **measured(name, data, net, asked.calibration, bounds)})
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[-1]) + "\n")
    print(table([each for each in done if shared.items() <= each.items()]))


if __name__ == "__main__":
    main()
