"""What must not be shown or written: passwords in the URLs of storages.

A URL is shown as `mysql://***@host/db`; given as `env:NAME` it is read from that variable, and nowhere is it typed.
"""

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from nas.errors import ConfigError

HIDDEN = "***"
_VARIABLE = "env:"


def hide(text: str) -> str:
    """`text`, of one setting, with `***` in a URL for whoever logs in, for its options, and for what may be either."""
    before, separator, rest = text.partition("://")
    if not separator:  # what is left of a URL that was cut up
        return f"{HIDDEN}@{text.rpartition('@')[2]}" if re.search(r":.*@", text) else text
    if "@" in rest:
        after = "" if "?" in rest else f"@{rest.rpartition('@')[2]}"
    elif re.match(r"[^/?]*:(?!\d)", rest):  # name:password, whose host was forgotten
        after = ""
    elif "?" in rest:
        return f"{before}://{rest.partition('?')[0]}?{HIDDEN}"
    else:
        return text
    return f"{before}://{HIDDEN}{after}"


def hide_within(value: Any) -> Any:
    """`value`, plain ones inside each other, with every text as `hide` has it."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {key: hide_within(each) for key, each in value.items()}
    return [hide_within(each) for each in value] if isinstance(value, list) else value


def hide_parts(message: str, url: str) -> str:
    """`message` with `***` for whatever `hide` hides of `url`, as far as a library repeats it."""
    if hide(url) == url:
        return message
    rest = url.partition("://")[2] or url
    login, _, options = rest.rpartition("@")[0] or rest, *rest.partition("?")[1:]
    whole = {login, login.partition(":")[2], *(option.partition("=")[2] for option in options.split("&"))}
    pieces = {piece for part in whole for piece in re.split(r"[:/@?&=]", part) if len(piece) > 2}
    secret = {each for part in whole | pieces for each in (part, unquote(part))} - {""}
    for part in sorted(secret, key=len, reverse=True):
        message = message.replace(part, HIDDEN)
    return message


def resolve(url: str) -> str:
    """The URL itself: what the variable holds where it is `env:NAME`.

    Raises:
        ConfigError: there is no such variable.
    """
    if not url.startswith(_VARIABLE):
        return url
    name = url.removeprefix(_VARIABLE)
    if not os.environ.get(name):
        raise ConfigError(f"storage={url}: there is no environment variable {name!r}; export {name}=URL first")
    return os.environ[name]
