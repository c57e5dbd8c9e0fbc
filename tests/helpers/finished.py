"""A finished run whose networks are real, for commands that go on from its folder: seconds, not minutes."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nas.data.images import Images, Split
from nas.data.saved import save
from nas.data.views import ImageView, TrainingResolution
from nas.results.front import DataFacts, Front
from nas.results.run_folder import write_front
from nas.results.trials import write_trials
from nas.search.confirm.export import Export
from nas.spaces.architecture import Architecture
from nas.training.long import LongTraining
from nas.training.recipe import Recipe
from tests.helpers.run_sample import sample_front, sample_trials

PIXELS = 16
CLASSES = ("dark | red", "green `leaf`", "blue")
ARCH = Architecture.from_notation(f"{PIXELS}x3 conv3/2-8 mb3e2-8 sep3/2-16 fc{len(CLASSES)}")


def coloured(count: int, seed: int) -> Split:
    """Images of one colour each, with noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    pixels = rng.integers(0, 120, (count, 3, PIXELS, PIXELS))
    pixels[np.arange(count), labels] += 100
    return Split(pixels.astype(np.uint8), labels)


def finished_run(folder: Path, formats: tuple[str, ...] = ("onnx", "onnx_int8")) -> Front:
    """Train one small network and write its run to `folder`."""
    images = Images(coloured(300, 0), coloured(90, 1), coloured(90, 2), CLASSES, 3, PIXELS)
    save(images, folder / "images" / str(PIXELS))
    (folder / "models").mkdir(parents=True)
    view = ImageView(folder / "images" / str(PIXELS), accelerator="cpu")
    training = LongTraining(view, Recipe(3, 16, 0.2), TrainingResolution(PIXELS, PIXELS), folder / "weights")
    export = Export(training, folder / "models", 64, formats)
    found = export(ARCH, 1, {"macs": "1000", "params": "500", "licence": "yours", "version": "1"})
    sample = sample_front()
    member = replace(
        sample.front[0],
        key=ARCH.key,
        notation=ARCH.notation,
        architecture=ARCH,
        files=found.files,
        weights=found.weights,
        onnx=found.files[0].path,
        onnx_int8=found.files[1].path,
    )
    counts = {name: dict.fromkeys(CLASSES, count // 3) for name, count in (("train", 300), ("val", 90), ("test", 90))}
    data = DataFacts("imagefolder", None, CLASSES, 300, 90, 90, counts, PIXELS)
    front = replace(sample, front=(member,), confirmed=(member,), data=data)
    write_front(front, folder)
    write_trials(sample_trials(), folder)
    return front
