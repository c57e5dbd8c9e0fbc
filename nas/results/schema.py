"""What describes a run folder's files, made from the types: `front.schema.json` and docs/front_json.md.

    python -m nas.results.schema

writes both anew; a JSON Schema (https://json-schema.org, 2020-12) of front.json is shipped beside this module.
"""

import json
from pathlib import Path
from typing import Any

from nas.measures import COSTS
from nas.results.codec import schema_of
from nas.results.front import SCHEMA, BudgetFacts, Front
from nas.results.quality import ProxyFidelity, RankFidelity, RungFidelity
from nas.results.run_folder import write_text
from nas.results.schema_page import page
from nas.results.trials import TrialRow

SCHEMA_FILE = Path(__file__).with_name("front.schema.json")
PAGE_FILE = Path(__file__).parents[2] / "docs" / "front_json.md"


def front_schema() -> dict[str, Any]:
    """The JSON Schema of front.json."""
    types = _without_titles(schema_of(Front))
    ranks = _without_titles(schema_of(RankFidelity))["RankFidelity"]["properties"]
    for kind in (RungFidelity, ProxyFidelity):  # a subclass comes without the texts of the fields it inherits
        types[kind.__name__]["properties"] |= ranks
    types |= _budget()
    front = types.pop("Front")
    front["properties"] |= {
        "schema": {"const": SCHEMA, **front["properties"]["schema"]},
        "budget": {"$ref": "#/$defs/BudgetFacts", "description": front["properties"]["budget"]["description"]},
    }
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": "front.json of sepconv-nas", **front, "$defs": dict(sorted(types.items()))}


def schema_text() -> str:
    """The contents of front.schema.json."""
    return json.dumps(front_schema(), indent=2, ensure_ascii=False) + "\n"


def page_text() -> str:
    """The contents of docs/front_json.md."""
    return page(front_schema(), _without_titles(schema_of(TrialRow))["TrialRow"])


def _budget() -> dict[str, Any]:
    """The limits of a budget stand beside its other keys."""
    types: dict[str, Any] = _without_titles(schema_of(BudgetFacts))
    budget = types["BudgetFacts"]
    limit = budget["properties"].pop("limits")["additionalProperties"]
    limits = {measure.field: {**limit, "description": f"limit on {measure.label}"} for measure in COSTS.values()}
    budget["properties"] = limits | budget["properties"]
    budget["required"].remove("limits")
    return types


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
