"""device=ssh: by the system's OpenSSH client; its own settings (~/.ssh/config) hold. It never asks for anything."""

import os
from functools import partial

from nas.errors import ConfigError
from nas.recording.devices.base import Device, Measure, Reach, require_file
from nas.recording.devices.link import Link, measure_there

_OPTIONS = ("BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4")


def check_ssh(reach: Reach) -> None:
    """Refuse what no connection can be made from."""
    if reach.host is None:
        raise ConfigError("device=ssh needs host=…, such as host=pi@10.0.0.7 or a Host of ~/.ssh/config")
    if reach.port is not None and not 0 < reach.port < 65536:
        raise ConfigError(f"port must be 1 to 65535, got {reach.port}")
    require_file("identity", reach.identity)


def open_ssh(reach: Reach, name: str) -> Measure:
    """Measure with the Python there."""
    return partial(measure_there, _link(reach), reach.python or "python3", reach.remote or f"nas-record/{name}")


def _link(reach: Reach) -> Link:
    options = [argument for option in _OPTIONS for argument in ("-o", option)]
    if reach.port is not None:
        options += ["-p", str(reach.port)]
    if reach.identity is not None:
        options += ["-i", os.path.expanduser(reach.identity), "-o", "IdentitiesOnly=yes"]
    host = str(reach.host)
    by_hand = host if reach.port is None else f"-p {reach.port} {host}"
    advice = {
        "HOST IDENTIFICATION HAS CHANGED": "its host key is not the one known; if that is right, remove the old one "
        f"with ssh-keygen -R, and connect once by hand: ssh {by_hand}",
        "Host key verification failed": "its host key is not known yet; connect once by hand and accept it: "
        f"ssh {by_hand}",
        "Permission denied": f"it refused the key; give identity=…, or put the key there: ssh-copy-id {by_hand}",
    }
    return Link(host, ("ssh", "-T", *options, "--", host), advice)


SSH = Device(open_ssh, takes=("host", "port", "identity", "python", "remote"), check=check_ssh)
