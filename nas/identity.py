"""What makes two runs, trainings or files the same: digests of plain values, and settings that need not agree.

Fields at their defaults and the names of classes count for nothing, so that a field added with a default, or a
class renamed, leaves what was done before where it is found.
"""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

T = TypeVar("T")

MAY_CHANGE = "may change on resuming"
Free = Annotated[T, MAY_CHANGE]
"""Marks a field of settings that may change when a run is resumed: it neither names the run folder nor must agree."""


def digest(value: Any, version: int, size: int = 6) -> str:
    """A short name, 2 x `size` hexadecimal digits, of a value as `plain` has it; `version` is that of its meaning.

    Raises:
        TypeError: something in `value` is not plain.
    """
    text = json.dumps([version, plain(value)], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def plain(value: Any) -> Any:
    """`value` as JSON values: dataclasses by their fields, but for those that are derived or at their defaults.

    An object with an `identity` stands for that, wherever and however it is kept.

    Raises:
        TypeError: something in `value` is neither of these nor a number, text, path, sequence or mapping.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if hasattr(value, "identity"):
        return plain(value.identity)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value) if _tells(field, value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no identity; give it one, a property of plain values")


def agreeing(settings: Any) -> dict[str, Any]:
    """What must be equal for two runs to be one, by dotted key: the settings that are not `Free`, as `plain` has them.

    `settings` is a dataclass, whose fields may be dataclasses of settings.
    """
    hints = get_type_hints(type(settings), include_extras=True)
    found: dict[str, Any] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if MAY_CHANGE in getattr(hints[field.name], "__metadata__", ()) or not _tells(field, settings):
            continue
        if is_dataclass(value):
            found |= {f"{field.name}.{key}": each for key, each in agreeing(value).items()}
        else:
            found[field.name] = plain(value)
    return found


@cache
def source_version() -> str:
    """The version of this project and, in a checkout of its sources, what `git describe` says."""
    known, root = version("sepconv-nas"), Path(__file__).parents[1]
    if not (root / ".git").exists():
        return known
    asked = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return known
    return f"{known}+git.{found}"


def _tells(field: "Field[Any]", value: Any) -> bool:
    """Whether the field of a dataclass tells it from others."""
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return field.init and field.compare and (default is MISSING or getattr(value, field.name) != default)
