"""An example of a value for every setting, from its own declaration.

It is what stands after "such as" in its text; else, of values to choose from, one that is not the default; else the
default, where there is one.
"""

import re
from typing import Any

from nas.commandline.declarations import Setting
from nas.commandline.kinds import Kind, typed, values_of

_SUCH_AS = re.compile(r"\bsuch as `?(\[[^\]]*\]|[^\s`]*[^\s`,;.:)])")


def example(setting: Setting) -> str:
    """A value as it is typed after `key=`."""
    found = _SUCH_AS.search(setting.text)
    if found:
        return found[1].replace(" ", "")
    others = [value for value in values_of(setting.kind) if value not in ("null", typed(setting.default))]
    if others:
        return others[0]
    return typed(_number(setting.kind, setting.default))


def _number(kind: Kind, default: Any) -> Any:
    """Twice a whole number, where that is allowed."""
    if type(default) is int and default > 0 and kind.get("most", 2 * default) >= 2 * default and kind["is"] == "int":
        return 2 * default
    return default
