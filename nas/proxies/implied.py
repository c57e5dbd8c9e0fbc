"""Which proxy a command line means that names none."""

import re
from collections.abc import Sequence
from dataclasses import fields

from nas.proxies import PROXIES

_NULL = "null"


def implied_proxy(words: Sequence[str], from_scratch: str) -> list[str]:
    """The word `proxy=…` that `words`, each `key=value`, leave out; none where they name a proxy.

    It is the first proxy that offers the settings `proxy.…` and the rungs they ask for: `probe` where `init` is
    another than `from_scratch`, `short` otherwise, else one of the rest.
    """
    given = dict(word.lstrip("+").partition("=")[::2] for word in words)
    if "proxy" in given:
        return []
    options = {key.removeprefix("proxy.") for key in given if key.startswith("proxy.")}
    rungs = set(re.findall(r"\w+", given.get("rungs", _NULL))) - {_NULL}
    pretrained = given.get("init", from_scratch) not in (from_scratch, _NULL)
    for name, proxy in sorted(PROXIES.items(), key=lambda item: pretrained and item[0] != "probe"):
        offered = {field.name for field in fields(proxy)}  # type: ignore[arg-type]
        if options <= offered and rungs <= set(proxy.rungs) and (pretrained or name != "probe"):
            return [f"proxy={name}"]
    return []
