"""Weights & Biases: the only file that imports wandb, and only when a tracker is built.

Offline, the default, writes under `<run folder>/wandb` and opens no connection; `wandb sync` uploads it later.
Online, a search that is resumed in its folder continues the same W&B run.
"""

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nas.errors import ConfigError
from nas.measures import COSTS, MEASURES
from nas.reading.words import short
from nas.report.figures import save_front_png
from nas.report.networks import cost_measure, host_timing
from nas.resources import names, replace_file
from nas.results.front import Front
from nas.results.member import Member
from nas.results.ordering import cost_of, ordered
from nas.results.trials import COLUMNS, TrialRow, table_row

MODES = ("offline", "online")
METRICS = (*(measure.field for measure in MEASURES.values()), "seconds")
FILES = ("front.json", "trials.csv", "report.html", "front.png", "models/*.onnx", ".hydra/*.yaml", "study.journal")
MAX_JOURNAL_BYTES = 50_000_000
_TRIAL_COLUMNS = tuple(column for column in COLUMNS if column != "rungs")
_FRONT_COLUMNS = ("key", "notation", "accuracy", "accuracy_low", "accuracy_high", "how", "in_range", "host_latency_ms")


@dataclass(frozen=True, slots=True)
class WandbSettings:
    """Weights & Biases; nothing leaves this machine unless `mode` is online."""

    mode: str = "offline"
    """offline: files in the run folder, for `wandb sync`; online: sent as the search goes."""
    project: str = "sepconv-nas"
    """Its project there."""
    entity: str | None = None
    """The team or user, such as my-team, that the project belongs to; null: the account's own."""
    run_name: str | None = None
    """Of the run there, such as first-try; null: the name of the run folder."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError(f"unknown tracker.mode {short(self.mode)}; known: {names(MODES)}")

    def start(self, run_folder: Path, config: Mapping[str, object]) -> "WandbTracker":
        """A W&B run for the search.

        Raises:
            ImportError: wandb is not installed.
            ConfigError: the environment switches it off.
        """
        if off := _switched_off():
            raise ConfigError(f"{off} in the environment switches Weights & Biases off")
        return WandbTracker(self, run_folder, config)


class WandbTracker:
    """One W&B run for one search."""

    def __init__(self, settings: WandbSettings, folder: Path, config: Mapping[str, object]) -> None:
        mode = settings.mode
        wandb = _wandb()
        folder.mkdir(parents=True, exist_ok=True)
        continued: dict[str, Any] = {"id": _run_id(folder), "resume": "allow"} if mode == "online" else {}
        self._run = wandb.init(
            dir=folder,
            project=settings.project,
            entity=settings.entity,
            name=settings.run_name or folder.name,
            mode=mode,
            config=dict(config),
            settings=wandb.Settings(
                console="off",  # the live display owns the terminal
                silent=mode == "offline",
                disable_code=True,
                disable_git=True,
                x_disable_stats=True,
                reinit="create_new",  # a multirun tracks several searches from one process
            ),
            **continued,
        )
        self._run.define_metric("trial", hidden=True)
        for metric in (*METRICS, "hypervolume", "front_size"):
            self._run.define_metric(metric, step_metric="trial")
        self._run.define_metric("rung/*", step_metric="trial")

    def trial(self, row: TrialRow, hypervolume: float, front_size: int) -> None:
        """Log what is known of one trial; what its rungs gave is `rung/short`, `rung/score/NAME` and so on."""
        known = {**row.figures, "seconds": row.seconds}
        metrics = {name: value for name in METRICS if (value := known.get(name)) is not None}
        state = {"trial": row.number, "state": row.state}
        self._run.log({**state, **metrics, **_rungs(row), "hypervolume": hypervolume, "front_size": front_size})

    def finish(self, front: Front, trials: Sequence[TrialRow], run_folder: Path) -> None:
        """Log tables, scatter, picture and summary, and the run folder's files as one artifact."""
        with _staging_in(run_folder / "wandb"):
            self._log_tables(front, trials)
            self._log_picture(front, trials, run_folder)
            self._run.summary.update(_summary(front))
            self._log_files(run_folder)

    def close(self) -> None:
        """End the W&B run; a search that was interrupted ends so too."""
        self._run.finish()

    def _log_tables(self, front: Front, trials: Sequence[TrialRow]) -> None:
        wandb, measure = _wandb(), cost_measure(front)
        rows = [[table_row(row)[column] for column in _TRIAL_COLUMNS] for row in trials]
        members = ordered(front.front, measure)
        columns = [*_FRONT_COLUMNS, *(cost.field for cost in COSTS.values())]
        table = wandb.Table(columns=columns, data=[_front_row(member) for member in members])
        scatter = wandb.plot.scatter(table, measure.field, "accuracy", title=f"Front: accuracy and {measure.label}")
        trial_table = wandb.Table(columns=list(_TRIAL_COLUMNS), data=rows)
        self._run.log({"trials": trial_table, "front": table, "pareto": scatter})

    def _log_picture(self, front: Front, trials: Sequence[TrialRow], folder: Path) -> None:
        path = folder / "front.png"
        if not path.exists():
            save_front_png(front, trials, path)
        self._run.log({"front_figure": _wandb().Image(str(path))})

    def _log_files(self, folder: Path) -> None:
        artifact = _wandb().Artifact(_artifact_name(folder, self._run.id), type="search")
        for path in _files(folder):
            # immutable: wandb reads the file where it is, instead of copying it to the user's home
            artifact.add_file(str(path), name=path.relative_to(folder).as_posix(), policy="immutable", skip_cache=True)
        self._run.log_artifact(artifact)


def _switched_off() -> str:
    """What of the environment says that nothing is to be tracked; empty where nothing does."""
    if os.environ.get("WANDB_MODE", "").lower() == "disabled":
        return "WANDB_MODE=disabled"
    said = os.environ.get("WANDB_DISABLED", "")
    return f"WANDB_DISABLED={said[:20]}" if said.lower() not in ("", "0", "false", "no", "off") else ""


def _wandb() -> Any:
    try:
        import wandb
    except ImportError as error:
        raise ImportError(f"{error}; install it with pip install wandb") from None
    return wandb


def _run_id(folder: Path) -> str:
    """The folder's own W&B run id, made at its first search."""
    path = folder / "wandb" / "run-id"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, secrets.token_hex(4).encode())
    return path.read_text().strip()


@contextmanager
def _staging_in(folder: Path) -> Iterator[None]:
    """Let wandb stage tables inside the run folder, so that the folder can be moved and synced whole."""
    before = os.environ.get("WANDB_DATA_DIR")
    if before is None:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["WANDB_DATA_DIR"]


def _files(folder: Path) -> list[Path]:
    found = [path for pattern in FILES for path in sorted(folder.glob(pattern)) if path.is_file()]
    return [path for path in found if path.name != "study.journal" or path.stat().st_size <= MAX_JOURNAL_BYTES]


def _artifact_name(folder: Path, run_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"search-{folder.resolve().name}-{run_id}")[-128:]


def _rungs(row: TrialRow) -> dict[str, float]:
    """What the rungs of a trial gave, flat."""
    flat: dict[str, float] = {}
    for rung, gave in (row.rungs or {}).items():
        if isinstance(gave, Mapping):
            flat |= {f"rung/{rung}/{name}": score for name, score in gave.items()}
        else:
            flat[f"rung/{rung}"] = gave
    return flat


def _front_row(member: Member) -> list[object]:
    accuracy, host = member.accuracy, host_timing(member)
    figures = [accuracy.value, accuracy.low, accuracy.high, accuracy.how, member.latency_ms.in_range]
    costs = [cost_of(member, cost).value if cost.field in member.costs else None for cost in COSTS.values()]
    return [member.key, member.notation, *figures, host.median if host else None, *costs]


def _summary(front: Front) -> dict[str, object]:
    """The run's last figures; `final_`, because wandb keeps the last trial's under the metrics' own names."""
    found = {
        "final_hypervolume": front.hypervolume.value,
        "final_front_size": len(front.front),
        "best_accuracy": max((member.accuracy.value for member in front.front), default=None),
        "proxy_kendall_tau": front.proxy_fidelity.kendall_tau,
        "latency_mape_percent": front.hardware.error.mape_percent,
        **asdict(front.counts),
    }
    return {name: value for name, value in found.items() if value is not None}
