"""What must not be shown or written: passwords in the URLs of storages.

A URL is shown as `mysql://***@host/db`; given as `env:NAME` it is read from that variable, and nowhere is it typed.
"""

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from nas.errors import ConfigError
from nas.reading.words import cut

HIDDEN = "***"
_VARIABLE = "env:"
_LOGIN = re.compile(r"(\[[^\]]*\])?[^/?\[]*?:(?!\d+(?:[,/]|$))")
"""name:password where host:port should be, as the host was forgotten or the password holds an @."""
_OPTION = re.compile(r"((?:passw|pwd|secret|token|api_?key)\w{0,20}\s{0,5}=\s{0,5})[^\s&;]+", re.IGNORECASE)


def hide(text: str) -> str:
    """`text`, of one setting, with `***` in a URL for whoever logs in, for its options, and for what may be either."""
    return _OPTION.sub(rf"\1{HIDDEN}", _without_login(text))


def _without_login(text: str) -> str:
    before, separator, rest = text.partition("://")
    if not separator:  # what is left of a URL that was cut up
        login, _, host = text.rpartition("@")
        return f"{HIDDEN}@{host}" if ":" in login else text
    _, at, host = rest.rpartition("@")
    if _LOGIN.match(host) or (at and "?" in rest):
        return f"{before}://{HIDDEN}"
    if at:
        return f"{before}://{HIDDEN}@{host}"
    address, question, _ = rest.partition("?")
    return f"{before}://{address}?{HIDDEN}" if question else text


def hide_within(value: Any) -> Any:
    """`value`, plain ones inside each other, with every text as `hide` has it."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {key: hide_within(each) for key, each in value.items()}
    return [hide_within(each) for each in value] if isinstance(value, list) else value


def hide_parts(message: str, url: str) -> str:
    """`message` with `***` for whatever `hide` hides of `url`, as far as a library repeats it."""
    shown, rest = hide(url), url.partition("://")[2]
    if rest and shown == url:
        return message
    rest = rest or url
    before, _, host = rest.rpartition("@")
    login = before if before and shown.endswith(f"@{host}") else rest
    options = rest.partition("?")[2]
    whole = {login, login.partition(":")[2], *(option.partition("=")[2] for option in options.split("&"))}
    pieces = {piece for part in whole for piece in re.split(r"[:/@?&=;\s]", part) if len(piece) > 2}
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
        name = cut(name)
        raise ConfigError(f"storage=env:{name}: there is no environment variable {name!r}; export {name}=URL first")
    return os.environ[name]
