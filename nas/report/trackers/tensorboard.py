"""TensorBoard, by Lightning's logger: files in the run folder, which `tensorboard --logdir RUN` shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nas.report.trackers.base import Tracked
from nas.report.trackers.scalars import front_picture, front_scalars, front_table, trial_scalars
from nas.results.front import Front
from nas.results.trials import TrialRow

FOLDER = "tensorboard"


@dataclass(frozen=True, slots=True)
class TensorboardSettings:
    """TensorBoard (extra `tensorboard`); nothing leaves this machine."""

    def start(self, tracked: Tracked) -> "TensorboardTracker":
        """A logger in the run folder.

        Raises:
            ImportError: TensorBoard is not installed.
        """
        return TensorboardTracker(tracked)


class TensorboardTracker:
    """A step is a trial, by its number, so that a resumed search goes on in the same curves."""

    def __init__(self, tracked: Tracked) -> None:
        if find_spec("tensorboard") is None:
            raise ImportError("TensorBoard is not installed; pip install 'sepconv-nas[tensorboard]'")
        from pytorch_lightning.loggers import TensorBoardLogger

        self._logger = TensorBoardLogger(tracked.folder, name=FOLDER, version="")
        self._writer = self._logger.experiment
        settings = "\n".join(f"| {name} | {value} |" for name, value in tracked.config.items())
        self._writer.add_text("settings", f"{tracked.notes}\n\n| setting | value |\n|---|---|\n{settings}")

    def trial(self, row: TrialRow, hypervolume: float, front_size: int) -> None:
        """Its figures, and those of the search so far."""
        self._logger.log_metrics(trial_scalars(row, hypervolume, front_size), row.number)
        self._writer.flush()

    def finish(self, front: Front, trials: Sequence[TrialRow], run_folder: Path) -> None:
        """The front as a table and a picture, and the last figures."""
        from matplotlib.image import imread

        step = max((row.number for row in trials), default=0)
        self._logger.log_metrics(front_scalars(front), step)
        self._writer.add_text("front", front_table(front), step)
        picture = imread(front_picture(front, trials, run_folder))
        self._writer.add_image("front", picture[:, :, :3], step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        self._logger.finalize("success")
