"""Full trainings: as many epochs as it takes, kept after each, so that a kill costs no more than one.

The weights of the best epoch by the validation split are the result; where there is a moving average, its weights are
judged and kept. Of two epochs alike, that of the smaller loss is the better. A training that goes on from its
checkpoint gives the weights, bit by bit, that it would have given.
"""

import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from nas.errors import ConfigError
from nas.nets.build import build
from nas.reading.words import cut
from nas.resources import replace_file
from nas.spaces.architecture import Architecture
from nas.training.divergence import Diverged
from nas.training.fit import quiet, teacher_of
from nas.training.long import LongTraining, Trained, begin, correct, hexadecimal, predictor
from nas.training.metrics import Metrics
from nas.training.module import Classifier
from nas.training.precision import lightning_precision

_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


def is_first_process() -> bool:
    """Whether this is the process, of several that train together, that reads and writes for all."""
    return not any(os.environ.get(name, "0").lstrip("0") for name in _RANKS)


@dataclass(frozen=True, slots=True)
class Epoch:
    """What a training says after each epoch: number `done` of `epochs`, with the mean `loss` of its steps.

    `best` is the number of the best so far; `left` are the seconds that the others will take.
    """

    done: int
    epochs: int
    loss: float
    judged: Metrics
    best: int
    left: float


Report = Callable[[Epoch], None]


@dataclass(frozen=True, slots=True)
class FullyTrained:
    """A training, `best` the number of its best epoch."""

    trained: Trained
    best: int


@dataclass(frozen=True, slots=True)
class FullTraining:
    """Trains networks as `long` says, with checkpoints beside the weights, on several devices where asked.

    `devices` and `strategy` are Lightning's; a batch is divided among the processes.
    """

    long: LongTraining
    devices: int = 1
    strategy: str = "auto"

    def __call__(self, arch: Architecture, seed: int, report: Report) -> FullyTrained | None:
        """Train `arch`, go on where it stopped, or say what came of it if it is finished; its weights are `long`'s.

        Of several processes all must call it; the first writes, and the others get None.

        Raises:
            Diverged: the loss stopped being finite, or stayed far above that of a constant prediction.
            ConfigError: Lightning cannot train so, or the teacher cannot teach.
            KeyboardInterrupt: it was interrupted; what the last epoch left is kept.
        """
        long, path = self.long, self.long.weights(arch, seed)
        data = long.data(arch, seed)
        kept = _Kept(path.with_suffix(".ckpt"), path.with_suffix(".best.pt"), report)
        kept.last.parent.mkdir(parents=True, exist_ok=True)
        with quiet(), torch.random.fork_rng():
            torch.manual_seed(seed)
            net = build(arch, long.conventions)
            if long.start and not kept.last.exists():
                net.load_state_dict(begin(long.start, arch, seed))
            teacher = long.teacher or teacher_of(long.recipe, arch)
            module = Classifier(net, long.recipe, teacher, data.val_dataloader(), data.train_dataloader)
            trainer = self._trainer(data.device.type, kept)
            if kept.epochs() < long.recipe.epochs:
                _fit(trainer, module, kept.last if kept.last.exists() else None)
        if not is_first_process():
            return None
        judged, seconds = kept.read()
        replace_file(path, kept.best.read_bytes())
        found = correct(predictor(long.net(arch, seed)), data.val_dataloader())
        scores = float(found.mean()), hexadecimal(found), len(found)
        return FullyTrained(Trained(seed, *scores, long.scale(arch), seconds), best_epoch(judged) + 1)

    def check(self, accelerator: str) -> None:
        """Refuse what Lightning cannot do.

        Raises:
            ConfigError: see above.
        """
        with quiet():
            self._trainer(accelerator)

    def _trainer(self, accelerator: str, *callbacks: pl.Callback) -> pl.Trainer:
        try:
            return pl.Trainer(
                max_epochs=self.long.recipe.epochs,
                accelerator=accelerator,
                devices=self.devices,
                strategy=self.strategy,
                precision=lightning_precision(self.long.recipe.precision, torch.device(accelerator)),
                callbacks=list(callbacks),
                plugins=[WholeFiles()],
                logger=False,
                enable_checkpointing=bool(callbacks),
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
            )
        except Exception as error:  # whatever Lightning and the strategy raise
            raise ConfigError(f"devices={self.devices} strategy={self.strategy}: {cut(str(error), 300)}") from None


def best_epoch(judged: list[Metrics]) -> int:
    """The index of the best."""
    return max(range(len(judged)), key=lambda i: (judged[i].accuracy, -judged[i].loss))


def _fit(trainer: pl.Trainer, module: Classifier, checkpoint: Path | None) -> None:
    try:
        trainer.fit(module, ckpt_path=None if checkpoint is None else str(checkpoint), weights_only=True)
    except SystemExit:
        if trainer.interrupted:  # Lightning's own answer to Ctrl-C
            raise KeyboardInterrupt from None
        raise
    if not all(tensor.isfinite().all() for tensor in module.net.state_dict().values()):
        raise Diverged("the weights are not finite after the last epoch; lower the learning rate")


class _Kept(Checkpoint):
    """After each epoch: the weights, if they are the best, then all that going on needs."""

    def __init__(self, last: Path, best: Path, report: Report) -> None:
        self.last, self.best, self._report = last, best, report
        self._began, self._first = 0.0, 0

    def epochs(self) -> int:
        """How many are done."""
        return len(self.read()[0]) if self.last.exists() else 0

    def read(self) -> tuple[list[Metrics], float]:
        """How each epoch was judged, and the seconds that they took."""
        kept = torch.load(self.last, map_location="cpu", weights_only=True)["classifier"]
        return [Metrics(*each) for each in kept["judged"]], float(kept["seconds"])

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Count from here what an epoch takes."""
        self._began, self._first = time.perf_counter(), trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Keep and tell."""
        assert isinstance(module, Classifier)
        done, epochs = len(module.judged), int(trainer.max_epochs or 1)
        best = best_epoch(module.judged)
        if best == done - 1 and trainer.is_global_zero:
            content = io.BytesIO()
            torch.save({name: tensor.cpu() for name, tensor in module.result().items()}, content)
            replace_file(self.best, content.getvalue())
        trainer.save_checkpoint(self.last)
        each = (time.perf_counter() - self._began) / (done - self._first)
        loss = module.losses.epochs()[-1]
        self._report(Epoch(done, epochs, loss, module.judged[-1], best + 1, each * (epochs - done)))


class WholeFiles(TorchCheckpointIO):
    """Checkpoints that are whole or not there, and of which nothing is run when they are read."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write all, then put it in place."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        replace_file(Path(path), content.getvalue())

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Tensors and plain values alone."""
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return found
