"""The page that describes front.json and trials.csv, from their JSON Schemas."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_INTRODUCTION = """\
# front.json and trials.csv

<!-- Made by `python -m nas.results.schema` from the types in nas/results; change the texts there. -->

A finished search leaves its result in `front.json` in the run folder, one JSON object, and a row for each network it
proposed in `trials.csv`. In Python `nas.results.run_folder.read_front(folder)` and
`nas.results.trials.read_trials(folder)` give both as frozen dataclasses of the fields below; a key that is missing or
of a wrong type is one line of error that names file and key. A
[JSON Schema](../nas/results/front.schema.json) of `front.json`, for readers in other languages, is in the package.
A later version may add keys; `schema` goes up by one when a key changes its meaning or goes.
"""

_TRIALS = """\
A row for each network proposed, in the order of the proposals; blank cells where nothing is known."""


def page(front: Schema, row: Schema) -> str:
    """The page in Markdown; `front` is the schema of front.json, `row` of a row of trials.csv."""
    parts = [_INTRODUCTION, "## front.json\n", _sentence(front), _table(front)]
    for name in _in_order(front, front["$defs"]):
        kind = front["$defs"][name]
        parts += [f"### {name}\n", _sentence(kind), _table(kind)]
    parts += ["## trials.csv\n", _TRIALS + "\n", _table(row).replace(" or null |", " |")]
    return "\n".join(parts)


def _sentence(kind: Schema) -> str:
    return str(kind["description"]).replace("\n", " ").replace("  ", "\n\n") + "\n"


def _table(kind: Schema) -> str:
    rows = ["| key | type | meaning |", "|---|---|---|"]
    for key, field in kind["properties"].items():
        rows.append(f"| `{key}` | {_words(field)} | {' '.join(field['description'].split())} |")
    return "\n".join(rows) + "\n"


def _in_order(kind: Schema, types: Mapping[str, Schema], known: frozenset[str] = frozenset()) -> list[str]:
    """The types that `kind` is made of, each once, where it is first met."""
    found: list[str] = []
    for name in _references(kind["properties"]):
        if name not in found and name not in known:
            found += [name, *_in_order(types[name], types, known | {*found, name})]
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def _words(field: Schema) -> str:
    """The type of a field: `list of [Member](#member)`, `number in 0..1, or null`."""
    if "const" in field:
        return f"always {field['const']}"
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        *firsts, last = [_words(option) for option in field["anyOf"]]
        return f"{', '.join(firsts)} or {last}"
    if field["type"] == "array":
        return f"list of {_words(field['items'])}"
    if field["type"] == "object":
        inner = field.get("additionalProperties")
        return f"object of {_words(inner)}" if isinstance(inner, Mapping) else "object"
    bounds = " in 0..1" if field.get("maximum") == 1 else " ≥ 0" if field.get("minimum") == 0 else ""
    return {"string": "text", "boolean": "true or false"}.get(field["type"], str(field["type"])) + bounds
