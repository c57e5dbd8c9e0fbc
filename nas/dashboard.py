"""`python -m nas.dashboard RUN`: optuna-dashboard on a run, or with tracker=wandb a workspace and a report of W&B."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from nas.commandline import Invocation, command
from nas.errors import ConfigError
from nas.reading.plain import one_line


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """What `nas.dashboard` can be told."""

    run: str | None
    """The folder of a search, such as runs/mine, running or finished; also as the first word, without run=."""
    host: str
    """Where optuna-dashboard listens; 127.0.0.1: for this machine alone, 0.0.0.0: for whoever reaches it."""
    port: Annotated[int, Ge(0), Le(65535)]
    """Its port; 0: any that is free."""
    storage: str | None
    """The Optuna storage of the search where it has one, such as sqlite:///searches.db, or env:NAME."""
    tracker: dict[str, str | int | float | None] | None = None
    """Such as wandb, which builds a workspace and a report of Weights & Biases, in tracker.project of tracker.entity;
    null: serves optuna-dashboard."""


def main(settings: DashboardSettings, _: Invocation) -> None:
    """Serve until Ctrl-C, or build and end."""
    if settings.run is None:
        raise ConfigError("which run? python -m nas.dashboard RUN, the folder of a search")
    if settings.tracker is None:
        _serve(settings, Path(settings.run))
        return
    from nas.report.dashboards.wandb import build
    from nas.report.trackers import tracker_settings
    from nas.report.trackers.wandb import WandbSettings

    tracker = tracker_settings(settings.tracker)
    if not isinstance(tracker, WandbSettings):
        raise ConfigError(
            f"tracker={settings.tracker['name']} has no dashboard here; give tracker=wandb, or none of it"
        )
    for line in build(Path(settings.run), tracker.project, tracker.entity):
        print(one_line(line))


def _serve(settings: DashboardSettings, folder: Path) -> None:
    from nas.report.dashboards.optuna import dashboard_app, open_journal, serve

    if settings.storage is None:
        storage = open_journal(folder)
    else:
        from nas.search.record.storage import check_storage, open_storage

        check_storage(settings.storage)
        storage = open_storage(settings.storage)
    app = dashboard_app(storage)
    serve(app, settings.host, settings.port, lambda address: print(f"{address}  (Ctrl-C ends it)", flush=True))


def named(words: Sequence[str]) -> list[str]:
    """The words of the command line, a first one without a key as `run=`."""
    first, rest = list(words[:1]), list(words[1:])
    if first and "=" not in first[0] and not first[0].startswith("-"):
        quoted = first[0].replace("\\", "\\\\").replace("'", "\\'")
        first = [f"run='{quoted}'"]
    return first + rest


if __name__ == "__main__":
    sys.argv[1:] = named(sys.argv[1:])
    command("dashboard", DashboardSettings, main)
