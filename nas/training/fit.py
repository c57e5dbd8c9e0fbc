"""Train one network."""

import logging
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.data.batches import Batch, ImageData
from nas.nets.build import build
from nas.nets.conventions import PLAIN, Conventions
from nas.nets.teacher import open_teacher
from nas.spaces.architecture import Architecture
from nas.training.distillation import Teacher
from nas.training.divergence import Diverged
from nas.training.metrics import Metrics
from nas.training.precision import lightning_precision
from nas.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network, and how its training went.

    `seconds` are those of the wall clock. `losses` are the means of each epoch's training losses, `judged` what
    validation gave after each, where there was some.
    """

    net: nn.Module
    seconds: float
    steps: int
    losses: tuple[float, ...]
    judged: tuple[Metrics, ...]


def fit(
    arch: Architecture,
    data: ImageData,
    recipe: Recipe,
    seed: int,
    *,
    initial: Mapping[str, Tensor] | None = None,
    teacher: Teacher | None = None,
    val: Iterable[Batch] | None = None,
    conventions: Conventions = PLAIN,
) -> Fitted:
    """Train `arch` on the training split of `data`, on its device; equal seeds give equal networks.

    `initial`, a state dict of `build(arch)`, is where it starts; none starts from scratch. `teacher` is learnt from
    as `recipe.distillation` says, whose file is the teacher where none is given; a module is put into evaluation
    mode. `val` is judged after each epoch. The network follows `conventions`, those of the weights it starts from.

    Raises:
        Diverged: the loss stopped being finite, or stayed far above that of a constant prediction.
        ConfigError: the teacher's file cannot be used, or its channels or classes are not those of `arch`.
    """
    import pytorch_lightning as pl  # seconds of import, which a process that trains nothing need not wait for

    from nas.training.module import Classifier

    started = time.perf_counter()
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        net = build(arch, conventions)
        if initial is not None:
            net.load_state_dict(initial)
        module = Classifier(net, recipe, teacher or teacher_of(recipe, arch), val)
        trainer = pl.Trainer(
            max_epochs=recipe.epochs,
            accelerator=data.device.type,
            devices=1,
            precision=lightning_precision(recipe.precision, data.device),
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(module, train_dataloaders=data.train_dataloader())
    if not all(tensor.isfinite().all() for tensor in net.state_dict().values()):
        raise Diverged("the weights are not finite after the last epoch; lower the learning rate")
    losses = module.losses
    seconds = time.perf_counter() - started
    net.to(data.device)  # Lightning takes it off the GPU in the end, where it is judged next
    return Fitted(net.eval(), seconds, len(losses.values), losses.epochs(), tuple(module.judged))


def teacher_of(recipe: Recipe, arch: Architecture) -> Teacher | None:
    """The teacher of the recipe's file, if it names one."""
    if recipe.distillation.teacher is None:
        return None
    teacher = open_teacher(recipe.distillation.teacher)
    teacher.require(arch.in_channels, arch.classes)
    return teacher


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's hints about hardware and loaders out of a search's output."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message="(?s).*Grad strides do not match bucket view strides.*")
        yield
