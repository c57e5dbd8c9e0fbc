"""Schemas: plain values to dataclasses, or lists of them, by pydantic."""

from collections.abc import Collection
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError

from nas.errors import NasError
from nas.reading.words import cut, short

T = TypeVar("T")

Whole = Annotated[int, Strict()]
"""A whole number, and no text or truth that could be read as one."""

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A finite number, and no text or truth that could be read as one."""


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must be a text that is not empty")
    return text


Words = Annotated[str, Field(max_length=2000), AfterValidator(_not_empty)]
"""A text of a line or some, and not an empty one."""

Name = Annotated[str, Field(max_length=500), AfterValidator(_not_empty)]
"""A name or label, and not an empty one."""

CLOSED = ConfigDict(extra="forbid")
"""`__pydantic_config__` of a dataclass that refuses unknown keys."""

_PROBLEMS = {
    **dict.fromkeys(("missing", "missing_argument", "missing_keyword_only_argument"), "is missing"),
    **dict.fromkeys(("extra_forbidden", "unexpected_keyword_argument"), "is no known key"),
}
"""What is wrong with a key rather than with its value, by pydantic's type of error."""

_KINDS = ("function", "constrained", "literal[", "list[", "dict[", "tuple[")
"""Pydantic's words for a kind, which stand between the keys of a place."""


def checked(kind: type[T], value: Any, where: str, error: type[NasError], hidden: Collection[str] = ()) -> T:
    """`value` as a `kind`, with every type and range checked; keys in `hidden` are left out of a message.

    Raises:
        error: a key is missing, unknown, or of a wrong type; the message is `where: key: what is wrong`.
    """
    try:
        found: T = adapter(cast(Any, kind)).validate_python(value)
        return found
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
    parts = [str(part) for part in first["loc"] if part not in hidden]
    place = cut(".".join(part for part in parts if not part.startswith(_KINDS)), 120)
    problem = _PROBLEMS.get(first["type"]) or f"{_words(first['msg'])}, got {short(first['input'])}"
    raise error(f"{where}: {place + ': ' if place else ''}{problem}")


def _words(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return cut(message[:1].lower() + message[1:], 200)


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Pydantic's reader of a `kind`, made once."""
    return TypeAdapter(kind)
