"""Run folders that `nas.report` is given: every file of the wrong kind, every key of front.json of a wrong type."""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nas.results.trials import COLUMNS
from tests.helpers.bad_inputs import BadInput, Content
from tests.helpers.run_sample import climbed_front, with_measured

FRONT: dict[str, Any] = with_measured(climbed_front()).to_json()
FRONT_TEXT = json.dumps(FRONT)
GOOD = {"number": "0", "state": "complete", "accuracy": "0.5", "latency_ms": "3", "macs": "7"}
Key = str | int
Place = tuple[Key, ...]


def table_text(*rows: Mapping[str, str], columns: tuple[str, ...] = COLUMNS) -> str:
    """A trials.csv."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


TABLE = table_text(GOOD)


def refused(says: str, *, front: Content | None = FRONT_TEXT, trials: Content | None = TABLE) -> BadInput:
    """The report of a run folder with these files; None leaves one out."""
    given = {"run/front.json": front, "run/trials.csv": trials}
    files = {name: content for name, content in given.items() if content is not None}
    return BadInput("report", ("run",), files=files, says=says)


def replaced(place: Place, value: Any) -> str:
    """A front.json with `value` at that place."""
    content = json.loads(FRONT_TEXT)
    found: Any = content
    for key in place[:-1]:
        found = found[key]
    found[place[-1]] = value
    return json.dumps(content)


def places(value: Any = FRONT, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every key of front.json with its value; of a list, what is in its first place."""
    if place:
        yield place, value
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else [(0, value[0])]:
            if not (place and place[-1] in ("counts", "architecture", "proxy", "versions")):
                yield from places(inner, (*place, key))


def wrong(value: Any) -> Any:
    """Something of another type."""
    if isinstance(value, bool) or value is None:
        return [[]]
    if isinstance(value, int | float):
        return "many"
    return 7 if isinstance(value, str | dict) else {"a": 1}


def of_another_type() -> Iterator[BadInput]:
    """A row for each key of front.json, those of baselines and confirmed networks once, with those of the front."""
    for place, value in places():
        if place[0] not in ("confirmed", "baselines") or len(place) <= 2:
            yield refused(rf"front\.json.*{place[-1]}", front=replaced(place, wrong(value)))


def folder(path: Path) -> None:
    """A folder in place of the file."""
    path.mkdir()


def pipe(path: Path) -> None:
    """A named pipe, which nobody writes to."""
    os.mkfifo(path)


def device(path: Path) -> None:
    """A link to something without end."""
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    """A file with a hole of a gigabyte."""
    with path.open("wb") as file:
        file.truncate(10**9)


FILES: dict[str, tuple[Content | None, str]] = {
    "missing": (None, r"cannot be read: No such file"),
    "a folder": (folder, r"is a folder; give a file"),
    "a pipe": (pipe, r"is a pipe or device"),
    "a device": (device, r"is a pipe or device"),
    "huge": (huge, r"is larger than 100,000,000 bytes"),
    "latin-1": (b'{"a": "caf\xe9"}', r"not UTF-8 text \(byte 11 is 0xe9\)"),
    "utf-16": ("{}".encode("utf-16"), r"not UTF-8 text"),
}

FRONTS: dict[str, tuple[str, str]] = {
    "empty": ("", r"not JSON"),
    "half": (FRONT_TEXT[: len(FRONT_TEXT) // 2], r"not JSON"),
    "two": (FRONT_TEXT * 2, r"not JSON"),
    "nested lists": ("[" * 100_000, r"nested deeper than"),
    "nested lists, closed": ("[" * 50_000 + "]" * 50_000, r"nested deeper than"),
    "nested objects": ('{"schema":' * 100_000, r"nested deeper than"),
    "nested at a key": (
        replaced(("proxy",), 0).replace('"proxy": 0', '"proxy": ' + "[" * 99_999),
        r"nested deeper than",
    ),
    "NaN": (replaced(("seed",), float("nan")), r"NaN is no number"),
    "Infinity": (replaced(("hypervolume", "value"), float("inf")), r"Infinity is no number"),
    "digits": (replaced(("seed",), 0).replace('"seed": 0', '"seed": ' + "9" * 5000), r"number of 5000 characters"),
    "exponent": (replaced(("seed",), 0).replace('"seed": 0', '"seed": 1e999'), r"beyond"),
    "a key twice": (FRONT_TEXT.replace('{"schema": 1', '{"schema": 1, "schema": 1'), r"'schema' is given twice"),
    "a list": ("[]", r"has no 'schema'"),
    "a text": ('"front"', r"has no 'schema'"),
    "null": ("null", r"has no 'schema'"),
    "another schema": (replaced(("schema",), 99), r"has schema 99, of a newer or another version"),
    "an older schema": (replaced(("schema",), 0), r"has schema 0, of an older version"),
    "no schema": (replaced(("schema",), "x" * 100_000), r"has schema 'xxx.*version"),
    "a long text": (replaced(("seed",), "9" * 1_000_000), r"seed: .*, got '999"),
    "a long key": (FRONT_TEXT.replace('"macs": ', '"' + "m" * 1_000_000 + '": '), r"macs: is missing"),
    "unknown objective": (replaced(("objectives",), ["accuracy", "speed"]), r"objectives\.1: must be one of .*latency"),
    "unknown measure": (replaced(("hypervolume", "reference"), {"speed": 1}), r"reference\.speed.*must be one of"),
    "below zero": (replaced(("counts", "failed"), -1), r"counts\.failed: .*greater than or equal to 0"),
    "above one": (replaced(("front", 0, "accuracy", "value"), 1.5), r"front\.0\.accuracy\.value: .*less than or equal"),
    "astronomic": (replaced(("front", 0, "latency_ms", "high"), 1e300), r"latency_ms\.high: must be at most 1e\+30"),
    "astronomic count": (replaced(("front", 0, "macs"), 10**35), r"front\.0\.macs: must be at most 1e\+30"),
    "unequal curves": (replaced(("hypervolume", "random", "low"), [0.1]), r"hypervolume\.random: mean, low and high"),
    "no blocks": (replaced(("front", 0, "architecture", "blocks"), []), r"front\.0\.architecture: "),
    "a block": (replaced(("front", 0, "architecture", "blocks", 0), 7), r"front\.0\.architecture: "),
    "a kernel": (replaced(("front", 0, "architecture", "blocks", 0, "kernel"), "3"), r"front\.0\.architecture: "),
    "an absolute path": (
        replaced(("front", 0, "onnx"), "/etc/passwd"),
        r"front\.0\.onnx: must be the path of a file in",
    ),
    "a path out": (
        replaced(("front", 0, "files", 0, "path"), "../../x"),
        r"files\.0\.path: must be the path of a file",
    ),
    "a host": (replaced(("front", 0, "files", 0, "path"), "//x.org/a"), r"files\.0\.path: must be the path of a file"),
    "half a letter": (replaced(("front", 0, "onnx"), "\ud800"), r"front\.0\.onnx: must be the path of a file"),
}

HEADER = ",".join(COLUMNS)
WIDE = "x" * 200_000

TABLES: dict[str, tuple[str, str]] = {
    "empty": ("", r"trials\.csv:1: the column 'number' is missing"),
    "no header": ("0,complete,,\n", r"trials\.csv:1: the column 'number' is missing"),
    "a column missing": (
        table_text(GOOD, columns=COLUMNS[:-1]),
        rf"trials\.csv:1: the column '{COLUMNS[-1]}' is missing",
    ),
    "a column twice": (table_text(columns=("macs", *COLUMNS)), r"trials\.csv:1: the column 'macs' is given twice"),
    "few cells": (f"{HEADER}\n0,complete\n", r"trials\.csv:2: the row must have"),
    "many cells": (f"{HEADER}\n{',' * 99}\n", r"trials\.csv:2: the row must have"),
    "a stray quote": (f'{HEADER}\n0,"complete\n', r"trials\.csv:2: not CSV"),
    "a long field": (f"{HEADER}\n0,{WIDE}\n", r"trials\.csv:2: (not CSV: field larger|the row must have)"),
    "NUL": (f"{HEADER}\n0,\0\n", r"trials\.csv:2: holds a NUL"),
    "a word for a number": (table_text(GOOD, {**GOOD, "macs": "many"}), r"trials\.csv:3: macs: .*, got 'many'"),
    "no number": (table_text({**GOOD, "number": ""}), r"trials\.csv:2: number: is missing"),
    "below zero": (table_text({**GOOD, "number": "-1"}), r"trials\.csv:2: number: .*, got -1"),
    "NaN": (table_text({**GOOD, "accuracy": "nan"}), r"trials\.csv:2: accuracy: .*, got 'nan'"),
    "Infinity": (table_text({**GOOD, "latency_ms": "inf"}), r"trials\.csv:2: latency_ms: .*, got 'inf'"),
    "astronomic": (table_text({**GOOD, "seconds": "1e300"}), r"trials\.csv:2: seconds: must be at most"),
    "digits": (table_text({**GOOD, "macs": "9" * 5000}), r"trials\.csv:2: macs: .*, got '999"),
    "other digits": (table_text({**GOOD, "macs": "\u0663"}), r"trials\.csv:2: macs: "),
    "a fraction": (table_text({**GOOD, "macs": "7.5"}), r"trials\.csv:2: macs: .*, got 7\.5"),
    "separated": (table_text({**GOOD, "macs": "1_000"}), r"trials\.csv:2: macs: .*, got '1_000'"),
    "rungs": (table_text({**GOOD, "rungs": "{short"}), r"trials\.csv:2: rungs: not JSON"),
    "rungs nested": (table_text({**GOOD, "rungs": "[" * 100_000}), r"trials\.csv:2: rungs: nested deeper"),
    "rungs of words": (table_text({**GOOD, "rungs": '{"short": "good"}'}), r"trials\.csv:2: rungs\.short"),
    "rungs as a number": (table_text({**GOOD, "rungs": "7"}), r"trials\.csv:2: rungs: "),
}

ROWS = [
    BadInput("report", (), says=r"required: run; use python -m nas\.report RUN"),
    BadInput("report", ("run", "x"), says=r"unrecognized arguments: x; use"),
    BadInput("report", ("--nonsense",), says=r"; use python -m nas\.report RUN"),
    BadInput("report", ("x" * 10_000,), says=r"cannot be read: File name too long"),
    BadInput("report", ("file",), files={"file": ""}, says=r"file/front\.json: cannot be read: Not a directory"),
    *(refused(says, front=content) for content, says in FILES.values()),
    *(refused(says, trials=content) for content, says in FILES.values()),
    *(refused(says, front=content) for content, says in FRONTS.values()),
    *(refused(says, trials=content) for content, says in TABLES.values()),
    *of_another_type(),
]
