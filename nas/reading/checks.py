"""Schemas: plain values to dataclasses, or lists of them, by pydantic."""

from collections.abc import Collection
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import ConfigDict, Field, Strict, TypeAdapter, ValidationError

from nas.errors import NasError
from nas.reading.words import cut, short

T = TypeVar("T")

Whole = Annotated[int, Strict()]
"""A whole number, and no text or truth that could be read as one."""

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A finite number, and no text or truth that could be read as one."""

CLOSED = ConfigDict(extra="forbid")
"""`__pydantic_config__` of a dataclass that refuses unknown keys."""

_KINDS = ("function", "constrained", "literal[", "list[", "dict[", "tuple[")
"""Pydantic's words for a kind, which stand between the keys of a place."""


def checked(kind: type[T], value: Any, where: str, error: type[NasError], hidden: Collection[str] = ()) -> T:
    """`value` as a `kind`, with every type and range checked; keys in `hidden` are left out of a message.

    Raises:
        error: a key is missing, unknown, or of a wrong type; the message is `where: key: what is wrong`.
    """
    try:
        found: T = _adapter(cast(Any, kind)).validate_python(value)
        return found
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
    parts = [str(part) for part in first["loc"] if part not in hidden]
    place = cut(".".join(part for part in parts if not part.startswith(_KINDS)), 120)
    problem = first["msg"].removeprefix("Value error, ")
    problem = cut(problem[:1].lower() + problem[1:], 200)
    raise error(f"{where}: {place + ': ' if place else ''}{problem}, got {short(first['input'])}")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
