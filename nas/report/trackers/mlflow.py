"""MLflow, by Lightning's logger: a database in the run folder, or a server."""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nas.errors import ConfigError
from nas.report.trackers.base import Tracked
from nas.report.trackers.scalars import front_picture, front_scalars, trial_scalars
from nas.resources import replace_file
from nas.results.choice import named
from nas.results.front import Front
from nas.results.ordering import cost_measure
from nas.results.trials import TrialRow

FOLDER = "mlflow"
_RESULTS = ("front.json", "trials.csv", "report.html")
_LONGEST_VALUE = 250
_LOUD = ("mlflow", "alembic", "pytorch_lightning.loggers.mlflow")


@dataclass(frozen=True, slots=True)
class MlflowSettings:
    """MLflow (extra `mlflow`); nothing leaves this machine unless `uri` is that of a server."""

    experiment: str = "sepconv-nas"
    """The experiment that the run belongs to."""
    uri: str | None = None
    """Where runs are kept, such as http://localhost:5000; null: mlflow/mlflow.db in the run folder."""
    run_name: str | None = None
    """What the run is called, such as photos-1; null: the name of the run folder."""

    def start(self, tracked: Tracked) -> "MlflowTracker":
        """A run of MLflow, the folder's own.

        Raises:
            ImportError: MLflow is not installed.
        """
        return MlflowTracker(self, tracked)


class MlflowTracker:
    """One run for one search: a resumed one goes on in it."""

    def __init__(self, settings: MlflowSettings, tracked: Tracked) -> None:
        if find_spec("mlflow") is None:
            raise ImportError("MLflow is not installed; pip install 'sepconv-nas[mlflow]'")
        for name in _LOUD:  # the live display owns the terminal
            logging.getLogger(name).setLevel(logging.ERROR)
        folder = (tracked.folder / FOLDER).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what MLflow itself takes from others
            self._begin(settings, tracked, folder)

    def _begin(self, settings: MlflowSettings, tracked: Tracked, folder: Path) -> None:
        from pytorch_lightning.loggers import MLFlowLogger

        kept = folder / "run-id"
        self._logger = MLFlowLogger(
            experiment_name=settings.experiment,
            run_name=settings.run_name or tracked.folder.name,
            tracking_uri=settings.uri or f"sqlite:///{folder / 'mlflow.db'}",
            artifact_location=None if settings.uri else (folder / "artifacts").as_uri(),
            tags={**{f"tag{n}": tag for n, tag in enumerate(tracked.tags)}, "mlflow.note.content": tracked.notes},
            run_id=kept.read_text().strip() if kept.exists() else None,
        )
        self._client, self._id = self._logger.experiment, self._logger.run_id
        if not self._id:
            raise ConfigError("MLflow gave the run no id")
        known = self._client.get_run(self._id).data.params
        values = {name: str(value)[:_LONGEST_VALUE] for name, value in tracked.config.items()}
        self._logger.log_hyperparams({name: value for name, value in values.items() if name not in known})
        self._client.update_run(self._id, status="RUNNING")
        replace_file(kept, self._id.encode())

    def trial(self, row: TrialRow, hypervolume: float, front_size: int) -> None:
        """Its figures, and those of the search so far; a step is a trial."""
        self._logger.log_metrics(trial_scalars(row, hypervolume, front_size), row.number)

    def finish(self, front: Front, trials: Sequence[TrialRow], run_folder: Path) -> None:
        """Last figures, tags that name the networks to look at, the results and the networks' files."""
        self._logger.log_metrics(front_scalars(front), max((row.number for row in trials), default=0))
        members = front.front
        if members:
            for name, member in named(members, cost_measure(front.objectives)).items():
                if member:
                    self._client.set_tag(self._id, name, member.notation)
        front_picture(front, trials, run_folder)
        for name in (*_RESULTS, "front.png"):
            if (run_folder / name).is_file():
                self._client.log_artifact(self._id, str(run_folder / name))
        for member in members:
            for file in member.files:
                if file.path and (run_folder / file.path).is_file():
                    self._client.log_artifact(self._id, str(run_folder / file.path), "models")

    def close(self) -> None:
        """End it."""
        self._logger.finalize("success")
