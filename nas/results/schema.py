"""What describes a run folder's files, made from the types: `front.schema.json` and docs/front_json.md.

    python -m nas.results.schema

writes both anew; a JSON Schema (https://json-schema.org, 2020-12) of front.json is shipped beside this module.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nas.results.codec import FLAT, schema_of
from nas.results.front import SCHEMA, Front
from nas.results.quality import ProxyFidelity, RankFidelity, RungFidelity
from nas.results.run_folder import write_text
from nas.results.trials import TrialRow

SCHEMA_FILE = Path(__file__).with_name("front.schema.json")
PAGE_FILE = Path(__file__).parents[2] / "docs" / "front_json.md"

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


def front_schema() -> dict[str, Any]:
    """The JSON Schema of front.json."""
    types = _types(Front)
    ranks = _types(RankFidelity)["RankFidelity"]["properties"]
    for kind in (RungFidelity, ProxyFidelity):  # a subclass comes without the texts of the fields it inherits
        types[kind.__name__]["properties"] |= ranks
    front = types.pop("Front")
    front["properties"]["schema"] = {"const": SCHEMA, **front["properties"]["schema"]}
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": "front.json of sepconv-nas", **front, "$defs": dict(sorted(types.items()))}


def schema_text() -> str:
    """The contents of front.schema.json."""
    return json.dumps(front_schema(), indent=2, ensure_ascii=False) + "\n"


def page_text() -> str:
    """The contents of docs/front_json.md."""
    return page(front_schema(), _types(TrialRow)["TrialRow"])


def _types(kind: type) -> dict[str, Any]:
    """The schemas of `kind` and the types in it, the keys of each mapping among `FLAT` beside the others."""
    types: dict[str, Any] = _without_titles(schema_of(kind))
    for name, each in types.items():
        if set(FLAT) & set(each["properties"]):
            types[name] = _beside(each)
    return types


def _beside(schema: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, each in schema["properties"].items():
        inner = each if name in FLAT else {"properties": {name: each}, "required": {name} & set(schema["required"])}
        properties |= inner["properties"]
        required += inner.get("required", ())
    return {**schema, "properties": properties, "required": required}


def _without_titles(schema: Any) -> Any:
    """The schema without the titles that only repeat the fields' names."""
    if isinstance(schema, list):
        return [_without_titles(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_titles(each) for key, each in schema.items() if key != "title" or isinstance(each, dict)}


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


def main() -> None:
    """Write both files."""
    print(write_text(SCHEMA_FILE, schema_text()))
    print(write_text(PAGE_FILE, page_text()))


if __name__ == "__main__":
    main()
