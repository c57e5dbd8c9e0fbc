"""Weights & Biases: the only file that imports wandb, and only when a tracker is built.

Offline, the default, writes under `<run folder>/wandb` and opens no connection, not even wandb's own
error reports; `wandb sync` uploads it later. Online, a search that is resumed in its folder
continues the same W&B run.
"""

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nas.measures import COSTS
from nas.report.figures import save_front_png
from nas.report.text import cost_measure, interval, number, ordered

METRICS = ("accuracy", "latency_ms", "macs", "params", "weight_bytes", "peak_activation_bytes", "seconds")
TEXTS = ("state", "key", "notation", "how", "error")
FILES = ("front.json", "trials.csv", "report.html", "front.png", "models/*.onnx", ".hydra/*.yaml", "study.journal")
MAX_JOURNAL_BYTES = 50_000_000
_TRIAL_COLUMNS = ("number", *TEXTS, *METRICS)
_FRONT_COLUMNS = ("key", "notation", "accuracy", "accuracy_low", "accuracy_high", "how", "in_range", "host_latency_ms")


class WandbTracker:
    """One W&B run for one search.

    Raises:
        ImportError: wandb is not installed.
    """

    def __init__(
        self,
        folder: str | Path,
        project: str = "sepconv-nas",
        mode: str = "offline",
        config: Mapping[str, Any] | None = None,
        name: str | None = None,
        entity: str | None = None,
    ) -> None:
        if mode == "offline":  # wandb's error reporting looks up its host even offline
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        wandb = _wandb()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        continued: dict[str, Any] = {"id": _run_id(folder), "resume": "allow"} if mode == "online" else {}
        self._run = wandb.init(
            dir=folder,
            project=project,
            entity=entity,
            name=name,
            mode=mode,
            config=dict(config or {}),
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

    def trial(self, row: Mapping[str, Any], hypervolume: float, front_size: int) -> None:
        """Log what is known of one trial; what its rungs gave is `rung/short`, `rung/score/NAME` and so on."""
        metrics = {name: value for name in METRICS if (value := number(row.get(name))) is not None}
        state = {"trial": row.get("number"), "state": row.get("state")}
        self._run.log({**state, **metrics, **_rungs(row), "hypervolume": hypervolume, "front_size": front_size})

    def finish(self, front: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], run_folder: str | Path) -> None:
        """Log tables, scatter, picture and summary, and the run folder's files as one artifact."""
        folder = Path(run_folder)
        with _staging_in(folder / "wandb"):
            self._log_tables(front, trials)
            self._log_picture(front, trials, folder)
            self._run.summary.update(_summary(front))
            self._log_files(folder)

    def close(self) -> None:
        """End the W&B run; a search that was interrupted ends so too."""
        self._run.finish()

    def _log_tables(self, front: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> None:
        wandb, measure = _wandb(), cost_measure(front)
        rows = [[_cell(row, column) for column in _TRIAL_COLUMNS] for row in trials]
        members = ordered(front["front"], measure)
        columns = [*_FRONT_COLUMNS, *(cost.field for cost in COSTS.values())]
        table = wandb.Table(columns=columns, data=[_front_row(entry) for entry in members])
        scatter = wandb.plot.scatter(table, measure.field, "accuracy", title=f"Front: accuracy and {measure.label}")
        trial_table = wandb.Table(columns=list(_TRIAL_COLUMNS), data=rows)
        self._run.log({"trials": trial_table, "front": table, "pareto": scatter})

    def _log_picture(self, front: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], folder: Path) -> None:
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
        path.write_text(secrets.token_hex(4))
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


def _rungs(row: Mapping[str, Any]) -> dict[str, float]:
    """What the rungs of a trial gave, flat."""
    flat: dict[str, float] = {}
    for rung, gave in (row.get("rungs") or {}).items():
        flat |= {f"rung/{rung}/{name}": score for name, score in gave.items()} if isinstance(gave, Mapping) else {}
        flat |= {f"rung/{rung}": gave} if not isinstance(gave, Mapping) else {}
    return flat


def _cell(row: Mapping[str, Any], column: str) -> Any:
    if column in TEXTS:
        return None if row.get(column) is None else str(row[column])
    return number(row.get(column))


def _front_row(entry: Mapping[str, Any]) -> list[Any]:
    accuracy, host = interval(entry, "accuracy"), interval(entry, "host_latency_ms")
    bounds = [accuracy.value, accuracy.low, accuracy.high] if accuracy else [None, None, None]
    how = entry["accuracy"].get("how") if isinstance(entry.get("accuracy"), Mapping) else None
    latency = entry.get("latency_ms")
    in_range = latency.get("in_range") if isinstance(latency, Mapping) else None
    costs = [interval(entry, cost.field) for cost in COSTS.values()]
    values = [cost.value if cost else None for cost in costs]
    return [entry["key"], entry.get("notation"), *bounds, how, in_range, host.value if host else None, *values]


def _summary(front: Mapping[str, Any]) -> dict[str, Any]:
    """The run's last figures; `final_`, because wandb keeps the last trial's under the metrics' own names."""
    accuracies = [interval(entry, "accuracy") for entry in front["front"]]
    best = max((accuracy.value for accuracy in accuracies if accuracy), default=None)
    found = {
        "final_hypervolume": number((front.get("hypervolume") or {}).get("value")),
        "final_front_size": len(front["front"]),
        "best_accuracy": best,
        "proxy_kendall_tau": number((front.get("proxy_fidelity") or {}).get("kendall_tau")),
        "latency_mape_percent": number(((front.get("hardware") or {}).get("error") or {}).get("mape_percent")),
        **(front.get("counts") or {}),
    }
    return {name: value for name, value in found.items() if value is not None}
