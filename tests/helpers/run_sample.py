"""A made-up but realistic run, for the tests of nas.report and for looking at what they draw."""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema

from nas.measures import Interval
from nas.results.costs import DeviceFigure
from nas.results.front import SCHEMA, BudgetFacts, Counts, DataFacts, Front, LeftOut, NetworkCount
from nas.results.gain import Gain, gain_over
from nas.results.hardware import Hardware, LatencyErrors
from nas.results.member import (
    Accuracy,
    Baseline,
    ByClass,
    Confused,
    FileAccuracy,
    Finished,
    HostTiming,
    Member,
    Mistake,
    ModelFile,
)
from nas.results.quality import Hypervolume, Importance, PredictionErrors, ProxyFidelity, RungFidelity, WithoutModel
from nas.results.run_folder import read_front, write_front
from nas.results.schema import SCHEMA_FILE
from nas.results.trials import COLUMNS, TrialRow, read_trials, write_trials
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block

NOTATION = (
    "224x3 conv3/2-16 sep3-16 mb3e3/2-24x2 mb5e6/2-32 sep5-40 mb3e6/2-{width}x3 sep3-96 mb5e6/2-160x2 conv1-640 fc10"
)
Points = Sequence[tuple[float, float]]
NETWORK = Architecture(224, 3, 10, (Block("conv", 3, 2, 16), Block("sep", 3, 1, 16)))


def sample_front(members: int = 6) -> Front:
    """A front of `members` networks and two dominated ones, with two curves of baselines."""
    confirmed = tuple(_member(index, members) for index in range(members))
    beaten = tuple(_member(index, members, worse=0.03) for index in (1, 3) if index < members)
    baselines = tuple(_baseline(family, width) for family in (1, 2) for width in (0.25, 0.5, 0.75, 1.0))
    return Front(
        schema=SCHEMA,
        hardware=_hardware(),
        budget=budget(("300M",), macs=300e6),
        search_space="separable",
        objectives=("accuracy", "latency"),
        seed=0,
        data=_data(),
        sampler="tpe",
        proxy={"name": "short", "how": "short", "resolution": 32, "epochs": 3, "width": 1.0, "own_resolution": 224},
        rungs=("short",),
        command="python -m nas.search hardware=pixel4 budget=300M",
        counts=Counts(71, 38, evaluated=30, stopped=0, failed=2, confirmed=members + 2),
        hypervolume=Hypervolume(
            value=0.712,
            reference={"accuracy": 0.1, "latency": 44.0},
            history=tuple(round(0.72 * (1 - math.exp(-(1 + n // 3 * 3) / 6)), 4) for n in range(30)),
            random=None,
        ),
        proxy_fidelity=ProxyFidelity(
            kendall_tau=0.5,
            low=-0.07,
            high=0.86,
            n=members + 2,
            macs_kendall_tau=0.64,
            verdict="no better than MACs",
            warning="the cheap accuracies ranked no better …",
        ),
        predicted_and_measured=None,
        baselines=baselines,
        versions={"sepconv-nas": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "optuna": "5.0.0"},
        front=confirmed,
        confirmed=confirmed + beaten,
        gain=gain_over(baselines, confirmed, _data().test),
        learned=True,
        warnings=("the cheap accuracies ranked no better …", "the limit of 300M MACs excludes none"),
        importances=(
            Importance("accuracy", 30, {"stage2.op": 0.31, "resolution": 0.2, "stage4.depth": 0.04}),
            Importance("latency", 30, {"resolution": 0.62, "stage2.op": 0.11}),
        ),
    )


def climbed_front() -> Front:
    """The sample where networks climb rungs and some were drawn at random."""
    front = sample_front()
    growth = tuple(round(0.6 * (1 - math.exp(-(1 + n) / 8)), 4) for n in range(20))
    random_search = WithoutModel(
        drawn="random",
        draws=10,
        mean=growth,
        low=tuple(round(0.8 * value, 4) for value in growth),
        high=tuple(round(min(1, value + 0.08), 4) for value in growth),
    )
    return replace(
        front,
        rungs=("short", "long"),
        counts=replace(front.counts, stopped=9),
        hypervolume=replace(front.hypervolume, random=random_search),
        proxy_fidelity=replace(front.proxy_fidelity, rungs=_rungs()),
        warnings=(*front.warnings, "the rung score ranked no better"),
    )


def networks(points: Points, half: float = 0.0, *, kind: str = "front") -> list[Any]:
    """Members of a front, or `baselines`, one for each latency (ms) and accuracy, known to within `half`."""
    network: Any = getattr(sample_front(), kind)[0]

    def at(ms: float, share: float) -> Any:
        figure = replace(network.latency_ms, value=ms, low=ms, high=ms)
        accuracy = replace(network.accuracy, value=share, low=share - half, high=share + half)
        return replace(network, costs={**network.costs, "latency_ms": figure}, accuracy=accuracy)

    return [at(*point) for point in points]


def with_measured(front: Front) -> Front:
    """The front, its networks measured in the end, by turns 10 and 14 % slower and 4 % faster than predicted."""

    def measured(member: Member, index: int) -> Member:
        was = member.latency_ms
        predicted = Interval(was.value, was.low, was.high)
        slower = (1.1, 1.14, 0.96)[index % 3]
        ms = predicted.value * slower
        figure = DeviceFigure(ms, 0.99 * ms, 1.01 * ms, "measured", True, predicted)
        return replace(member, costs={**member.costs, "latency_ms": figure})

    confirmed = tuple(measured(member, index) for index, member in enumerate(front.confirmed))
    members = confirmed[: len(front.front)]
    errors = PredictionErrors(n=len(confirmed), mape_percent=9.06, max_percent=12.28, inside_interval=2)
    return replace(front, confirmed=confirmed, front=members, predicted_and_measured=errors)


def bare_front() -> Front:
    """What is left of the sample where nothing came of the search and little is known."""
    front = sample_front()
    errors: dict[str, Any] = {field: None for field in LatencyErrors.__slots__ if field not in ("n", "how")}
    return replace(
        front,
        hardware=replace(front.hardware, notes=(), error=replace(front.hardware.error, **errors)),
        budget=budget(()),
        data=replace(front.data, path=None, left_out=()),
        counts=Counts(0, 0, 0, 0, 0, 0),
        hypervolume=Hypervolume(0.0, {}, (), None),
        proxy_fidelity=ProxyFidelity(None, None, None, 0, None, "cannot be told", None),
        baselines=(),
        versions={},
        front=(),
        confirmed=(),
        gain=Gain(0, None, None, ()),
        learned=None,
        warnings=(),
        importances=(),
    )


def budget(text: tuple[str, ...], **limits: float) -> BudgetFacts:
    """A budget that 11 of 1,536 networks fit, or, without a limit, all."""
    count = NetworkCount(11, 11, 11, 1536) if text else NetworkCount(1536, 1536, 1536, 1536)
    every = dict.fromkeys(("macs", "latency_ms", "weight_bytes", "params", "peak_activation_bytes"))
    return BudgetFacts({**every, **limits}, text, count)


def sample_trials(complete: int = 30, rejected: int = 6, failed: int = 2, stopped: int = 0) -> list[TrialRow]:
    """Rows of `trials.csv`."""
    rng = random.Random(0)
    rows = [_trial(number, rng) for number in range(complete)]
    for number in range(stopped):  # every other one on its score, before any training
        scores = {"score": {"naswot": 300.5 + number}}
        row = replace(_trial(len(rows), rng), state="stopped")
        trained = replace(row, rungs={**scores, "short": row.accuracy or 0.0})
        rows.append(replace(row, accuracy=None, how="score", rungs=scores, worth=0.25) if number % 2 else trained)
    for _ in range(failed):
        why = "diverged: the loss was nan in epoch 2"
        rows.append(replace(_trial(len(rows), rng), state="failed", accuracy=None, error=why, rungs=None))
    for _ in range(rejected):
        why = f"{rng.randint(301, 900)}M MACs are over the budget of 300M"
        row = replace(_trial(len(rows), rng), state="rejected", error=why)
        rows.append(replace(row, accuracy=None, how=None, seconds=None, rungs=None))
    return rows


def write_run(folder: Path, front: Front, trials: Sequence[TrialRow]) -> Path:
    """A run folder as a search leaves it, with small stand-ins for the ONNX files."""
    (folder / "models").mkdir(parents=True)
    write_front(front, folder)
    write_trials(trials, folder)
    for member in front.front:
        (folder / str(member.onnx)).write_bytes(b"onnx " + member.key.encode())
    return folder


def check_run(folder: Path) -> Front:
    """Check a run folder's front.json and trials.csv against the JSON Schema and the types; the front."""
    content = json.loads((folder / "front.json").read_text(encoding="utf-8"))
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(content)
    front, trials = read_front(folder), read_trials(folder)
    assert front.to_json() == content, "a key of front.json is unknown to the types"
    header = (folder / "trials.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == ",".join(COLUMNS)
    assert len(trials) == len({row.number for row in trials})
    return front


def _hardware() -> Hardware:
    return Hardware(
        name="pixel4",
        configuration="1large",
        device="Google Pixel 4",
        soc="Snapdragon 855",
        cores="1x Cortex-A76 2.84 GHz",
        threads=1,
        precision="fp32",
        runtime="TFLite",
        runtime_version="2.10",
        method="median of repeats, batch 1, 224x224",
        repeats="30",
        date="2022-10",
        source="mobile-ml-benchmark (Li, Paolieri, Golubchik), MIT",
        license="MIT",
        notes=("These are TFLite measurements of 18 networks; a recording with ONNX Runtime replaces them.",),
        networks=18,
        error=LatencyErrors(
            n=18,
            mape_percent=3.1,
            max_percent=8.4,
            within_5_percent=83.3,
            within_10_percent=100.0,
            coverage_percent=94.4,
            spearman=0.994,
            kendall=0.95,
            macs_mape_percent=15.6,
            params_mape_percent=38.5,
            how="leave-one-out",
        ),
    )


def _data() -> DataFacts:
    classes = tuple(str(digit) for digit in range(10))
    return DataFacts(
        source="digits",
        path=None,
        classes=classes,
        train=1149,
        val=288,
        test=360,
        counts={name: dict.fromkeys(classes, n) for name, n in (("train", 115), ("val", 29), ("test", 36))},
        native_resolution=32,
        left_out=(LeftOut("unreadable", 1, ("7/broken.png (cannot identify image file)",)),),
    )


def _rungs() -> tuple[RungFidelity, ...]:
    first = RungFidelity(
        lower="score",
        upper="short",
        reached=60,
        n=39,
        kendall_tau=0.41,
        low=0.2,
        high=0.6,
        macs_kendall_tau=0.52,
        verdict="no better than MACs",
        warning="the rung score ranked no better",
    )
    second = RungFidelity(
        lower="short",
        upper="long",
        reached=39,
        n=30,
        kendall_tau=0.62,
        low=0.45,
        high=0.8,
        macs_kendall_tau=0.5,
        verdict="better than MACs",
        warning=None,
    )
    return first, second


def _member(index: int, members: int, worse: float = 0.0) -> Member:
    share = index / max(1, members - 1)
    latency = 5.2 + 17 * share**1.3 + 60 * worse
    accuracy = 0.905 + 0.075 * share**0.6 - worse
    params = int(0.42e6 + 2.6e6 * share)
    key = f"{'d' if worse else 'f'}{index:015x}"
    files = _files(key, params, latency, accuracy, quantised=index != 2)
    return Member(
        key=key,
        notation=NOTATION.format(width=64 + 8 * index),
        architecture=NETWORK,
        costs={
            "macs": int(38e6 + 240e6 * share + 1e8 * worse),
            "params": params,
            "weight_bytes": params * 4,
            "peak_activation_bytes": int(4.8e6 + 2e6 * share),
            "latency_ms": DeviceFigure(latency, latency * 0.93, latency * 1.07, "predicted", in_range=index != 0),
        },
        accuracy=Accuracy(accuracy, accuracy - 0.018, min(1.0, accuracy + 0.014), "confirmed", 2, 32),
        val_accuracy=Interval(accuracy, accuracy - 0.02, accuracy + 0.02),
        probability=0.02 if worse else 1 - 0.08 * index,
        onnx=files[0].path,
        onnx_int8=files[1].path,
        files=files,
        finished=_finished(accuracy, files) if index == 1 and not worse else None,
    )


def _finished(accuracy: float, files: tuple[ModelFile, ...]) -> Finished:
    mean = Accuracy(accuracy + 0.01, accuracy - 0.004, min(1.0, accuracy + 0.02), "finished", 1, 224)
    line = "python -m nas.train run=RUN member=2"
    return Finished(mean, accuracy + 0.012, 50, 47, 1234.5, "best.onnx", None, files, line)


def _files(key: str, params: int, latency: float, accuracy: float, *, quantised: bool) -> tuple[ModelFile, ...]:
    runtime = "onnxruntime 1.31"
    timing = HostTiming(latency * 0.6, latency * 0.58, latency * 0.66, 100, 1, runtime)
    fp32 = ModelFile("onnx", "fp32", f"models/{key}.onnx", 4 * params, host_latency_ms=timing)
    if quantised:
        fp32 = _judged(fp32, key)
    if not quantised:
        return fp32, ModelFile("onnx", "int8", None, None, error="ValueError: no ranges")
    timing = HostTiming(latency * 0.3, latency * 0.2, latency * 0.35, 200, 1, runtime)
    judged = FileAccuracy(accuracy - 0.01, accuracy - 0.03, accuracy, accuracy + 0.002, seed=1)
    return fp32, ModelFile("onnx", "int8", f"models/{key}.int8.onnx", params, judged, timing)


def _judged(file: ModelFile, key: str) -> ModelFile:
    """The file with what is known of each of ten classes of 36 test images, of which it takes four 3s for 5s."""
    mistakes = tuple(Mistake(image, 3, 5, 0.99 - image / 100) for image in range(3))
    by_class = ByClass((36,) * 3 + (32,) + (36,) * 6, mistakes, f"models/{key}.mistakes.jpg")
    accuracy = FileAccuracy(356 / 360, 0.97, 1.0, 356 / 360, seed=1)
    return replace(file, accuracy=accuracy, confused=(Confused(3, 5, 4),), by_class=by_class)


def _baseline(family: int, width: float) -> Baseline:
    macs = {1: 565e6, 2: 300e6}[family] * (0.1 * width + 0.9 * width**2)
    params = int({1: 3.2e6, 2: 2.2e6}[family] * width**2)
    latency, accuracy = 3 + macs / 17e6, 0.66 + 0.22 * width ** (0.5 + 0.3 * family)
    return Baseline(
        name=f"mobilenet_v{family}" + ("" if width == 1 else f"_w{width}"),
        architecture=NETWORK,
        costs={
            "macs": int(macs),
            "params": params,
            "weight_bytes": 4 * params,
            "peak_activation_bytes": int(4.8e6 * width),
            "latency_ms": DeviceFigure(latency, latency * 0.93, latency * 1.07, "predicted", in_range=True),
        },
        accuracy=Accuracy(accuracy, accuracy - 0.02, min(1.0, accuracy + 0.02), "short", 1, 32),
    )


def _trial(number: int, rng: random.Random) -> TrialRow:
    share = rng.random()
    latency = 4.5 + 19 * share
    params = int(0.4e6 + 2.7e6 * share)
    accuracy = round(min(0.96, 0.62 + 0.3 * share**0.5 - abs(rng.gauss(0, 0.07)) + 0.03), 4)
    return TrialRow(
        number=number,
        state="complete",
        key=f"{number:016x}",
        notation=NOTATION.format(width=8 * rng.randint(4, 14)),
        accuracy=accuracy,
        how="short",
        costs={
            "latency_ms": latency,
            "latency_low_ms": latency * 0.93,
            "latency_high_ms": latency * 1.07,
            "macs": int(30e6 + 260e6 * share),
            "params": params,
            "weight_bytes": params * 4,
            "peak_activation_bytes": int(4.5e6 + 2.4e6 * share),
        },
        seconds=round(4 + 9 * share, 2),
        rungs={"short": accuracy},
        worth=round(accuracy + 0.01, 4),
    )
