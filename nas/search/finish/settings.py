"""The settings of `python -m nas.train`. Defaults are in conf/train.yaml."""

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from nas.data.settings import DataSettings
from nas.errors import ConfigError
from nas.identity import Free, agreeing, digest
from nas.nets.pretrained import is_file
from nas.resources import canonical
from nas.search.settings import Seeds
from nas.training.settings import SUPERNET, Batch, Positive, TrainingSettings

BEST = "best"
"""The teacher that is the run's most accurate other member."""


@dataclass(frozen=True, slots=True)
class AugmentSettings:
    """How training images are changed; null: as the data's own settings say."""

    flip: bool | Literal["alternating"] | None
    """Left to right, at random or every other time."""
    shift: int | None
    """By up to this many pixels, such as 4, each way."""
    crop: float | None
    """Smallest share of an image that is trained on, resized, such as 0.35; 1 is off."""
    colour: float | None
    """By how much brightness, contrast and saturation change, such as 0.4; 0 is off."""
    erase: float | None
    """Chance, such as 0.25, that a rectangle is erased; 0 is off."""
    mixup: float | None
    """Alpha of mixup, such as 0.2; 0 is off."""
    cutmix: float | None
    """Alpha of CutMix, such as 1; 0 is off; beside mixup each batch has one of them, by chance."""
    randaugment: tuple[int, int] | None
    """[n, m], such as [2,9]: n operations of RandAugment at magnitude m; needs the extra `augment`."""

    def of(self, data: DataSettings) -> DataSettings:
        """The same images, changed so.

        Raises:
            ConfigError: a value is out of range.
        """
        try:
            return replace(data, **{name: value for name, value in asdict(self).items() if value is not None})
        except ConfigError as error:
            raise ConfigError(str(error).replace("data.", "augment.", 1)) from None


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything that `nas.train` can be told.

    What is not `Free` names the folder of a training of `arch`, and must be the same for it to go on.
    """

    run: str | None
    """The folder of a finished search, such as runs/NAME, whose images it uses and which the results go back into."""
    member: int | str | tuple[int | str, ...] | None
    """With run: which networks, each a number in the order of the front, such as 2, or a key; or all of the front."""
    arch: str | None
    """Without run: what `nas.predict` takes, such as mobilenet_v2_w0.5_r96; its classes and channels are those of the
    data."""
    epochs: Positive
    """Passes over the training images."""
    batch_size: Batch
    """Images of a step, divided among all devices."""
    learning_rate: Annotated[float, Gt(0)] | None
    """At its peak, such as 0.05, for a batch of 64; it scales with the batch size; null: 0.2 with sgd and 0.02 with
    adamw, or, from pretrained weights, 0.01 and 0.001."""
    seed: Annotated[int, Ge(0), Le(10**9)]
    """Of the first training, and with arch of the split."""
    seeds: Seeds
    """Trainings of each network; the files hold the best by the validation images."""
    init: str | None
    """Pretrained weights to start from, such as efficientnet_lite0, as in `nas.search`; none for random ones; null: as
    the run did, else none."""
    calibration: Positive
    """Training images that the ranges of int8 are taken from."""
    int8_loss: Annotated[float, Ge(0), Le(100)] | None
    """Points of accuracy that int8 may lose on the validation images; null for any, by the plainest way."""
    int8_agreement: Annotated[float, Ge(0), Le(100)] | None
    """Percent of the validation images, such as 99, that int8 must give the class of fp32; null for any."""
    accelerator: Free[Literal["auto", "cpu", "gpu"]]
    """Where networks are trained; auto: on a GPU where there is one."""
    devices: Positive
    """How many of them train one network together; of CPUs, processes."""
    strategy: str
    """How they do, as Lightning calls it: auto, ddp, fsdp, …"""
    training: TrainingSettings
    """How networks are trained; the teacher may be `best` too, the run's most accurate other member."""
    augment: AugmentSettings
    """How training images are changed."""
    data: DataSettings | None = None
    """The images; null: those of the run."""

    def __post_init__(self) -> None:
        if (self.run is None) == (self.arch is None):
            raise ConfigError("give either run=RUN member=2, a member of a finished search, or arch=… data=…")
        if self.run is not None and self.member in (None, ()):
            raise ConfigError("member is not set; give member=2, a key of front.json, a list, or member=all")
        if self.arch is not None and self.data is None:
            raise ConfigError("arch=… needs data=…; for the images of a run give run=RUN member=2 instead")
        if self.arch is not None and isinstance(self.member, tuple):
            raise ConfigError("with arch, member is one network of that run; for several give run=RUN member=[1,2]")
        if self.training.distillation.teacher == SUPERNET:
            raise ConfigError("training.distillation.teacher must be best or an ONNX file here, got 'supernet'")
        if self.teacher_is_best and self.run is None:
            raise ConfigError("training.distillation.teacher=best goes with run=RUN; give an ONNX file")

    @property
    def teacher_is_best(self) -> bool:
        """Whether the run's best other member teaches."""
        return self.training.distillation.teacher == BEST

    def run_name(self) -> str:
        """The name of the folder of a training of `arch`; in a run folder nothing is named so."""
        data = self.data and replace(self.data, path=self.data.path and canonical(self.data.path))
        init = canonical(self.init) if self.init and is_file(self.init) else self.init
        name = digest(agreeing(replace(self, data=data, init=init)), version=1, size=3)
        return "-".join(["train", (self.arch or "run")[-40:], data.source if data else "run", name])
