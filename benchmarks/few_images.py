"""What a search from pretrained weights gives with few images: CIFAR-10, 10 to 2,000 images a class.

    python -m benchmarks.few_images --images 10 50 200 2000 -- hardware=pixel4 budget=30ms

For each number of images a class and each seed, the whole search, `python -m nas.search` with
`init=efficientnet_lite2` and the settings given, sees so many training images of each class, of which its validation
split is taken too: the first of one order for each seed, so that the fewer are among the more. Its front and its
baselines, fine-tuned, are judged on the 5,000 images of val, the same for all. Then the front's networks are trained
from scratch, once each, by the long training of the same settings and of those of `--scratch`, on the same images,
and judged on the same.

The images are those of the data folder (`NAS_DATA_DIR`, default `../shared/data`). A run that was broken off goes on
where it stopped. What is finished is appended to `--results`, and not made again; the table is of all that is there,
so that numbers of images may have settings of their own, each with a call of its own. Best of the front, and best
baseline: by the test images.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.intervals import half_width
from benchmarks.proxy_fidelity import photographs
from benchmarks.quiet import Quiet
from benchmarks.search_efficiency import machine, versions
from benchmarks.search_settings import search_settings
from nas.errors import DataError, NasError, RunError
from nas.proxies.base import Failed
from nas.results.codec import to_json
from nas.results.front import Front
from nas.results.run_folder import read_front
from nas.search.checks import check_settings
from nas.search.evaluations import decode_images
from nas.search.record import jobs
from nas.search.record.jobs import Job, evaluate_once
from nas.search.record.study import earlier_journal, open_study
from nas.spaces.architecture import Architecture
from nas.training.long import Judged, LongTraining

IMAGES = (10, 50, 200, 2000)
"""Training images a class, those for validation included."""
WORDS = ("init=efficientnet_lite2", "data=imagefolder")
COLUMNS = (
    "images a class",
    "seeds",
    "best of the front, %",
    "best baseline, %",
    "front over baselines at equal latency, points",
    "least over the latencies, points",
    "the front's networks, mean, %",
    "the same from scratch, %",
    "fine-tuned over scratch, points",
)

Record = Mapping[str, Any]
"""A finished run, as a line of the results."""


def link_images(source: Path, folder: Path, images: int, seed: int, tested: int | None) -> None:
    """Make `folder` anew, of links: `images` of each class in train/<class>, `tested` of val, or all, in test/<class>.

    Raises:
        DataError: a class has fewer.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for split, origin, count in (("train", "train", images), ("test", "val", tested)):
        for number, of_class in enumerate(sorted((source / origin).iterdir())):
            files = sorted(of_class.iterdir())
            if (count or 1) > len(files):
                raise DataError(f"{of_class} has {len(files)} images, {count} were asked for")
            order = np.random.default_rng((seed if split == "train" else 0, number)).permutation(len(files))
            (folder / split / of_class.name).mkdir(parents=True)
            for i in order[:count]:
                (folder / split / of_class.name / files[i].name).symlink_to(files[i].resolve())


def search(words: Sequence[str], folder: Path) -> Front:
    """The front of the whole search with these settings, in `folder`.

    Raises:
        RunError: it ended without one.
    """
    command = [sys.executable, "-m", "nas.search", *words, f"hydra.run.dir={folder}"]
    if code := subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise RunError(f"the search in {folder} ended with exit code {code}")
    return read_front(folder)


def from_scratch(words: Sequence[str], networks: Sequence[Architecture], folder: Path) -> list[float]:
    """The test accuracy of each network, trained from random weights by the long training of these settings.

    Images are decoded and split as by the search in `folder`. Trainings that are finished are not made again.

    Raises:
        RunError: one failed.
    """
    settings = search_settings(words)
    checked, confirm, place = check_settings(settings), settings.confirm, folder / "scratch"
    data = decode_images(settings, checked.problem, checked.pixels, folder)
    epochs = confirm.passes(len(data.large.images.train), pretrained=True)  # as many as the front's
    recipe = settings.training.recipe(epochs, confirm.batch_size, confirm.learning_rate, pretrained=False)
    training = LongTraining(data.large, recipe, data.long_scale, place / "weights")
    place.mkdir(exist_ok=True)
    study = open_study(place, None, ("maximize",), {}, earlier_journal(place))
    executor = settings.executor.start(settings.executor.slots(settings.workers))
    seed = settings.seed + 1
    try:
        wanted = {
            jobs.tested(training.digest(arch), arch, seed): Job(Judged, training.test, (arch, seed))
            for arch in networks
        }
        found = evaluate_once(study, executor, wanted, Quiet(), "from scratch")
    finally:
        executor.close()
    for result in found.values():
        if isinstance(result, Failed):
            raise RunError(f"a training from scratch failed: {result.error}")
    shutil.rmtree(training.folder, ignore_errors=True)
    return [result.accuracy for result in found.values() if isinstance(result, Judged)]


def run(given: argparse.Namespace, images: int, seed: int) -> Record:
    """What a search with so many images a class gives, as a line of the results; `given` is the command line."""
    data, folder = (given.place / part / f"{images}-{seed}" for part in ("data", "runs"))
    link_images(photographs(given.cache), data, images, seed, given.tested)
    words = [*WORDS, f"data.path={data.resolve()}", f"seed={seed}", *given.words]
    began = time.time()
    front = search(words, folder.resolve())
    searched = time.time()
    networks = [member.architecture for member in front.front]
    scratch = from_scratch([*words, *given.scratch], networks, folder.resolve())
    return {
        **{"images": images, "seed": seed, "words": given.words, "scratch_words": given.scratch},
        "tested": front.data.test,
        "front": [
            {"notation": m.notation, "ms": m.latency_ms.value, "accuracy": m.accuracy.value, "scratch": share}
            for m, share in zip(front.front, scratch, strict=True)
        ],
        "baselines": [
            {"name": b.name, "ms": b.latency_ms.value, "accuracy": b.accuracy.value} for b in front.baselines
        ],
        "gain": to_json(front.gain),
        "seconds": {"search": round(searched - began), "scratch": round(time.time() - searched)},
        **{"machine": machine(), "versions": versions()},
    }


def figures(record: Record) -> list[float | None]:
    """The figures of a run in percent and points, as in the table; None where there is nothing to compare."""
    tuned, scratch = (100 * np.array([each[key] for each in record["front"]]) for key in ("accuracy", "scratch"))
    baselines = [100 * each["accuracy"] for each in record["baselines"]]
    gain = record["gain"]["equal_latency"] or {"points": None, "least": None}
    return [
        *(float(tuned.max()), max(baselines, default=None), gain["points"], gain["least"]),
        *map(float, (tuned.mean(), scratch.mean(), (tuned - scratch).mean())),
    ]


def cell(values: Sequence[float | None], form: str) -> str:
    """The mean over seeds with its 95 % interval by Student's t; of one seed alone its value."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    text = form.format(np.mean(known))
    if len(known) > 1:
        text += f" ± {half_width(known):.1f}"
    return text + (f" ({len(known)} of {len(values)})" if len(known) < len(values) else "")


def table(records: Iterable[Record]) -> str:
    """A Markdown table, a row for each number of images: mean over seeds and its 95 % interval."""
    by_images: dict[int, list[Record]] = {}
    for record in records:
        by_images.setdefault(record["images"], []).append(record)
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    forms = ("{:.1f}", "{:.1f}", "{:+.1f}", "{:+.1f}", "{:.1f}", "{:.1f}", "{:+.1f}")
    for images, of_seeds in sorted(by_images.items()):
        columns = zip(*map(figures, of_seeds), strict=True)
        cells = [cell(values, form) for values, form in zip(columns, forms, strict=True)]
        lines.append(f"| {' | '.join([f'{images:,}', str(len(of_seeds)), *cells])} |")
    return "\n".join(lines)


def read(path: Path) -> dict[tuple[int, int], Record]:
    """The finished runs by images and seed; a line that a kill cut short is left out."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    records = [json.loads(line) for line in lines if line.endswith("}\n")]
    return {(record["images"], record["seed"]): record for record in records}


def make_missing(given: argparse.Namespace, make: Callable[[argparse.Namespace, int, int], Record]) -> None:
    """Append to the results what `make` gives for each number of images and seed that is not there.

    Raises:
        RunError: what is there was made with other settings.
    """
    done = read(given.results)
    for images in given.images:
        for seed in range(given.seeds):
            known = done.get((images, seed))
            others = [*known["words"], *known["scratch_words"]] if known else []
            if known and (known["words"], known["scratch_words"]) != (given.words, given.scratch):
                raise RunError(
                    f"{given.results} has {images} images, seed {seed}, of other settings: {' '.join(others)}; "
                    "give another --results and --place"
                )
            if known is None:
                record = make(given, images, seed)
                cut = given.results.exists() and not given.results.read_bytes().endswith(b"\n")
                with given.results.open("a", encoding="utf-8") as file:
                    file.write("\n" * cut + json.dumps(record) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the runs that are missing, and print a table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", nargs="+", type=int, default=list(IMAGES), help="training images a class")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tested", type=int, help="test images a class; all of val by default")
    parser.add_argument("--scratch", nargs="*", default=[], help="further settings of the trainings from scratch")
    parser.add_argument("--results", type=Path, default=Path("build/benchmarks/few_images.jsonl"))
    parser.add_argument("--place", type=Path, default=Path("build/benchmarks/few_images"), help="folder of the runs")
    parser.add_argument("--cache", type=Path, default=Path("build/benchmarks/images"), help="folder of the images")
    parser.add_argument("words", nargs="*", help="settings of nas.search, after --")
    given = parser.parse_args(arguments)
    for folder in (given.cache, given.place, given.results.parent):
        folder.mkdir(parents=True, exist_ok=True)
    make_missing(given, run)
    print(table(read(given.results).values()))


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
