"""What full trainings leave in a run folder: `finished/KEY.json` beside each network's files, and in front.json."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from nas.errors import RunError
from nas.reading.files import read_text
from nas.reading.json_text import parse_json
from nas.reading.words import cut
from nas.results.codec import from_json, to_json
from nas.results.front import Front
from nas.results.member import Finished, Member
from nas.results.run_folder import MOST_BYTES, write_text

FOLDER = "finished"


@dataclass(frozen=True, slots=True)
class FinishedFile:
    """A network's full training; `digest` is of all that it depends on."""

    digest: str
    finished: Finished


def read_finished(folder: Path, key: str) -> FinishedFile | None:
    """What is known of the network; None where it was not finished.

    Raises:
        RunError: the file cannot be read.
    """
    path = folder / FOLDER / f"{key}.json"
    if not path.exists():
        return None
    where = cut(str(path), 200)
    return from_json(FinishedFile, parse_json(read_text(path, RunError, MOST_BYTES), where, RunError), where)


def write_finished(folder: Path, key: str, found: FinishedFile) -> None:
    """Write it for `read_finished`.

    Raises:
        RunError: the folder cannot be written.
    """
    write_text(folder / FOLDER / f"{key}.json", json.dumps(to_json(found), indent=2, allow_nan=False) + "\n")


def is_whole(folder: Path, found: FinishedFile) -> bool:
    """Whether all its files are there."""
    return all(os.path.isfile(folder / file.path) for file in found.finished.files if file.path)


def with_finished(front: Front, folder: Path) -> Front:
    """The front with what its networks became by full trainings.

    Raises:
        RunError: a file of one cannot be read.
    """

    def known(member: Member) -> Member:
        found = read_finished(folder, member.key)
        return replace(member, finished=found.finished if found else None)

    return replace(front, front=tuple(map(known, front.front)), confirmed=tuple(map(known, front.confirmed)))
