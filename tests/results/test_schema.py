"""What describes front.json is made from the types: the JSON Schema that is shipped, and a page of the docs."""

from typing import Any

import jsonschema
import pytest

from nas.results.schema import PAGE_FILE, SCHEMA_FILE, front_schema, page_text, schema_text
from tests.helpers.run_sample import sample_front

MAKE = "run python -m nas.results.schema"


def test_the_schema_is_up_to_date() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), MAKE


def test_the_page_is_up_to_date() -> None:
    assert PAGE_FILE.read_text(encoding="utf-8") == page_text(), MAKE


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(front_schema())


def test_every_key_has_a_meaning() -> None:
    schema = front_schema()
    for kind in (schema, *schema["$defs"].values()):
        assert kind["description"]
        for name, field in kind["properties"].items():
            assert field.get("description"), name


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("schema",), 2),
        (("hardware", "threads"), "one"),
        (("budget", "macs"), "a lot"),
        (("budget", "networks", "inside"), -1),
        (("front", 0, "accuracy", "value"), 1.5),
        (("front", 0, "files", 0, "bytes"), 1.5),
        (("proxy_fidelity", "verdict"), None),
    ],
)
def test_the_schema_rejects_what_the_types_do(keys: tuple[Any, ...], value: Any) -> None:
    content = sample_front().to_json()
    found: Any = content
    for key in keys[:-1]:
        found = found[key]
    found[keys[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(front_schema()).validate(content)


def test_a_missing_key_is_rejected() -> None:
    content = sample_front().to_json()
    del content["proxy_fidelity"]["rungs"], content["counts"]["failed"]
    errors = [error.message for error in jsonschema.Draft202012Validator(front_schema()).iter_errors(content)]
    assert errors == ["'failed' is a required property"]
