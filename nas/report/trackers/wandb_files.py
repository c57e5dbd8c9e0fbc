"""The files of a run as artifacts of Weights & Biases: the results, the networks of the front, the device's profile."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nas.report.networks import cost_measure
from nas.report.trackers.base import Tracked
from nas.report.trackers.wandb_charts import SPECIFICATIONS
from nas.resources import replace_file
from nas.results.choice import named
from nas.results.front import Front
from nas.results.member import Member
from nas.results.ordering import cost_of, ordered

FILES = ("front.json", "trials.csv", "report.html", "front.png", ".hydra/*.yaml", "study.journal")
MAX_JOURNAL_BYTES = 50_000_000


def log_files(run: Any, front: Front, tracked: Tracked) -> None:
    """Log them to the W&B `run`; networks are versions of one artifact, with `aliases` to find them by."""
    folder = tracked.folder
    results = _artifact(run, f"search-{folder.resolve().name}", "search")
    for path in [*_results(folder), *_specifications(folder / "wandb" / "charts")]:
        _add(results, path, path.relative_to(folder).as_posix())
    run.log_artifact(results)
    measure = cost_measure(front)
    for number, member in enumerate(ordered(front.front, measure), start=1):
        about = {"accuracy": member.accuracy.value, measure.field: cost_of(member, measure).value, "macs": member.macs}
        network = _artifact(run, "network", "model", {"key": member.key, "notation": member.notation, **about})
        for file in member.files:
            if file.path and (folder / file.path).is_file():
                _add(network, folder / file.path, Path(file.path).name)
        run.log_artifact(network, aliases=[f"m{number}", *aliases(front, member)])
    for profile in tracked.profiles:
        device = _artifact(run, f"profile-{profile.name}", "profile")
        for path in sorted(profile.rglob("*")):
            if path.is_file():
                _add(device, path, path.relative_to(profile).as_posix())
        run.log_artifact(device)


def aliases(front: Front, member: Member) -> Iterator[str]:
    """What a member of the front is found by."""
    known = named(front.front, cost_measure(front))
    yield from (name for name, found in known.items() if found and found.key == member.key)


def _artifact(run: Any, name: str, kind: str, about: dict[str, Any] | None = None) -> Any:
    from wandb import Artifact

    return Artifact(re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{name}-{run.id}")[-128:], type=kind, metadata=about or {})


def _add(artifact: Any, path: Path, name: str) -> None:
    # immutable: wandb reads the file where it is, instead of copying it to the user's home
    artifact.add_file(str(path), name=name, policy="immutable", skip_cache=True)


def _results(folder: Path) -> list[Path]:
    found = [path for pattern in FILES for path in sorted(folder.glob(pattern)) if path.is_file()]
    return [path for path in found if path.name != "study.journal" or path.stat().st_size <= MAX_JOURNAL_BYTES]


def _specifications(folder: Path) -> Iterator[Path]:
    """Our own charts, written there for whoever wants to put them into W&B by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, specification in SPECIFICATIONS.items():
        path = folder / f"{name}.json"
        replace_file(path, json.dumps(specification, indent=2).encode())
        yield path
