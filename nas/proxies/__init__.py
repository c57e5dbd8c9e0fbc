"""How accurate a network is, at a price: the proxies that a search compares networks by, a file each."""

from nas.proxies.base import Proxy
from nas.proxies.probe import ProbeProxy
from nas.proxies.score import ScoreProxy
from nas.proxies.short import ShortProxy
from nas.proxies.supernet import SupernetProxy

AnyProxy = ShortProxy | SupernetProxy | ScoreProxy | ProbeProxy
"""The settings of whichever proxy is chosen."""

PROXIES: dict[str, type[Proxy]] = {
    "short": ShortProxy,
    "supernet": SupernetProxy,
    "score": ScoreProxy,
    "probe": ProbeProxy,
}
"""Proxies by name (conf/proxy)."""
