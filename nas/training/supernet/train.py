"""One training for every network of a space: the shared weights of `nas.nets.supernet`, in one file.

Each step trains several networks and adds up their gradients. They are networks at random, in which all values of a
choice take turns, and the images of a batch are dealt out to them; or a sandwich (Yu and Huang 2019,
https://arxiv.org/abs/1903.05134) of one batch: the largest network learns the labels, the smallest and some at random
its soft outputs (in-place distillation). A plain loop rather than a Lightning module: a step has several backward
passes over different networks, each in a thread, and all that is random is a function of the seed and the step's
number, so that a training goes on from weights, optimiser and step alone and ends, to the bit, as if never
interrupted, with any number of threads.
"""

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.data.batches import ImageData, resize
from nas.data.views import ImageView, TrainingResolution
from nas.errors import ConfigError
from nas.identity import digest
from nas.nets.start import FromWeights
from nas.nets.supernet import Supernet
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.networks.additive import NamedCosts
from nas.spaces.space import Genotypes, SearchSpace
from nas.training.divergence import Diverged
from nas.training.precision import autocast, lightning_precision
from nas.training.recipe import decay_groups
from nas.training.schedules import cosine
from nas.training.supernet import checkpoint
from nas.training.supernet.stream import NetworkStream


@dataclass(frozen=True, slots=True)
class SharedRecipe:
    """How shared weights are trained: a linear warm-up, then a cosine to zero.

    `learning_rate` is the peak for a batch of 64 and scales with the batch size. Weight decay leaves out batch
    norm and biases.
    """

    epochs: int | None
    """Passes over the training images; in a sandwich each goes through all networks. None: `minutes` decide."""
    minutes: float | None = None
    """Wall-clock minutes instead of epochs; such a training does not repeat to the bit."""
    batch_size: int = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """sgd: with Nesterov momentum; adamw: `momentum` is its first beta."""
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    clip: float = 5.0
    """Largest norm of a step's gradient."""
    networks: int = 3
    """Networks at random in each step."""
    sandwich: bool = False
    """Train the largest and the smallest network in each step, too."""
    distillation: float = 1.0
    """The share of the largest network's soft outputs in what the others of a sandwich learn."""
    drawn: Literal["choices", "macs"] = "choices"
    """choices: all values of a choice equally often; macs: even over the logarithm of MACs, as with any budget."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """bf16: bfloat16 autocast; auto: where the machine computes in it."""

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.minutes is None):
            raise ConfigError(f"give epochs or minutes, the other null, got {self.epochs} and {self.minutes}")
        for name in ("epochs", "minutes", "learning_rate", "networks", "clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be above 0, got {value}")
        if not 0 <= self.distillation <= 1:
            raise ConfigError(f"distillation must be a share from 0 to 1, got {self.distillation}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: its share in 0..1, steps, seconds, and the mean loss of the last step's networks."""

    share: float
    step: int
    seconds: float
    loss: float


def train_supernet(
    space: SearchSpace,
    pictures: ImageView,
    recipe: SharedRecipe,
    scale: TrainingResolution,
    seed: int,
    path: Path,
    *,
    budget: Budget | None = None,
    costs: NamedCosts | None = None,
    among: Genotypes | None = None,
    start: FromWeights | None = None,
    threads: int = 1,
    progress: Callable[[Progress], None] | None = None,
    save_seconds: float = 60.0,
) -> float:
    """Train the shared weights of `space` into the file `path`, and return the seconds of training in all.

    What `path` holds of the same training is continued, every `save_seconds` it is saved; a finished one is left as
    it is. It begins with the pretrained weights of `start`, or from scratch. With a `budget`, only networks inside it
    are trained (`costs` as in `SearchSpace.sample`), and of genotypes `among`, shape (n, variables), only theirs.
    Images come at `scale.pixels`, and are made smaller for networks of fewer. On a CPU up to so many `threads` train
    the networks of a step.

    Raises:
        RunError: `path` holds something else, or another training.
        BudgetError: no network meets the budget.
        Diverged: the loss stopped being finite.
    """
    drawn = _drawn(space, recipe, seed, budget, costs, among)
    made_from = checkpoint.facts(space, pictures, scale, start) | asdict(recipe)
    made_from |= {
        "precision": lightning_precision(recipe.precision, pictures.device),
        "seed": seed,
        "budget": str(budget),
        "among": None if among is None else digest(among.tolist(), version=1),
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = start.shared(space) if start else Supernet(space)
    training = _Training(net, drawn, pictures, recipe, scale, seed)
    if path.exists():
        content = checkpoint.read(path, made_from)
        if content["finished"]:
            return float(content["seconds"])
        training.resume(content)
    saved = time.perf_counter()
    with ThreadPoolExecutor(threads if pictures.device.type == "cpu" else 1) as pool:
        for step in training.steps(pool):
            if progress:
                progress(step)
            if time.perf_counter() - saved > save_seconds:
                checkpoint.write(path, made_from, training.state(finished=False))
                saved = time.perf_counter()
    checkpoint.write(path, made_from, training.state(finished=True))
    return training.seconds


def largest(
    space: SearchSpace,
    recipe: SharedRecipe,
    seed: int,
    *,
    budget: Budget | None = None,
    costs: NamedCosts | None = None,
    among: Genotypes | None = None,
) -> Architecture:
    """The network of the most MACs among those that `train_supernet` trains with the same arguments.

    Raises:
        BudgetError: no network meets the budget.
    """
    return _drawn(space, recipe, seed, budget, costs, among).ends()[0]


def _drawn(
    space: SearchSpace,
    recipe: SharedRecipe,
    seed: int,
    budget: Budget | None,
    costs: NamedCosts | None,
    among: Genotypes | None,
) -> NetworkStream:
    even, group = recipe.drawn == "macs", recipe.networks
    return NetworkStream(space, seed, even=even, budget=budget, costs=costs, group=group, among=among)


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one network of a step gives: its share of the loss, that loss's gradients, and the logits."""

    loss: Tensor
    gradients: tuple[Tensor | None, ...]
    logits: Tensor


class _Training:
    """A training and how far it is."""

    def __init__(
        self,
        net: Supernet,
        drawn: NetworkStream,
        pictures: ImageView,
        recipe: SharedRecipe,
        scale: TrainingResolution,
        seed: int,
    ) -> None:
        self.drawn, self.pictures, self.recipe, self.scale, self.seed = drawn, pictures, recipe, scale, seed
        self.device = pictures.device
        self.net: Supernet = net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.twins = [twin(self.net) for _ in range(recipe.networks + recipe.sandwich)]  # one a network of a step
        self.optimizer = _optimizer(net, recipe)
        self.ends = drawn.ends() if recipe.sandwich else ()
        self.pixels = min(scale.pixels, scale.largest)
        self.per_epoch = len(self._data(0).train_dataloader())
        self.step, self.seconds = 0, 0.0

    def state(self, *, finished: bool) -> dict[str, object]:
        """All that `resume` needs; once finished, no optimiser."""
        optimizer = None if finished else self.optimizer.state_dict()
        progress = {"step": self.step, "seconds": self.seconds, "finished": finished}
        return {"weights": self.net.state_dict(), "optimizer": optimizer, **progress}

    def resume(self, content: dict[str, object]) -> None:
        """Go on from a state."""
        self.net.load_state_dict(content["weights"])  # type: ignore[arg-type]
        self.optimizer.load_state_dict(content["optimizer"])  # type: ignore[arg-type]
        self.step, self.seconds = content["step"], content["seconds"]  # type: ignore[assignment]

    def steps(self, pool: Executor) -> Iterator[Progress]:
        """Train from where it is to the end, the networks of a step in the threads of `pool`."""
        begun = time.perf_counter() - self.seconds
        for images, labels in self._batches():
            if self._share() >= 1:
                return
            loss = self._train(images, labels, pool)
            self.step += 1
            self.seconds = time.perf_counter() - begun
            yield Progress(self._share(), self.step, self.seconds, loss)

    def _share(self) -> float:
        """How much of the training is done, in 0..1."""
        if self.recipe.epochs is not None:
            return self.step / (self.recipe.epochs * self.per_epoch)
        assert self.recipe.minutes is not None
        return min(1.0, self.seconds / (60 * self.recipe.minutes))

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches from this step on, without end."""
        first, start = divmod(self.step, self.per_epoch)
        for epoch in itertools.count(first):
            yield from itertools.islice(self._data(epoch).train_dataloader(), start, None)
            start = 0

    def _data(self, epoch: int) -> ImageData:
        """The images in the order of an epoch, which depends on the seed and its number alone."""
        seed = int(np.random.default_rng((self.seed, epoch)).integers(2**31))
        return self.pictures.at(self.pixels, self.recipe.batch_size, seed)

    def _train(self, images: Tensor, labels: Tensor, pool: Executor) -> float:
        """One step; returns the mean loss of its networks."""
        rate = self.recipe.learning_rate * self.recipe.batch_size / 64 * cosine(max(0.001, self._share()))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        first = self.step * self.recipe.networks
        archs = [self.drawn[first + number] for number in range(self.recipe.networks)]
        if self.ends:
            share = 1 / (2 + len(archs))
            top = self._pass(self.twins[0], self.ends[0], images, labels, share)
            learn = partial(self._pass, images=images, labels=labels, share=share, taught=top.logits.softmax(1))
            passes = [top, *pool.map(learn, self.twins, (self.ends[1], *archs))]
        else:
            count = max(1, min(len(archs), len(images) // 2))  # batch norm needs two of each network
            dealt = images.tensor_split(count), labels.tensor_split(count)
            shares = [len(some) / len(images) for some in dealt[0]]
            passes = list(pool.map(self._pass, self.twins, archs, *dealt, shares))
        loss = float(torch.stack([each.loss for each in passes]).sum())
        if not math.isfinite(loss):
            raise Diverged(f"the training loss of the shared weights became {loss} in step {self.step + 1}")
        for parameter, *found in zip(self.net.parameters(), *(each.gradients for each in passes), strict=True):
            known = [gradient for gradient in found if gradient is not None]
            parameter.grad = reduce(torch.add, known) if known else None
        nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        self.optimizer.step()
        return loss

    def _pass(
        self,
        net: Supernet,
        arch: Architecture,
        images: Tensor,
        labels: Tensor,
        share: float,
        taught: Tensor | None = None,
    ) -> _Pass:
        """One network of a twin forward and backward; its loss counts by its `share`."""
        with autocast(self.recipe.precision, self.device):
            logits = net(resized(images, self.scale(arch)), arch).float()
        loss = self._loss(logits, labels, taught) * share
        gradients = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
        return _Pass(loss.detach(), gradients, logits.detach())

    def _loss(self, logits: Tensor, labels: Tensor, taught: Tensor | None) -> Tensor:
        hard = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        if taught is None:
            return hard
        return torch.lerp(hard, F.cross_entropy(logits, taught), self.recipe.distillation)


def twin(net: Supernet) -> Supernet:
    """A network whose weights are those of `net`, in the same memory, and whose gradients are its own.

    Two threads that both build a graph on one parameter can wait for each other without end (torch 2.13): the one
    holds that parameter's lock and wants the interpreter's, which the other holds and wants the parameter's.
    """
    own = {id(each): nn.Parameter(each.detach()) for each in net.parameters()}
    return copy.deepcopy(net, own | {id(net.space): net.space})


def resized(images: Tensor, pixels: int) -> Tensor:
    """Images N x C x R x R at `pixels`, channels last."""
    return resize(images, pixels).contiguous(memory_format=torch.channels_last)


def _optimizer(net: nn.Module, recipe: SharedRecipe) -> torch.optim.Optimizer:
    groups = decay_groups(net, recipe.weight_decay)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=True)
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=True)
