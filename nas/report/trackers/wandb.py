"""Weights & Biases: the only file that imports wandb, and only when a tracker is built.

Offline, the default, writes under `<run folder>/wandb` and opens no connection; `wandb sync RUN/wandb/offline-run-*`
uploads it later. A search that is resumed in its folder continues the same W&B run: the upload joins its parts.
"""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nas.errors import ConfigError
from nas.measures import COSTS, MEASURES
from nas.reading.words import cut, short
from nas.report.figures import save_front_png
from nas.report.networks import cost_measure, host_timing
from nas.report.text import percent, plural
from nas.report.trackers.base import Tracked
from nas.report.trackers.wandb_charts import (
    FIELDS,
    Chart,
    choices_chart,
    fidelity_chart,
    front_chart,
    hypervolume_lines,
    measured_chart,
)
from nas.report.trackers.wandb_files import log_files
from nas.resources import names, replace_file
from nas.results.choice import most_accurate
from nas.results.front import Front
from nas.results.member import Member
from nas.results.ordering import cost_of, ordered
from nas.results.trials import COLUMNS, TrialRow, table_row

MODES = ("offline", "online")
METRICS = (*(measure.field for measure in MEASURES.values()), "worth", "seconds")
_LONGEST_TAG = 64
_TRIAL_COLUMNS = tuple(column for column in COLUMNS if column != "rungs")
_FRONT_COLUMNS = (
    "name",
    "key",
    "notation",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "how",
    "in_range",
    "host_latency_ms",
)


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

    def start(self, tracked: Tracked) -> "WandbTracker":
        """A W&B run for the search.

        Raises:
            ImportError: wandb is not installed.
            ConfigError: the environment switches it off.
        """
        if off := _switched_off():
            raise ConfigError(f"{off} in the environment switches Weights & Biases off")
        return WandbTracker(self, tracked)


class WandbTracker:
    """One W&B run for one search, however often that is resumed."""

    def __init__(self, settings: WandbSettings, tracked: Tracked) -> None:
        mode, folder = settings.mode, tracked.folder
        wandb = _wandb()
        folder.mkdir(parents=True, exist_ok=True)
        self._entity, self._tracked = settings.entity, tracked
        self._steps = _Steps(folder / "wandb" / "steps")
        self._run = wandb.init(
            dir=folder,
            project=settings.project,
            entity=settings.entity,
            name=settings.run_name or folder.name,
            id=run_id(folder),
            resume="allow",
            group=tracked.group,
            job_type="search",
            tags=[cut(tag, _LONGEST_TAG) for tag in tracked.tags],
            notes=tracked.notes,
            mode=mode,
            config=dict(tracked.config),
            settings=wandb.Settings(
                console="off",  # the live display owns the terminal
                silent=mode == "offline",
                disable_code=True,
                disable_git=True,
                x_disable_stats=True,
                reinit="create_new",  # a multirun tracks several searches from one process
            ),
        )
        self._run.define_metric("trial", hidden=True)
        for metric in (*METRICS, "hypervolume", "front_size"):
            self._run.define_metric(metric, step_metric="trial")
        self._run.define_metric("rung/*", step_metric="trial")

    def trial(self, row: TrialRow, hypervolume: float, front_size: int) -> None:
        """Log what is known of one trial; what its rungs gave is `rung/short`, `rung/score/NAME` and so on."""
        known = {**row.figures, "worth": row.worth, "seconds": row.seconds}
        metrics = {name: value for name in METRICS if (value := known.get(name)) is not None}
        state = {"trial": row.number, "state": row.state}
        self._log({**state, **metrics, **_rungs(row), "hypervolume": hypervolume, "front_size": front_size})

    def finish(self, front: Front, trials: Sequence[TrialRow], run_folder: Path) -> None:
        """Log tables, charts, picture, summary and files, and tell whoever waits."""
        with _staging_in(run_folder / "wandb"):
            self._log(self._tables(front, trials) | self._charts(front, trials))
            self._log_picture(front, trials, run_folder)
            self._run.summary.update(_summary(front))
            log_files(self._run, front, self._tracked)
        self._alert(front)

    def close(self) -> None:
        """End the W&B run; a search that was interrupted ends so too."""
        self._run.finish()

    def _log(self, values: Mapping[str, Any]) -> None:
        """Steps go on where an earlier process ended, so that what it logged and this are one run."""
        self._run.log(dict(values), step=self._steps.next())

    def _tables(self, front: Front, trials: Sequence[TrialRow]) -> dict[str, Any]:
        """Every trial with its choices, and the members of the front."""
        wandb, measure = _wandb(), cost_measure(front)
        made = [dict(self._tracked.choices(row)) if row.notation else {} for row in trials]
        names = list(dict.fromkeys(name for chosen in made for name in chosen))
        rows = [
            [*(table_row(row)[column] for column in _TRIAL_COLUMNS), *(chosen.get(name) for name in names)]
            for row, chosen in zip(trials, made, strict=True)
        ]
        members = ordered(front.front, measure)
        columns = [*_FRONT_COLUMNS, *(cost.field for cost in COSTS.values())]
        return {
            "trials": wandb.Table(columns=[*_TRIAL_COLUMNS, *names], data=rows, allow_mixed_types=True),
            "front": wandb.Table(columns=columns, data=[_front_row(n, each) for n, each in enumerate(members, 1)]),
        }

    def _charts(self, front: Front, trials: Sequence[TrialRow]) -> dict[str, Any]:
        wandb = _wandb()
        charts = {
            "chart/front": self._chart(front_chart(front, trials), "nas-front"),
            "chart/choices": self._chart(choices_chart(trials, self._tracked.choices), "nas-choices"),
            "chart/fidelity": self._chart(fidelity_chart(front, trials)),
            "chart/measured": self._chart(measured_chart(front)),
        }
        lines = hypervolume_lines(front)
        counts = list(range(1, len(lines["this search"]) + 1))
        title, xname = "Hypervolume", "networks evaluated to the end"
        charts["chart/hypervolume"] = counts and wandb.plot.line_series(
            xs=counts, ys=list(lines.values()), keys=list(lines), title=title, xname=xname
        )
        return {name: chart for name, chart in charts.items() if chart}

    def _chart(self, chart: Chart, own: str = "") -> Any:
        """The chart called `own` of the entity, if it has one there; else a scatter of W&B's; None without data."""
        wandb = _wandb()
        if not chart.rows:
            return None
        table = wandb.Table(columns=list(chart.columns), data=chart.rows, allow_mixed_types=True)
        if own and self._entity:
            return wandb.plot_table(f"{self._entity}/{own}", table, dict(FIELDS[own]), {"title": chart.title})
        return wandb.plot.scatter(table, chart.x, chart.y, title=chart.title)

    def _log_picture(self, front: Front, trials: Sequence[TrialRow], folder: Path) -> None:
        path = folder / "front.png"
        if not path.exists():
            save_front_png(front, trials, path)
        self._log({"front_figure": _wandb().Image(str(path))})

    def _alert(self, front: Front) -> None:
        """Say that the run has ended, and whether there is anything in it."""
        measure = cost_measure(front)
        best = most_accurate(front.front) if front.front else None
        text = f"{plural(len(front.front), 'network')} on the front of {self._tracked.folder.name}"
        if best:
            cost = cost_of(best, measure).value * measure.scale
            text += f"; the most accurate has {percent(best.accuracy.value)} % at {cost:.3g} {measure.unit}"
        self._run.alert(title="Search finished", text=text, level="INFO")
        if front.learned is False:
            self._run.alert(title="Nothing learned", text=" ".join(front.warnings) or text, level="WARN")


class _Steps:
    """Counts what was logged, over all processes of a run folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = int(path.read_text()) if path.exists() else 0

    def next(self) -> int:
        """The step of what is logged now."""
        step, self._next = self._next, self._next + 1
        self._path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._path, str(self._next).encode())
        return step


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


def run_id(folder: Path) -> str:
    """The folder's own W&B run id, made at its first search; an agent of a sweep chooses it."""
    path, given = folder / "wandb" / "run-id", os.environ.get("WANDB_RUN_ID")
    if given:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, given.encode())
    elif not path.exists():
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


def _rungs(row: TrialRow) -> dict[str, float]:
    """What the rungs of a trial gave, flat."""
    flat: dict[str, float] = {}
    for rung, gave in (row.rungs or {}).items():
        if isinstance(gave, Mapping):
            flat |= {f"rung/{rung}/{name}": score for name, score in gave.items()}
        else:
            flat[f"rung/{rung}"] = gave
    return flat


def _front_row(number: int, member: Member) -> list[object]:
    accuracy, host = member.accuracy, host_timing(member)
    figures = [accuracy.value, accuracy.low, accuracy.high, accuracy.how, member.latency_ms.in_range]
    costs = [cost_of(member, cost).value if cost.field in member.costs else None for cost in COSTS.values()]
    return [f"m{number}", member.key, member.notation, *figures, host.median if host else None, *costs]


def _summary(front: Front) -> dict[str, object]:
    """The run's last figures; `final_`, because wandb keeps the last trial's under the metrics' own names."""
    measured = front.predicted_and_measured
    found = {
        "final_hypervolume": front.hypervolume.value,
        "final_front_size": len(front.front),
        "best_accuracy": max((member.accuracy.value for member in front.front), default=None),
        "proxy_kendall_tau": front.proxy_fidelity.kendall_tau,
        "proxy_kendall_tau_low": front.proxy_fidelity.low,
        "proxy_kendall_tau_high": front.proxy_fidelity.high,
        "macs_kendall_tau": front.proxy_fidelity.macs_kendall_tau,
        "latency_mape_percent": front.hardware.error.mape_percent,
        "measured_mape_percent": measured.mape_percent if measured else None,
        "learned": front.learned,
        **asdict(front.counts),
    }
    return {name: value for name, value in found.items() if value is not None}
