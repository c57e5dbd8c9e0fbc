"""`nas.train` against the same network in a plain loop of Lightning, of the same epochs, on the same images.

    python -m benchmarks.full_training --images FOLDER --arch mobilenet_v2_w0.5_s8_r32 --epochs 10 20 40 --seeds 3

FOLDER has train/<class> and val/<class>. A tenth of train is validation, by which `nas.train` chooses its epoch; val is
judged in the end. The plain loop is what one writes from Lightning's tutorial: torch's own modules, SGD with Nesterov
momentum, a cosine, weight decay on everything, the same flips and shifts; it validates nothing and keeps the last
Both run in one process and one thread, alternately, on the same images. Seconds are CPU seconds.

`share`: of the plain loop's seconds, what `nas.train` takes to reach its accuracy, by a straight line
through the epochs tried in the logarithm of seconds; more than 1 is slower, a dash is out of reach.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.intervals import half_width
from benchmarks.plain_modules import plainly
from nas.data.prepare import prepare
from nas.data.settings import AUGMENTATION, DataSettings
from nas.data.views import ImageView, TrainingResolution
from nas.errors import NasError
from nas.nets.build import build
from nas.nets.device import use_one_thread
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from nas.training.fit import quiet
from nas.training.full import FullTraining
from nas.training.long import LongTraining
from nas.training.metrics import judge
from nas.training.recipe import Recipe

Record = Mapping[str, Any]
WAYS = ("plain", "nas.train")


class Plain(pl.LightningModule):
    """The plain loop."""

    def __init__(self, net: nn.Module, rate: float) -> None:
        super().__init__()
        self.net, self.rate = net, rate

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        images, labels = batch
        return F.cross_entropy(self.net(images), labels)

    def configure_optimizers(self) -> Any:
        weights = self.net.parameters()
        optimizer = torch.optim.SGD(weights, lr=self.rate, momentum=0.9, weight_decay=5e-4, nesterov=True)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train_plainly(arch: Architecture, view: ImageView, epochs: int, batch_size: int, seed: int) -> nn.Module:
    """The network after its last epoch."""
    data = view.at(arch.resolution, batch_size, seed)
    torch.manual_seed(seed)
    net = plainly(build(arch))
    with quiet():
        trainer = pl.Trainer(
            max_epochs=epochs,
            accelerator=data.device.type,
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Plain(net, 0.1 * batch_size / 64), data.train_dataloader())
    return net.to(data.device)


def train_fully(arch: Architecture, view: ImageView, recipe: Recipe, seed: int, folder: Path) -> nn.Module:
    """The network of its best epoch, by the training that nas.train has."""
    scale = TrainingResolution(arch.resolution, arch.resolution)
    full = FullTraining(LongTraining(view, recipe, scale, folder))
    full(arch, seed, lambda epoch: print(f"  epoch {epoch.done}: {epoch.judged.accuracy:.3f}", file=sys.stderr))
    net = full.long.net(arch, seed)
    shutil.rmtree(folder)
    return net


def measure(given: argparse.Namespace, arch: Architecture, way: str, epochs: int, seed: int) -> Record:
    """One training, as a line of the results."""
    view = images_of(given)
    began = time.process_time()
    if way == "plain":
        net = train_plainly(arch, view, epochs, given.batch_size, seed)
    else:
        recipe = Recipe(epochs, given.batch_size, 0.2, ema=given.ema)
        net = train_fully(arch, replace(view, cutmix=given.cutmix), recipe, seed, given.place / "weights")
    seconds = time.process_time() - began
    found = judge(net, view.at(arch.resolution, 256, 0).test_dataloader())
    return {
        **{"arch": given.arch, "way": way, "epochs": epochs, "seed": seed, "accuracy": found.accuracy},
        **{"seconds": round(seconds, 4), "images": len(view.images.train), "judged": len(view.images.test)},
        **{"batch_size": given.batch_size, "ema": given.ema, "cutmix": given.cutmix, "limit": given.limit},
    }


def images_of(given: argparse.Namespace) -> ImageView:
    """The images, decoded once; val of the folder is the test split."""
    source, place = given.place / "links", given.place / "images"
    if not source.exists():
        source.mkdir(parents=True)
        for name, origin in (("train", "train"), ("test", "val")):
            (source / name).symlink_to((given.images / origin).resolve(), target_is_directory=True)
    settings = DataSettings("imagefolder", str(source), val_fraction=0.1, limit=given.limit, flip=True, shift=4)
    prepare(settings, 0, None, place)
    return ImageView(place, **{name: getattr(settings, name) for name in AUGMENTATION})


def table(records: Iterable[Record]) -> str:
    """Accuracy and seconds of both for each number of epochs, and what one gains over the other."""
    found: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        found.setdefault((record["way"], record["epochs"]), []).append(record)
    epochs = sorted({key[1] for key in found if all((way, key[1]) in found for way in WAYS)})
    lines = ["| epochs | plain, % | seconds | nas.train, % | seconds | points | share |", "|---" * 7 + "|"]
    ours = [
        (_mean(found["nas.train", each], "seconds"), _mean(found["nas.train", each], "accuracy")) for each in epochs
    ]
    for each in epochs:
        plain, full = (found[way, each] for way in WAYS)
        by_seed = {record["seed"]: record["accuracy"] for record in plain}
        gains = [100 * (r["accuracy"] - by_seed[r["seed"]]) for r in full if r["seed"] in by_seed]
        seconds = _mean(plain, "seconds")
        reached = _seconds_to(ours, _mean(plain, "accuracy"))
        share = "-" if reached is None else f"{reached / seconds:.2f}"
        ours_seconds = f"{_mean(full, 'seconds'):.0f}"
        cells = [f"{100 * _mean(plain, 'accuracy'):.1f}", f"{seconds:.0f}", f"{100 * _mean(full, 'accuracy'):.1f}"]
        lines.append(f"| {' | '.join([str(each), *cells, ours_seconds, _cell(gains), share])} |")
    return "\n".join(lines)


def _mean(records: Sequence[Record], key: str) -> float:
    return float(np.mean([record[key] for record in records]))


def _cell(gains: Sequence[float]) -> str:
    """The mean with its 95 % interval by Student's t; of one seed alone its value."""
    text = f"{np.mean(gains):+.1f}" if gains else "-"
    if len(gains) > 1:
        text += f" ± {half_width(gains):.1f}"
    return text


def _seconds_to(ours: Sequence[tuple[float, ...]], accuracy: float) -> float | None:
    """Seconds at which our accuracies reach `accuracy`; None where they never do, at least the fewest tried."""
    for (before_s, before), (after_s, after) in pairwise(ours):
        if before <= accuracy <= after and after > before:
            done = (accuracy - before) / (after - before)
            return float(np.exp(np.log(before_s) + done * np.log(after_s / before_s)))
    return ours[0][0] if ours and accuracy <= ours[0][1] else None


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the trainings that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder with train/<class> and val/<class>")
    parser.add_argument("--arch", default="mobilenet_v2_w0.5_s8_r32")
    parser.add_argument("--epochs", nargs="+", type=int, default=[10, 20, 40])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--cutmix", type=float, default=0.0)
    parser.add_argument("--limit", type=int, help="training images at most")
    parser.add_argument("--results", type=Path, default=Path("build/benchmarks/full_training.jsonl"))
    parser.add_argument("--place", type=Path, default=Path("build/benchmarks/full_training"), help="folder of images")
    given = parser.parse_args(arguments)
    given.results.parent.mkdir(parents=True, exist_ok=True)
    use_one_thread()
    done = [json.loads(line) for line in given.results.read_text().splitlines()] if given.results.exists() else []
    given.place.mkdir(parents=True, exist_ok=True)
    classes = len([each for each in (given.images / "train").iterdir() if each.is_dir()])
    arch = replace(load_architecture(given.arch), classes=classes)
    for seed in range(given.seeds):
        for epochs in given.epochs:
            for way in WAYS:
                if (way, epochs, seed) in {(each["way"], each["epochs"], each["seed"]) for each in done}:
                    continue
                record = measure(given, arch, way, epochs, seed)
                done.append(dict(record))
                with given.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
                print(json.dumps(record), file=sys.stderr)
    print(table(done))


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
