"""The settings of `python -m nas.search`, as the code below Hydra sees them. Defaults are in conf/search.yaml."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from nas.data.settings import DataSettings
from nas.errors import ConfigError
from nas.identity import Free, agreeing, digest
from nas.latency.profile import canonical_hardware
from nas.nets.pretrained import NONE, is_file
from nas.problem import Combine
from nas.proxies import AnyProxy
from nas.proxies.implied import implied_proxy
from nas.proxies.probe import NEEDS_INIT
from nas.proxies.scores.evaluate import ScoreSettings
from nas.proxies.short import LongSettings
from nas.proxies.supernet import SupernetProxy
from nas.reading.words import cut, short
from nas.recording.devices import Reached
from nas.recording.devices.base import Reach
from nas.resources import canonical
from nas.search.executors import AnyExecutor
from nas.search.samplers import AnySampler
from nas.spaces.baselines import by_content
from nas.spaces.budget import Budget, show
from nas.spaces.load import AUTO, known_spaces
from nas.training.settings import SUPERNET, Batch, Pixels, Positive, Share, TrainingSettings

Seeds = Annotated[int, Ge(1), Le(100)]

IDENTITY_VERSION = 1
"""Raised when settings that must agree come to mean something else."""


@dataclass(frozen=True, slots=True)
class ConfirmSettings:
    """How the front's candidates are confirmed: trained longer, several times, and written as files."""

    networks: Positive
    """How many candidates to train longer, the front first."""
    members: Positive
    """While the confirmed front has fewer, up to as many networks more are trained."""
    seeds: Seeds
    """Trainings of each."""
    extra: Annotated[int, Ge(0), Le(10_000)]
    """Further trainings where it is open who is on the front; 0 for none."""
    epochs: Positive | None
    """Passes over the training images, such as 20; null: 6, or, from pretrained weights, what makes 20,000 images of
    them, from 3 to 40."""
    batch_size: Batch
    """Images of a step."""
    learning_rate: Annotated[float, Gt(0)] | None
    """At its peak, such as 0.05, for a batch of 64; it scales with the batch size; null: 0.2 with sgd and 0.02 with
    adamw, or, from pretrained weights, 0.01 and 0.001."""
    resolution: Pixels | None
    """null: each network at its own resolution; a number such as 64: fewer pixels, these at the space's largest
    resolution, others in proportion, so that accuracies are of another size than costs, which the report then says."""
    calibration: Positive
    """Training images that the ranges of int8 are taken from."""
    int8_loss: Annotated[float, Ge(0), Le(100)] | None = 0.5
    """Points of accuracy that int8 may lose on the validation images: the cheapest way that keeps within is taken;
    null: any, by the plainest way."""
    int8_agreement: Annotated[float, Ge(0), Le(100)] | None = 98
    """Percent of the validation images, such as 99, that int8 must give the class of fp32; null for any."""
    formats: tuple[str, ...] | None = None
    """Of the files, such as [onnx,tflite_int8], of those that `nas.export` knows; null: onnx and onnx_int8, and on
    devices that were measured with TensorFlow Lite tflite and tflite_int8 too, if the extra `tflite` is installed."""

    def passes(self, images: int, *, pretrained: bool) -> int:
        """The epochs of a training on so many `images`, from `pretrained` weights or from scratch."""
        if self.epochs is not None:
            return self.epochs
        return min(40, max(3, round(20_000 / images))) if pretrained else 6


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """Networks to compare a search with, trained like the confirmed ones: MobileNet v1 and v2; with `init` those whose
    weights it starts from.
    """

    widths: tuple[Annotated[float, Ge(0.01), Le(8)], ...]
    """Width multipliers of the MobileNets; [] for none; those over the budget are left out."""
    seeds: Free[Seeds]
    """Trainings of each."""
    resolutions: tuple[Pixels, ...] | None = None
    """With init, the pixels of the pretrained networks, such as [128,224]; null: the least, the middle and the largest
    of the space; [] for none."""
    networks: tuple[str, ...] = ()
    """More networks, such as [fbnet_c,my.json], over the budget or not: names, JSON files, notations; names without _s
    and _r take the space's total stride and resolution; with init, such as can be cut out of the same weights.
    `baselines=[fbnet_c,my.json]` is short for it, and `baselines=[]` for none of any kind."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Everything that `nas.search` can be told.

    What is not `Free` names the run folder and must agree when a run is resumed. A setting that is added later needs
    a default here too, else the runs of before are no longer found.
    """

    hardware: str | tuple[str, ...]
    """A profile's name, name:configuration such as `pixel4:1large_int8`, or a folder; a list of several devices, for
    all of which the same networks are trained."""
    budget: str | int | float | tuple[str | int | float, ...] | None
    """`300M` (MACs), `25ms`, `4MB` (weights), `5Mparams`, or a list such as [300M,25ms]; null for none. Of several
    devices `pixel4:25ms` limits one, `25ms` each."""
    search_space: str
    """A shipped space by name, such as lite, or a YAML file; auto: separable for images of 96 pixels or more, small
    below, lite with init=efficientnet_lite0, 1 or 2."""
    objectives: tuple[str, ...]
    """Accuracy and any of latency, energy, macs, params, weights and memory, such as [accuracy,latency,memory]."""
    warm_start: bool
    """Begin with the baselines, where the space holds them."""
    rungs: tuple[str, ...] | None
    """Evaluations from cheap to expensive, of which the last makes the front, such as [score,short,long]; null: the
    proxy alone."""
    keep: Share
    """Share of the networks of like cost that goes on to the next rung; those on its front always do."""
    score: ScoreSettings
    """Training-free scores, joined by ranks: a rung, a proxy, and what corrects a short training."""
    long: LongSettings
    """The rung `long`."""
    trials: Free[Positive]
    """Networks to begin, whether they are stopped on a rung or not."""
    time_limit: Free[Annotated[float, Gt(0)] | None]
    """Seconds, such as 3600, after which no network is begun; null for no limit."""
    trial_time_limit: Free[Annotated[float, Gt(0)] | None]
    """Seconds that one evaluation may take before its worker is ended, ten times as many in confirmation and for
    baselines; null for no limit."""
    patience: Free[Positive | None]
    """End when this many more networks, such as 20, are expected to raise the hypervolume by less than
    `patience_gain`."""
    patience_gain: Free[Share]
    """The least gain of hypervolume worth waiting for, as a share of it."""
    seed: Annotated[int, Ge(0), Le(10**9)]
    """Of all that is random."""
    workers: Free[Positive | None]
    """Evaluations at a time, such as 4: on this machine at most eight per core; null: one per core that has memory for
    its training, or as the executor says."""
    accelerator: Free[Literal["auto", "cpu", "gpu"]]
    """Where networks are trained; auto: on a GPU where there is one."""
    storage: Free[str | None]
    """Where the record is: a URL such as sqlite:///searches.db, postgresql://host/db, mysql://host/db,
    journal:///shared/searches.journal or grpc://host:port, or env:NAME for that of an environment variable; null:
    study.journal in the run folder."""
    device: Free[Literal["auto", "none", Reached]]
    """Where the confirmed networks are measured in the end; auto: here, if the profile was recorded on this machine."""
    reach: Free[Reach]
    """How such a device is reached."""
    training: TrainingSettings
    """What all trainings have in common: of the proxy, the confirmations and the baselines."""
    confirm: Free[ConfirmSettings]
    """How candidates are confirmed."""
    baselines: BaselineSettings
    """Networks to compare with."""
    data: DataSettings
    """The images."""
    sampler: AnySampler
    """What proposes networks, by `name`, with its options."""
    proxy: AnyProxy
    """The cheap evaluation, by `name`, with its settings."""
    executor: Free[AnyExecutor]
    """Where evaluations run."""
    tracker: Free[dict[str, str | int | float | None]]
    """Where the run is shown beside its folder, by `name`, with its options."""
    init: str = NONE
    """Pretrained weights to start from: none, a network such as efficientnet_lite0 (or 1, or 2), a file .pth, .pt or
    .safetensors, or hub:NAME of the Hugging Face hub. They want a space that begins from them, such as lite."""

    combine: Combine = "each"
    """Of several devices: each: accuracy against every device's latency; worst: against the worst share of each
    device's own budget."""

    batch: Annotated[int, Ge(1)] | None = None
    """Images of an inference, such as 8, where the profiles were measured so: milliseconds are then of so many; null:
    as hardware says."""

    dry_run: Free[bool] = False
    """Say what the search would take and write, by trying one network, and keep nothing."""

    study: Free[str | None] = None
    """The name of a study in `storage`, such as digits, that several commands work on, each in a folder of its own;
    null: the folder's own."""

    def __post_init__(self) -> None:
        if self.study is not None and not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", self.study):
            raise ConfigError(f"study={short(self.study)} must be letters, digits and any of _.-, 100 at most")
        if self.study is not None and self.storage is None:
            raise ConfigError(f"study={cut(self.study)} is one of a storage that several share; give storage=URL")
        if self.training.distillation.teacher == SUPERNET and self.proxy.name != "supernet":
            raise ConfigError(
                f"training.distillation.teacher=supernet needs proxy=supernet, got proxy={self.proxy.name}; "
                "or give an ONNX file"
            )
        if self.proxy.name == "probe" and self.init == NONE:
            raise ConfigError(NEEDS_INIT)
        most = 2 * self.confirm.networks
        if self.confirm.members > most:
            raise ConfigError(
                f"confirm.members={self.confirm.members} is more than can be confirmed with "
                f"confirm.networks={self.confirm.networks}, which goes up to {most}; raise confirm.networks"
            )

    @property
    def proxy_pixels(self) -> int | None:
        """Pixels of the proxy at the space's largest resolution; none: each network's own."""
        proxy = self.proxy
        return proxy.pixels(pretrained=self.init != NONE) if isinstance(proxy, SupernetProxy) else proxy.resolution

    @staticmethod
    def meant(words: Sequence[str]) -> list[str]:
        """The words of a command line in full: with the proxy that they imply, and short forms written out.

        An experiment, a file of conf/experiment, says itself which proxy it takes.
        """
        short = {"baselines=[": "baselines.networks=[", "experiment=": "+experiment="}
        chosen = any(word.lstrip("+").startswith("experiment=") for word in words)
        found = [] if chosen else implied_proxy(words, NONE)
        for word in words:
            if word.replace(" ", "") == "baselines=[]":
                found += [f"baselines.{kind}=[]" for kind in ("widths", "resolutions", "networks")]
                continue
            start = next((start for start in short if word.startswith(start)), "")
            found.append(short.get(start, "") + word.removeprefix(start))
        return found

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices of `hardware`, one or several.

        Raises:
            ConfigError: there is none.
        """
        found = (self.hardware,) if isinstance(self.hardware, str) else self.hardware
        if not found:
            raise ConfigError("hardware=[] names no device; give a profile, or a list of them")
        return found

    def run_name(self) -> str:
        """The name of the run folder: readable, and one for each set of settings that must agree.

        Raises:
            BudgetError: the budget cannot be read.
        """
        limits = {field: float(f"{limit:.12g}") for field, limit in Budget.parse(self.budget).limits.items()}
        ours = self.canonical()
        name = digest({**agreeing(ours), "budget": limits}, IDENTITY_VERSION, size=3)
        shown = [show(*limit).partition(" on ")[0] for limit in limits.items()]
        budget = "_".join(limit.removesuffix(" MACs").replace(" ", "") for limit in shown)
        hardware = cut("+".join(Path(each).stem for each in ours.devices), 80)
        space = Path(ours.search_space).stem
        return "-".join([hardware, budget or "any", space, self.data.source, f"seed{self.seed}", name])

    def canonical(self) -> "SearchSettings":
        """The same with one spelling of each value: of paths, of a profile's configuration, of the rungs."""
        path, teacher = self.data.path, self.training.distillation.teacher
        space, training = self.search_space, self.training
        devices = [canonical_hardware(device) for device in self.devices]
        if teacher not in (None, SUPERNET):
            distillation = replace(training.distillation, teacher=canonical(teacher))
            training = replace(training, distillation=distillation)
        return replace(
            self,
            hardware=tuple(devices) if len(devices) > 1 else devices[0],
            search_space=space if space == AUTO else canonical(space, known_spaces()),
            rungs=None if self.rungs == (self.proxy.name,) else self.rungs,
            training=training,
            init=canonical(self.init) if is_file(self.init) else self.init,
            baselines=replace(self.baselines, networks=tuple(map(by_content, self.baselines.networks))),
            data=self.data if path is None else replace(self.data, path=canonical(path)),
        )
