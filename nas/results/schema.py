"""What describes a run folder's files, made from the types: `front.schema.json` and docs/front_json.md.

    python -m nas.results.schema

writes both anew; a JSON Schema (https://json-schema.org, 2020-12) of front.json is shipped beside this module.
"""

import json
from pathlib import Path
from typing import Any

from nas.results.codec import FLAT, schema_of
from nas.results.front import SCHEMA, Front
from nas.results.quality import ProxyFidelity, RankFidelity, RungFidelity
from nas.results.run_folder import write_text
from nas.results.schema_page import page
from nas.results.trials import TrialRow

SCHEMA_FILE = Path(__file__).with_name("front.schema.json")
PAGE_FILE = Path(__file__).parents[2] / "docs" / "front_json.md"


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


def main() -> None:
    """Write both files."""
    print(write_text(SCHEMA_FILE, schema_text()))
    print(write_text(PAGE_FILE, page_text()))


if __name__ == "__main__":
    main()
