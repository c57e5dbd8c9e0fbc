"""A workspace and a report of Weights & Biases for a run that was tracked there, as wandb-workspaces describes them.

Where somebody is logged in they are saved there, with the charts of our own; else their specifications are written
into the run folder.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nas.errors import ConfigError, RunError
from nas.reading.words import cut
from nas.report.networks import cost_measure
from nas.report.trackers.scalars import front_table
from nas.report.trackers.wandb import run_id
from nas.report.trackers.wandb_charts import FIELDS, SPECIFICATIONS
from nas.resources import replace_file
from nas.results.front import Front
from nas.results.run_folder import read_front

FOLDER = "wandb"
NOBODY = "your-entity"
"""In specifications that are written, in place of the account's name."""


def build(folder: Path, project: str, entity: str | None) -> Iterator[str]:
    """Save both, or write them; lines that say where they are.

    Raises:
        RunError: the folder holds no finished search.
        ConfigError: wandb-workspaces is not installed, or W&B refuses them.
    """
    _workspaces()
    front = read_front(folder)
    owner = entity or _logged_in_as()
    of = {"entity": owner or NOBODY, "project": project}
    workspace, report = make_workspace(folder, front, **of), make_report(folder, front, **of)
    if owner and _has_key():
        yield from _save(workspace, report, owner)
        return
    (folder / FOLDER).mkdir(exist_ok=True)
    for name, made in (("workspace", workspace), ("report", report)):
        path = folder / FOLDER / f"{name}.json"
        replace_file(path, json.dumps(specification(made), indent=2).encode())
        yield f"{name}: {path}"
    yield (
        f"nobody is logged in to Weights & Biases: these are the specifications. wandb login, wandb sync "
        f"{folder / FOLDER}/offline-run-*, then this command again saves both there"
    )


def make_workspace(folder: Path, front: Front, entity: str, project: str) -> Any:
    """Panels over all runs of the project: live curves, the front, choices, and how far to trust what."""
    wr, ws = _workspaces()
    measure = cost_measure(front)
    over_trials: dict[str, Any] = {"x": "trial"}
    search = [
        wr.LinePlot(title="Hypervolume", y=["hypervolume"], **over_trials),
        wr.LinePlot(title="Networks on the front", y=["front_size"], **over_trials),
        wr.LinePlot(title="Accuracy and worth of trials", y=["accuracy", "worth"], **over_trials),
        wr.LinePlot(title=measure.label.capitalize(), y=[measure.field], **over_trials),
        wr.LinePlot(title="Seconds of a trial", y=["seconds"], **over_trials),
    ]
    runs = [
        wr.ScatterPlot(
            title="Searches: hypervolume and best accuracy",
            x=wr.SummaryMetric("best_accuracy"),
            y=wr.SummaryMetric("final_hypervolume"),
        ),
        wr.ParallelCoordinatesPlot(
            title="What differs between searches",
            columns=[
                *(wr.ParallelCoordinatesPlotColumn(wr.Config(name)) for name in _DIFFERING),
                wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric("final_hypervolume")),
            ],
        ),
        wr.RunComparer(diff_only=True),
    ]
    return ws.Workspace(
        name=f"Search: {cut(folder.resolve().name, 90)}",
        entity=entity,
        project=project,
        sections=[
            ws.Section(name="While it searches", panels=search, is_open=True),
            ws.Section(name="What it found", panels=_found(entity), is_open=True),
            ws.Section(name="Several searches", panels=runs, is_open=False),
        ],
    )


def make_report(folder: Path, front: Front, entity: str, project: str) -> Any:
    """A page on this run: what it found, how, and how far to trust it."""
    wr, _ = _workspaces()
    runset = wr.Runset(name=folder.resolve().name, query=_id_of(folder))  # of the report's own project
    curves = [
        wr.LinePlot(title="Hypervolume", x="trial", y=["hypervolume"]),
        wr.LinePlot(title="Accuracy and worth of trials", x="trial", y=["accuracy", "worth"]),
    ]
    warned = [wr.CalloutBlock(text=warning) for warning in front.warnings]
    return wr.Report(
        entity=entity,
        project=project,
        title=cut(f"Front for {front.hardware.device}: {folder.resolve().name}", 120),
        description=f"{', '.join(front.budget.text) or 'no budget'}, {front.search_space}, {front.data.source}",
        blocks=[
            wr.H1(text="What to ship"),
            *warned,
            wr.P(text=" ".join(front.gain.sentences) or "There is no baseline to compare with."),
            wr.MarkdownBlock(text=front_table(front)),
            wr.PanelGrid(runsets=[runset], panels=_found(entity)),
            wr.H1(text="How it was searched"),
            wr.PanelGrid(runsets=[runset], panels=curves),
            wr.H1(text="How far to trust it"),
            wr.MarkdownBlock(text=_trust(front)),
            wr.H1(text="How to make it again"),
            wr.MarkdownBlock(text=f"```bash\n{front.command}\n```"),
        ],
    )


def specification(made: Any) -> dict[str, Any]:
    """A workspace or a report as W&B keeps it."""
    found: dict[str, Any] = json.loads(made._to_model().model_dump_json(by_alias=True, exclude_none=True))
    return found


_DIFFERING = ("hardware", "budget", "search_space", "sampler.name", "proxy.name", "seed", "trials")


def _found(entity: str) -> list[Any]:
    """The charts that a tracked run logs in the end."""
    wr, _ = _workspaces()
    titles = {"nas-front": ("chart/front_table", "Front"), "nas-choices": ("chart/choices_table", "Choices")}
    own = [
        wr.CustomChart(
            query={"summaryTable": {"tableKey": key}},
            chart_name=f"{entity}/{name}",
            chart_fields=dict(FIELDS[name]),
            chart_strings={"title": title},
        )
        for name, (key, title) in titles.items()
    ]
    return [*own, wr.MediaBrowser(title="The front as the report shows it", media_keys=["front_figure"])]


def _save(workspace: Any, report: Any, entity: str) -> Iterator[str]:
    import wandb

    try:
        for name, chart in SPECIFICATIONS.items():
            _put_chart(wandb.Api(), entity, name, chart)
        yield f"workspace: {workspace.save().url}"
        report.save()
        yield f"report: {report.url}"
    except Exception as error:  # whatever W&B and the way there raise
        raise ConfigError(f"Weights & Biases refused it: {cut(' '.join(str(error).split()), 200)}") from None


def _put_chart(api: Any, entity: str, name: str, chart: Mapping[str, Any]) -> None:
    """A chart of our own; one that is there stays."""
    import wandb

    try:
        api.create_custom_chart(entity, name, name, "vega2", "private", dict(chart))
    except wandb.Error as error:
        if "exist" not in str(error):
            raise


def _workspaces() -> tuple[Any, Any]:
    """The modules of reports, which has the panels too, and of workspaces."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of what it takes from pydantic
            import wandb_workspaces.reports.v2 as reports
            import wandb_workspaces.workspaces as workspaces
    except ImportError:
        raise ConfigError("wandb-workspaces is not installed; pip install 'sepconv-nas[dashboard]'") from None
    return reports, workspaces


def _has_key() -> bool:
    import wandb

    return bool(wandb.login(prompt=False, verify=False))


def _logged_in_as() -> str | None:
    """The account's own entity, asked for only where there is a key; else nothing is sent."""
    if not _has_key():
        return None
    import wandb

    try:
        found: str | None = wandb.Api().default_entity
    except Exception as error:
        raise ConfigError(f"cannot reach Weights & Biases: {cut(' '.join(str(error).split()), 200)}") from None
    return found


def _id_of(folder: Path) -> str:
    if not (folder / FOLDER / "run-id").is_file():
        raise RunError(f"{cut(str(folder), 200)} was not tracked by tracker=wandb; the same search with it adds it")
    return run_id(folder)


def _trust(front: Front) -> str:
    tau, error = front.proxy_fidelity.kendall_tau, front.hardware.error.mape_percent
    ranked = f"rank with Kendall tau {tau:.2f}" if tau is not None else "are too few to say how well they rank"
    lines = [f"- the cheap accuracies and the {len(front.confirmed)} confirmed ones {ranked}"]
    if error is not None:
        lines.append(f"- predicted milliseconds are {error:.1f} % off on networks that the predictor never saw")
    if measured := front.predicted_and_measured:
        lines.append(f"- of this run's networks {measured.n} were measured: {measured.mape_percent:.1f} % off")
    return "\n".join(lines)
